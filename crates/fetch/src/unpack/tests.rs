use std::io::Cursor;

use flate2::Compression;
use flate2::write::GzEncoder;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

/// A tar.gz of these entries. The names are written directly, because the builder of `tar` refuses invalid ones.
fn tar_gz(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o4777);
        header.set_size(content.len() as u64);
        if kind.is_symlink() || kind.is_hard_link() {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn zip(entries: &[(&str, &[u8])], link: Option<&str>) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    if let Some(name) = link {
        writer.add_symlink(name, "/etc/passwd", SimpleFileOptions::default()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Unpacks `bytes` as a file of that name. Returns the folder around it and the result.
fn unpacked(name: &str, bytes: &[u8]) -> (tempfile::TempDir, Result<(), String>) {
    let folder = tempfile::tempdir().unwrap();
    let (archive, into) = (folder.path().join(name), folder.path().join("into/deep"));
    fs::write(&archive, bytes).unwrap();
    fs::create_dir_all(&into).unwrap();
    let result = unpack(&archive, &into, &Messages::silent()).map_err(|error| error.to_string());
    (folder, result)
}

const FILE: tar::EntryType = tar::EntryType::Regular;

#[test]
fn files_and_folders_are_unpacked_unchanged() {
    let entries = [
        ("./set/", tar::EntryType::Directory, &b""[..]),
        ("./set/a.txt", FILE, b"one"),
        ("set/deep/b.bin", FILE, &[7; 100_000]),
    ];
    let zipped = zip(&[("set/a.txt", b"one"), ("set/deep/b.bin", &[7; 100_000])], None);
    for (name, bytes) in [("x.tar.gz", tar_gz(&entries)), ("x.zip", zipped)] {
        let (folder, result) = unpacked(name, &bytes);
        result.unwrap();
        let set = folder.path().join("into/deep/set");
        assert_eq!(fs::read(set.join("a.txt")).unwrap(), b"one");
        assert_eq!(fs::read(set.join("deep/b.bin")).unwrap(), [7; 100_000]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(set.join("a.txt")).unwrap().permissions().mode();
            assert_eq!(mode & 0o7111, 0, "unpacked files are not executable");
        }
    }
}

#[test]
fn nothing_is_written_outside_the_folder() {
    for name in ["../../evil", "set/../../../evil", "/tmp/scour-evil", "..", "a\\..\\evil"] {
        for (file, bytes) in
            [("x.tar.gz", tar_gz(&[(name, FILE, b"x")])), ("x.zip", zip(&[(name, b"x")], None))]
        {
            let (folder, result) = unpacked(file, &bytes);
            let message = result.expect_err(name);
            assert!(message.contains(file) && message.contains("entry `"), "{message}");
            assert!(!message.contains('\n'), "{message}");
            assert!(!folder.path().join("evil").exists() && !folder.path().join("into/evil").exists());
            assert!(!Path::new("/tmp/scour-evil").exists());
            assert_eq!(fs::read_dir(folder.path().join("into/deep")).unwrap().count(), 0, "{name}");
        }
    }
}

#[test]
fn links_devices_and_duplicate_files_are_refused() {
    let kinds = [
        tar::EntryType::Symlink,
        tar::EntryType::Link,
        tar::EntryType::Fifo,
        tar::EntryType::Char,
        tar::EntryType::Block,
    ];
    for kind in kinds {
        let message = unpacked("x.tar.gz", &tar_gz(&[("set/link", kind, b"")])).1.unwrap_err();
        assert!(message.contains("`set/link` is a link or a device"), "{message}");
    }
    let message = unpacked("x.zip", &zip(&[], Some("set/link"))).1.unwrap_err();
    assert!(message.contains("`set/link` is a link or a device"), "{message}");
    let message = unpacked("x.tar.gz", &tar_gz(&[("a", FILE, b"1"), ("./a", FILE, b"2")])).1.unwrap_err();
    assert!(message.contains("`./a` occurs twice"), "{message}");
}

#[test]
fn a_truncated_archive_is_an_error() {
    let tarred = tar_gz(&[("set/a", FILE, b"some content"), ("set/b", FILE, &[1; 3000])]);
    let zipped = zip(&[("set/a", b"some content"), ("set/b", &[1; 3000])], None);
    for (name, bytes) in [("x.tar.gz", tarred), ("x.zip", zipped)] {
        for length in 0..bytes.len() {
            let message = unpacked(name, &bytes[..length]).1.expect_err(&format!("{name} cut to {length}"));
            assert!(message.contains(name) && !message.contains('\n'), "{message}");
        }
    }
}

#[test]
fn a_changed_byte_is_detected() {
    let content: Vec<u8> = (0..5000u32).map(|at| ((at * at) >> 5) as u8).collect();
    for (name, bytes) in
        [("x.tar.gz", tar_gz(&[("a", FILE, &content)])), ("x.zip", zip(&[("a", &content)], None))]
    {
        let mut bytes = bytes;
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        assert!(unpacked(name, &bytes).1.is_err(), "{name}");
    }
}
