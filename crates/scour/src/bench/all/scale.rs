//! How much is measured.

/// Sizes and times of a measurement of a device.
pub(super) struct Scale {
    /// Whether it is only a try of the path itself.
    pub(super) tiny: bool,
    /// The time it may take where nothing else is asked for.
    pub(super) minutes: f64,
    /// Channels of the first layer of PreAct-ResNet18.
    pub(super) width: u32,
    /// Images a batch; the first is what workers side by side and the projection take.
    pub(super) batches: &'static [u32],
    /// Seconds of one measurement of speed.
    pub(super) seconds: f64,
    /// Seconds that workers side by side warm up, start included, so that they measure at the same time.
    pub(super) warm_up: f64,
    /// Workers side by side.
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
