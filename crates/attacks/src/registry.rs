use scour_core::{Entry, ParamError, entry, find};
use scour_train::Attack;

use crate::badnets::BadNets;
use crate::blended::Blended;
use crate::bpp::Bpp;
use crate::clean::Clean;
use crate::ftrojan::FTrojan;
use crate::input_aware::InputAware;
use crate::lc::Lc;
use crate::lf::Lf;
use crate::sig::Sig;
use crate::ssba::Ssba;
use crate::trojan::Trojan;
use crate::wanet::WaNet;

/// Every attack, in the order of the literature's tables; `none` is the clean model.
pub static ATTACKS: &[Entry<dyn Attack>] = &[
    entry!(Clean),
    entry!(BadNets),
    entry!(Blended),
    entry!(InputAware),
    entry!(Lf),
    entry!(Sig),
    entry!(Ssba),
    entry!(Trojan),
    entry!(WaNet),
    entry!(Lc),
    entry!(Bpp),
    entry!(FTrojan),
];

/// The attack of that name.
pub fn attack(name: &str) -> Result<&'static Entry<dyn Attack>, ParamError> {
    find(ATTACKS.iter(), "attack", name)
}

#[cfg(test)]
#[path = "registry_tests.rs"]
pub(crate) mod tests;
