//! The sizes and durations of the measurements.

/// Sizes and durations of the measurements of a device.
pub(super) struct Scale {
    /// Whether this is a quick test of the measurements themselves.
    pub(super) tiny: bool,
    /// The default time limit.
    pub(super) minutes: f64,
    /// Channels of the first layer of PreAct-ResNet18.
    pub(super) width: u32,
    /// Images in a batch; the projection and the measurements with several workers use the first size.
    pub(super) batches: &'static [u32],
    /// Seconds of one measurement of speed.
    pub(super) seconds: f64,
    /// Seconds of warm-up for several workers, start included, so that they measure at the same time.
    pub(super) warm_up: f64,
    /// Numbers of workers at the same time.
    pub(super) workers: &'static [usize],
}

impl Scale {
    pub(super) fn full() -> Self {
        Self {
            tiny: false,
            minutes: 8.0,
            width: 64,
            batches: &[128, 256],
            seconds: 4.0,
            warm_up: 10.0,
            workers: &[1, 2, 4],
        }
    }

    /// The settings of `experiments/mini.yaml`.
    pub(super) fn tiny() -> Self {
        Self {
            tiny: true,
            minutes: 2.0,
            width: 8,
            batches: &[32],
            seconds: 1.0,
            warm_up: 2.0,
            workers: &[1, 2, 4],
        }
    }
}
