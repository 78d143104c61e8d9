//! When a worker process that could stay is replaced all the same.

/// Stages of one process. Nothing is known to require a limit; it bounds what is not known.
const MOST_STAGES: u32 = 100;
/// Memory in MiB by which a process may have grown since its first stage began.
const MOST_GROWN_MIB: u64 = 1024;

/// Whether a process stays that was given so many stages, and holds so much more memory than before the first. Where the
/// system does not say how much, only the number counts.
pub(crate) fn may_stay(stages: u32, grown_mib: Option<u64>) -> bool {
    stages < MOST_STAGES && grown_mib.is_none_or(|mib| mib <= MOST_GROWN_MIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_replaced_when_it_is_large_or_old() {
        assert!(may_stay(1, None));
        assert!(may_stay(99, Some(MOST_GROWN_MIB)));
        assert!(!may_stay(1, Some(MOST_GROWN_MIB + 1)));
        assert!(!may_stay(100, Some(0)));
    }
}
