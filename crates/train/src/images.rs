//! Images and labels on the device.

use tch::{Device, Kind, Tensor};

/// Images as u8 [n, 3, size, size] and labels as i64 [n], both on one device.
pub struct ImageSet {
    /// u8 [n, 3, size, size].
    pub pixels: Tensor,
    /// i64 [n].
    pub labels: Tensor,
}

impl ImageSet {
    /// From channel-major bytes (see `scour_datasets::Split`).
    pub fn from_bytes(pixels: &[u8], labels: &[u32], size: u32, device: Device) -> Self {
        let size = i64::from(size);
        let pixels = Tensor::from_data_size(pixels, &[labels.len() as i64, 3, size, size], Kind::Uint8)
            .to_device(device);
        let labels: Vec<i64> = labels.iter().map(|&label| i64::from(label)).collect();
        Self { pixels, labels: Tensor::from_slice(&labels).to_device(device) }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.numel()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy of the images at `indices` (i64), in that order.
    pub fn select(&self, indices: &Tensor) -> Self {
        Self { pixels: self.pixels.index_select(0, indices), labels: self.labels.index_select(0, indices) }
    }

    /// The first `count` images, sharing memory; all of them when `count` is 0 or too large.
    pub fn first(&self, count: usize) -> Self {
        let count = if count == 0 { self.len() } else { count.min(self.len()) };
        Self {
            pixels: self.pixels.narrow(0, 0, count as i64),
            labels: self.labels.narrow(0, 0, count as i64),
        }
    }

    /// Batches of that size in the order of the set, the last one may be smaller; memory is shared.
    pub fn batches(&self, size: usize) -> impl Iterator<Item = Self> + '_ {
        (0..self.len()).step_by(size.max(1)).map(move |start| {
            let count = size.min(self.len() - start) as i64;
            Self {
                pixels: self.pixels.narrow(0, start as i64, count),
                labels: self.labels.narrow(0, start as i64, count),
            }
        })
    }

    /// The labels, on the CPU.
    pub fn classes(&self) -> Vec<u32> {
        to_classes(&self.labels)
    }

    /// The device of the images.
    pub fn device(&self) -> Device {
        self.pixels.device()
    }
}

/// An i64 tensor of classes as a vector on the CPU.
pub(crate) fn to_classes(labels: &Tensor) -> Vec<u32> {
    let mut values = vec![0i64; labels.numel()];
    if !values.is_empty() {
        let count = values.len();
        labels.to_device(Device::Cpu).contiguous().copy_data(&mut values, count);
    }
    values.into_iter().map(|value| value as u32).collect()
}
