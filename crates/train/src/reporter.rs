/// The progress of a piece of work.
#[derive(Clone, Debug, Default)]
pub struct Progress<'a> {
    /// The kind of work: `training`, `unlearning`, `fine-tuning`.
    pub step: &'a str,
    /// Finished units, such as epochs.
    pub done: u64,
    /// All units.
    pub total: u64,
    /// Mean loss of the last unit.
    pub loss: Option<f64>,
    /// Accuracy of the last unit, in percent.
    pub accuracy: Option<f64>,
}

/// Receives progress and messages, and can ask the work to stop.
pub trait Reporter {
    /// Receives progress; called about once an epoch.
    fn progress(&self, progress: Progress);
    /// Receives a message for the user, in one line.
    fn note(&self, text: &str);
    /// Whether the work is to stop after the current epoch.
    fn interrupted(&self) -> bool;
}

/// A reporter that discards everything and never stops the work.
pub struct Silent;

impl Reporter for Silent {
    fn progress(&self, _: Progress) {}
    fn note(&self, _: &str) {}
    fn interrupted(&self) -> bool {
        false
    }
}
