//! Free space, checked before a stage is begun.

use std::io;
use std::path::Path;

use crate::SweepError;
use crate::error::AtPath;

/// MiB that must be free where the store lies before a stage is begun. A full-width model with its checkpoint is about
/// 150 MiB, and a second stage may be running. `SCOUR_MIN_FREE_MIB` in the environment overrides it.
pub const MIN_FREE_MIB: u64 = 500;

fn needed_mib() -> u64 {
    std::env::var("SCOUR_MIN_FREE_MIB").ok().and_then(|text| text.parse().ok()).unwrap_or(MIN_FREE_MIB)
}

/// MiB free on the folder's file system.
pub(crate) fn free_mib(folder: &Path) -> io::Result<u64> {
    let stats = rustix::fs::statvfs(folder)?;
    let free = (u128::from(stats.f_bavail) * u128::from(stats.f_frsize)) >> 20;
    Ok(u64::try_from(free).unwrap_or(u64::MAX))
}

/// A message of one line if too little space is free on the folder's file system.
pub(crate) fn shortage(folder: &Path) -> Result<Option<String>, SweepError> {
    let free = free_mib(folder).at("look for free space at", folder)?;
    Ok(shortage_message(free, needed_mib(), folder))
}

fn shortage_message(free: u64, needed: u64, folder: &Path) -> Option<String> {
    (free < needed).then(|| {
        format!(
            "no space: {free} MiB are free where the store lies ({}) and {needed} MiB are needed. Free some, or name \
             another folder with --store; the same command then continues where it stopped",
            folder.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_says_how_much_is_missing_and_where() {
        assert_eq!(shortage_message(500, 500, Path::new("/s")), None);
        let message = shortage_message(499, 500, Path::new("/s")).unwrap();
        assert!(message.contains("499 MiB") && message.contains("500 MiB") && message.contains("(/s)"));
    }
}
