use super::*;
use crate::batch_share::tests::{any_ratio_and_batch_size_will_do, make_batches};

fn at(grid: &Tensor, row: i64, column: i64) -> (f64, f64) {
    (grid.double_value(&[0, row, column, 0]), grid.double_value(&[0, row, column, 1]))
}

fn near(found: (f64, f64), expected: (f64, f64)) -> bool {
    (found.0 - expected.0).abs() < 1e-6 && (found.1 - expected.1).abs() < 1e-6
}

#[test]
fn the_grid_is_the_one_computed_by_hand() {
    // Columns -1, 0 / 0, 1 and rows 0.5, 0.5 / 0.5, 0.5: mean of |u| is 0.5, so they become -2, 0 / 0, 2 and 1.
    let directions = Tensor::from_slice(&[-1f32, 0.0, 0.0, 1.0, 0.5, 0.5, 0.5, 0.5]).reshape([1, 2, 2, 2]);
    let grid = grid(&directions, 0.5, 1.0, 4);
    assert_eq!(grid.size(), [1, 4, 4, 2]);
    // Corners keep the control points; s / H = 0.125. (-1 - 0.25, -1 + 0.125), the first clamped.
    assert!(near(at(&grid, 0, 0), (-1.0, -0.875)));
    assert!(near(at(&grid, 0, 3), (1.0, -0.875)));
    assert!(near(at(&grid, 3, 3), (1.0, 1.0)));
    // A third of the way the cubic (A = -0.75, borders repeated) weighs the two points 37/54 and 17/54: column 1 of
    // row 0 is -2 * 37/54 = -1.3703704, and row 1, column 2 mixes 17/54 * -2 * 37/54 + 37/54 * ... by symmetry 0.
    assert!(near(at(&grid, 0, 1), (-1.0 / 3.0 - 0.125 * 1.370_370_4, -0.875)), "{:?}", at(&grid, 0, 1));
    assert!(near(at(&grid, 1, 2), (1.0 / 3.0, -1.0 / 3.0 + 0.125)), "{:?}", at(&grid, 1, 2));
}

#[test]
fn without_strength_nothing_moves() {
    let directions = Random::new(1).uniform(&[1, 2, 4, 4], -1.0, 1.0, Device::Cpu);
    let still = Warp {
        grid: grid(&directions, 0.0, 1.0, 32),
        preprocess: Preprocess { mean: [0.5, 0.4, 0.3], std: [0.2; 3], padding: 0, horizontal_flip: false },
        fidelity: Fidelity::Corrected,
    };
    let images = crate::poison::tests::images(6, 2, 32).pixels;
    assert_eq!(still.apply(&images), images);
}

#[test]
fn a_pixel_is_moved_by_s_times_the_direction_in_half_pixels() {
    // One direction for all, (1, 0): s / H of -1..1 is s (H - 1) / (2 H) pixels; with s = 2 H / (H - 1) one pixel.
    let directions = Tensor::from_slice(&[2f32, 0.0]).reshape([1, 2, 1, 1]);
    let grid = grid(&directions, 16.0 / 7.0 / 2.0, 1.0, 8);
    let x = Tensor::arange(64, (Kind::Float, Device::Cpu)).reshape([1, 1, 8, 8]);
    let moved = warp(&x, &grid);
    let left = x.narrow(3, 1, 7);
    assert!((moved.narrow(3, 0, 7) - left).abs().max().double_value(&[]) < 1e-4);
    assert!((moved.narrow(3, 7, 1) - x.narrow(3, 7, 1)).abs().max().double_value(&[]) < 1e-4, "clamped");
}

#[test]
fn shares_are_right_at_any_ratio_and_batch_size() {
    any_ratio_and_batch_size_will_do(&WaNet::default());
    any_ratio_and_batch_size_will_do(&WaNet { cross_ratio: 0.0, ..WaNet::default() });
}

#[test]
fn a_batch_has_poisoned_cross_and_clean_images() {
    let preprocess = Preprocess { mean: [0.5; 3], std: [0.25; 3], padding: 4, horizontal_flip: false };
    let context = |share| WarpedBatches {
        grid: grid(&Random::new(1).uniform(&[1, 2, 4, 4], -1.0, 1.0, Device::Cpu), 0.5, 1.0, 16),
        fidelity: Fidelity::Corrected,
        share: BatchShare::new(share, Others::PerPoisoned(2.0), Fidelity::Corrected),
        map: LabelMap::AllToOne(0),
        classes: 3,
        preprocess: &preprocess,
    };
    let maker = context(0.1);
    let grids = maker.grids(2, 3, &mut Random::new(1));
    assert_eq!(grids.size(), [5, 16, 16, 2]);
    assert!((0..2).all(|i| grids.get(i) == maker.grid.get(0)));
    let apart = (grids.narrow(0, 2, 3) - &maker.grid).abs();
    assert!(apart.max().double_value(&[]) <= 1.0 / 16.0 + 1e-6);
    assert!(apart.mean(Kind::Float).double_value(&[]) > 0.4 / 16.0);
    assert_ne!(grids.get(2), grids.get(3));
}

#[test]
fn the_first_images_are_warped_and_the_last_ones_only_augmented() {
    make_batches(&WaNet::default(), (LabelMap::AllToOne(2), 0.25), (8, 4), |raw, batch| {
        assert_eq!(batch.labels.narrow(0, 0, 2), Tensor::from_slice(&[2i64, 2]));
        assert_eq!(batch.labels.narrow(0, 2, 6), raw.labels.narrow(0, 2, 6));
        assert_eq!(batch.input.size(), [8, 3, 16, 16]);
    });
}

#[test]
fn a_grid_of_another_shape_is_refused() {
    let mut tensors = normalisation::tensors(&Preprocess {
        mean: [0.5; 3],
        std: [0.2; 3],
        padding: 0,
        horizontal_flip: false,
    });
    for shape in [vec![4], vec![1, 4, 5, 2], vec![]] {
        tensors.push(("grid".into(), Tensor::zeros(shape, (Kind::Float, Device::Cpu))));
        let message = WaNet::default().restore(&tensors).err().unwrap().to_string();
        assert!(message.contains("`grid` has shape") && message.contains("--rerun all"), "{message}");
        tensors.pop();
    }
}
