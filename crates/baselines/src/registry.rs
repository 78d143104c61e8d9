use scour_train::Defense;

use crate::ft::FineTuning;
use crate::ft_sam::FtSam;
use crate::i_bau::IBau;
use crate::nad::Nad;
use crate::nc::Nc;
use crate::npd::Npd;
use crate::sau::Sau;

/// Every baseline, in the order of the literature's tables.
pub static BASELINES: &[&dyn Defense] = &[&FineTuning, &Nad, &Nc, &IBau, &FtSam, &Npd, &Sau];
