use serde::{Deserialize, Serialize};

use crate::ParameterType;

/// Which rule a method follows where the usual benchmark's code differs from the method's paper or from its own intent. Each
/// method's description lists the differences. Rules that need test images or poisoned images belong to neither variant,
/// since a defender has none (see `choose: oracle` of FP and ANP).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fidelity {
    /// The intended rule.
    #[default]
    Corrected,
    /// The rule of the usual benchmark's code, with which the published figures were computed.
    Benchmark,
}

impl ParameterType for Fidelity {
    const CHOICES: &'static [&'static str] = &["corrected", "benchmark"];
}
