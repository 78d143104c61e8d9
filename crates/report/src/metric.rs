//! The four metrics as a type: their names, and whether more or less is better.

use crate::aggregate::Figures;
use crate::number::Statistic;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    Acc,
    Asr,
    Ra,
    Der,
}

impl Metric {
    pub(crate) const ALL: [Self; 4] = [Self::Acc, Self::Asr, Self::Ra, Self::Der];

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

    pub(crate) fn of(self, figures: &Figures) -> Option<Statistic> {
        match self {
            Self::Acc => figures.acc,
            Self::Asr => figures.asr,
            Self::Ra => figures.ra,
            Self::Der => figures.der,
        }
    }
}
