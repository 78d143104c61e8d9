//! The four metrics as a type: their names, and which way is better.

use crate::aggregate::Summary;
use crate::number::Statistic;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    Acc,
    Asr,
    Ra,
    Der,
}

impl Metric {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Acc => "ACC",
            Self::Asr => "ASR",
            Self::Ra => "RA",
            Self::Der => "DER",
        }
    }

    pub(crate) fn higher_is_better(self) -> bool {
        self != Self::Asr
    }

    pub(crate) fn of(self, summary: &Summary) -> Option<Statistic> {
        match self {
            Self::Acc => summary.acc,
            Self::Asr => summary.asr,
            Self::Ra => summary.ra,
            Self::Der => summary.der,
        }
    }
}
