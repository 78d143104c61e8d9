//! Bilinear upsampling whose backward pass is reproducible to the last bit, on GPUs too: there libtorch's own adds up in
//! an order that depends on its threads.

use std::cell::RefCell;

use scour_torch::without_autocast;
use tch::{Device, Kind, Tensor};

/// Scales up, with corners not aligned, as PyTorch does by default.
#[derive(Default)]
pub(crate) struct Upsampling {
    /// Interpolation matrices by what they lead from and to. A generator needs few, on one device.
    matrices: RefCell<Vec<((i64, i64), Tensor)>>,
}

impl Upsampling {
    /// [n, c, h, w] to [n, c, height, width].
    pub(crate) fn forward(&self, x: &Tensor, size: [i64; 2]) -> Tensor {
        if x.device().is_cuda() {
            return self.by_products(x, size);
        }
        x.upsample_bilinear2d(size, false, None, None)
    }

    /// The same as two products with fixed matrices. Their gradients are products too, which are deterministic where
    /// `CUBLAS_WORKSPACE_CONFIG` is set, as it is for workers.
    fn by_products(&self, x: &Tensor, [height, width]: [i64; 2]) -> Tensor {
        let (n, c, h, w) = x.size4().expect("images are 4-d");
        let (rows, columns) = (self.matrix(h, height, x.device()), self.matrix(w, width, x.device()));
        // libtorch's own operation computes in fp32 under autocast too, and rounds once.
        without_autocast(x.device(), || {
            // Channels are last in memory from the first step to the last, so that none of them copies.
            let lines = x.to_kind(Kind::Float).permute([0, 2, 3, 1]).reshape([n, h, w * c]);
            let lines = rows.matmul(&lines).reshape([n * height, w, c]);
            let out = columns.matmul(&lines).reshape([n, height, width, c]);
            out.permute([0, 3, 1, 2]).to_kind(x.kind())
        })
    }

    fn matrix(&self, from: i64, to: i64, device: Device) -> Tensor {
        let mut matrices = self.matrices.borrow_mut();
        if let Some((_, matrix)) = matrices.iter().find(|(lengths, _)| *lengths == (from, to)) {
            return matrix.shallow_clone();
        }
        let matrix = interpolation(from, to).to_device(device);
        matrices.push(((from, to), matrix.shallow_clone()));
        matrix
    }
}

/// f32 [to, from] on the CPU: each row has the weights of the two old values around a new one. The centres of old and new
/// values are spread evenly over the same length; before the first centre and behind the last only that value counts.
fn interpolation(from: i64, to: i64) -> Tensor {
    let scale = from as f32 / to as f32;
    let mut weights = vec![0f32; (to * from) as usize];
    for (position, row) in weights.chunks_mut(from as usize).enumerate() {
        let at = (scale * (position as f32 + 0.5) - 0.5).max(0.0);
        let low = (at as usize).min(row.len() - 1);
        let high = (low + 1).min(row.len() - 1);
        let share = (at - low as f32).min(1.0);
        row[low] += 1.0 - share;
        row[high] += share;
    }
    Tensor::from_slice(&weights).reshape([to, from])
}

#[cfg(test)]
mod tests {
    use scour_torch::{NumberFormat, Random, channels_last, with_autocast};

    use super::*;

    fn far(a: &Tensor, b: &Tensor) -> f64 {
        (a - b).abs().max().double_value(&[])
    }

    #[test]
    fn products_give_the_values_and_the_gradients_of_bilinear_upsampling() {
        let upsampling = Upsampling::default();
        for (from, to) in [
            ([3, 3], [6, 6]),
            ([4, 4], [8, 8]),
            ([5, 5], [11, 11]),
            ([1, 1], [2, 2]),
            ([3, 4], [7, 8]),
            ([6, 6], [6, 6]),
        ] {
            let x = Random::new(1).normal(&[2, 3, from[0], from[1]], Device::Cpu);
            let x = channels_last(&x).set_requires_grad(true);
            let weights = Random::new(2).normal(&[2, 3, to[0], to[1]], Device::Cpu);
            let gradient = |out: &Tensor| {
                Tensor::run_backward(&[(out * &weights).sum(Kind::Float)], &[&x], false, false).remove(0)
            };
            let found = upsampling.by_products(&x, to);
            let expected = x.upsample_bilinear2d(to, false, None, None);
            assert_eq!(found.size(), expected.size());
            assert!(far(&found, &expected) < 1e-5, "{from:?} to {to:?}");
            assert!(far(&gradient(&found), &gradient(&expected)) < 1e-5, "{from:?} to {to:?}");
            assert_eq!(found.stride(), channels_last(&found).stride(), "{from:?} to {to:?}");
        }
    }

    #[test]
    fn on_a_cpu_it_is_libtorchs_own() {
        let x = Random::new(1).normal(&[2, 3, 5, 5], Device::Cpu);
        let own = x.upsample_bilinear2d([11, 11], false, None, None);
        assert_eq!(Upsampling::default().forward(&x, [11, 11]), own);
    }

    #[test]
    fn under_autocast_it_is_rounded_once() {
        let x = Random::new(1).normal(&[2, 4, 3, 3], Device::Cpu).to_kind(Kind::BFloat16);
        let upsampling = Upsampling::default();
        let exact = upsampling.by_products(&x.to_kind(Kind::Float), [7, 7]);
        let found = with_autocast(NumberFormat::Bf16, Device::Cpu, || upsampling.by_products(&x, [7, 7]));
        assert_eq!(found.kind(), Kind::BFloat16);
        assert_eq!(found, exact.to_kind(Kind::BFloat16));
    }
}
