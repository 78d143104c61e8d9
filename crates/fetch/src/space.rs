//! Checks that there is enough free space before a download starts.

use std::path::Path;

use scour_inspect::format_bytes;

use crate::FetchError;

/// An error if fewer than `needed` bytes are free on the disk of `folder`. No error where the system cannot say.
pub(crate) fn ensure(folder: &Path, needed: u64) -> Result<(), FetchError> {
    let Ok(stats) = rustix::fs::statvfs(folder) else { return Ok(()) };
    match shortage(u128::from(stats.f_bavail) * u128::from(stats.f_frsize), needed) {
        Some(problem) => Err(FetchError::NoSpace { path: folder.into(), problem }),
        None => Ok(()),
    }
}

fn shortage(free: u128, needed: u64) -> Option<String> {
    let free = u64::try_from(free).unwrap_or(u64::MAX);
    (free < needed).then(|| {
        format!("{} are free, {} are still to be downloaded", format_bytes(free), format_bytes(needed))
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_shortage_names_both_sizes() {
        assert_eq!(super::shortage(1000, 1000), None);
        let message = super::shortage(999_000, 2_500_000).unwrap();
        assert_eq!(message, "1.0 MB are free, 2.5 MB are still to be downloaded");
        assert!(super::ensure(std::path::Path::new("/"), u64::MAX).is_err());
    }
}
