//! Checks that a file is the published one, by size and checksum.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use md5::Md5;
use scour_inspect::{Archive, Checksum, Messages};
use sha2::{Digest, Sha256};

use crate::FetchError;
use crate::progress_bar::Bar;

/// How the file at `path` differs from `archive`, in a few words; `None` if it does not.
pub(crate) fn problem(
    path: &Path,
    archive: &Archive,
    messages: &Messages,
) -> Result<Option<String>, FetchError> {
    let reading = |source| FetchError::Io { doing: "read", path: path.into(), source };
    let mut file = File::open(path).map_err(reading)?;
    let length = file.metadata().map_err(reading)?.len();
    if let Some(expected) = archive.bytes.filter(|expected| *expected != length) {
        return Ok(Some(format!("it has {length} bytes where {expected} are expected")));
    }
    let bar = Bar::new(messages, "checking", archive.file, Some(length));
    let report = |done| bar.set(done);
    let (kind, found, expected) = match archive.checksum {
        Checksum::Sha256(expected) => ("SHA-256", digest::<Sha256>(&mut file, report), expected),
        Checksum::Md5(expected) => ("MD5", digest::<Md5>(&mut file, report), expected),
    };
    let found = found.map_err(reading)?;
    Ok((found != expected).then(|| format!("its {kind} is {found} where {expected} is expected")))
}

fn digest<D: Digest>(file: &mut File, report: impl Fn(u64)) -> io::Result<String> {
    let mut digest = D::new();
    let mut buffer = vec![0; 1 << 18];
    let mut done = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                digest.update(&buffer[..count]);
                done += count as u64;
                report(done);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_digests_are_computed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let with = |bytes, checksum| {
            let archive = Archive { folder: "", file: "abc", bytes, checksum };
            problem(&path, &archive, &Messages::silent()).unwrap()
        };
        let sha = Checksum::Sha256("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let md5 = Checksum::Md5("900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(with(Some(3), sha), None);
        assert_eq!(with(None, md5), None);
        assert_eq!(with(Some(4), sha).unwrap(), "it has 3 bytes where 4 are expected");
        let other = with(None, Checksum::Md5("00")).unwrap();
        assert_eq!(other, "its MD5 is 900150983cd24fb0d6963f7d28e17f72 where 00 is expected");
    }
}
