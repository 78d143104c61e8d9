/// Where a piece of work stands.
#[derive(Clone, Debug, Default)]
pub struct Progress<'a> {
    /// What is being done: `training`, `unlearning`, `fine-tuning`.
    pub step: &'a str,
    /// Units finished.
    pub done: u64,
    /// Units in all.
    pub total: u64,
    /// Mean loss of the unit.
    pub loss: Option<f64>,
    /// Accuracy of the unit, in percent.
    pub accuracy: Option<f64>,
}

/// To whom work reports, and who may ask it to stop.
pub trait Reporter {
    /// Where the work stands; called about once an epoch.
    fn progress(&self, progress: Progress);
    /// Something a person should know, in one line.
    fn note(&self, text: &str);
    /// Whether the work should stop at the next epoch.
    fn interrupted(&self) -> bool;
}

/// Tells nobody.
pub struct Silent;

impl Reporter for Silent {
    fn progress(&self, _: Progress) {}
    fn note(&self, _: &str) {}
    fn interrupted(&self) -> bool {
        false
    }
}
