//! Unpacks an archive into a folder. Only regular files and folders are accepted, only below that folder, and each only
//! once.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::path::{Component, Path, PathBuf};

use flate2::bufread::GzDecoder;
use scour_inspect::Messages;
use zip::ZipArchive;

use crate::FetchError;
use crate::progress_bar::Bar;

/// The largest number of unpacked bytes: more than any data set has. It stops archives that are made to fill a disk.
const LARGEST: u64 = 16 << 30;

/// Unpacks `archive`, a `.zip` or else a `.tar.gz`, into the folder `into`.
pub(crate) fn unpack(archive: &Path, into: &Path, messages: &Messages) -> Result<(), FetchError> {
    let reading = |source| FetchError::Io { doing: "read", path: archive.into(), source };
    let file = File::open(archive).map_err(reading)?;
    let length = file.metadata().map_err(reading)?.len();
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    let bar = Bar::new(messages, "unpacking", &name, Some(length));
    let mut target = Target { archive, into, existing: HashSet::new(), written: 0 };
    if archive.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip")) {
        unzip(file, &mut target, &bar)
    } else {
        untar(file, &mut target, &bar)
    }
}

fn unzip(file: File, target: &mut Target, bar: &Bar) -> Result<(), FetchError> {
    let damaged = |error: &dyn std::fmt::Display| FetchError::archive(target.archive, error);
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| damaged(&error))?;
    let mut done = 0;
    for index in 0..archive.len() {
        let mut entry =
            archive.by_index(index).map_err(|error| FetchError::archive(target.archive, &error))?;
        let name = entry.name().map_err(|error| FetchError::archive(target.archive, &error))?.into_owned();
        done += entry.compressed_size();
        if entry.is_dir() {
            target.folder(Path::new(&name))?;
        } else if entry.is_symlink() {
            return Err(target.link(&name));
        } else {
            target.file(Path::new(&name), &mut entry)?;
        }
        bar.set(done);
    }
    Ok(())
}

fn untar(file: File, target: &mut Target, bar: &Bar) -> Result<(), FetchError> {
    let counting = CountingReader { inner: file, done: 0, bar };
    let mut archive = tar::Archive::new(GzDecoder::new(BufReader::with_capacity(1 << 16, counting)));
    for entry in archive.entries().map_err(|error| FetchError::archive(target.archive, &error))? {
        let mut entry = entry.map_err(|error| FetchError::archive(target.archive, &error))?;
        let kind = entry.header().entry_type();
        let name = entry.path().map_err(|error| FetchError::archive(target.archive, &error))?.into_owned();
        if kind.is_dir() {
            target.folder(&name)?;
        } else if kind.is_file() {
            target.file(&name, &mut entry)?;
        } else if !kind.is_pax_global_extensions() {
            return Err(target.link(&name.to_string_lossy()));
        }
    }
    // The checksum of the whole archive follows the last entry: reading to the end checks it.
    io::copy(&mut archive.into_inner(), &mut io::sink())
        .map_err(|error| FetchError::archive(target.archive, &error))?;
    Ok(())
}

/// Counts the bytes that are read from an archive, for the progress bar.
struct CountingReader<'a> {
    inner: File,
    done: u64,
    bar: &'a Bar,
}

impl Read for CountingReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.done += count as u64;
        self.bar.set(self.done);
        Ok(count)
    }
}

/// The folder that an archive is unpacked into.
struct Target<'a> {
    archive: &'a Path,
    into: &'a Path,
    /// Folders that exist.
    existing: HashSet<PathBuf>,
    written: u64,
}

impl Target<'_> {
    /// The path of an entry, which must be below the folder. Parts that are `.` are ignored, since tar writes them.
    fn path_of(&self, name: &Path) -> Result<PathBuf, FetchError> {
        let mut path = self.into.to_path_buf();
        for part in name.components() {
            match part {
                Component::Normal(part) => path.push(part),
                Component::CurDir => {}
                _ => {
                    return Err(self
                        .refuse(&name.to_string_lossy(), "is outside the folder that it is unpacked into"));
                }
            }
        }
        // A NUL byte would end the name early, and on other systems a backslash is a separator.
        if name.as_os_str().as_encoded_bytes().iter().any(|byte| matches!(byte, 0 | b'\\')) {
            return Err(self.refuse(&name.to_string_lossy(), "is not a file name"));
        }
        Ok(path)
    }

    fn refuse(&self, name: &str, why: &str) -> FetchError {
        FetchError::archive(self.archive, &format!("its entry `{}` {why}", name.escape_debug()))
    }

    fn link(&self, name: &str) -> FetchError {
        self.refuse(name, "is a link or a device, which no data set has")
    }

    fn folder(&mut self, name: &Path) -> Result<(), FetchError> {
        let path = self.path_of(name)?;
        self.create_folder(&path)
    }

    fn create_folder(&mut self, folder: &Path) -> Result<(), FetchError> {
        if !self.existing.contains(folder) {
            fs::create_dir_all(folder).map_err(|error| FetchError::writing(folder, error))?;
            self.existing.insert(folder.into());
        }
        Ok(())
    }

    fn file(&mut self, name: &Path, from: &mut dyn Read) -> Result<(), FetchError> {
        let path = self.path_of(name)?;
        self.create_folder(path.parent().unwrap_or(self.into))?;
        let mut file = match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(self.refuse(&name.to_string_lossy(), "occurs twice"));
            }
            Err(error) => return Err(FetchError::writing(&path, error)),
        };
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = match from.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    return Err(self.refuse(&name.to_string_lossy(), &format!("cannot be read ({error})")));
                }
            };
            self.written += count as u64;
            if self.written > LARGEST {
                return Err(FetchError::archive(
                    self.archive,
                    &"it unpacks to more bytes than any data set has",
                ));
            }
            file.write_all(&buffer[..count]).map_err(|error| FetchError::writing(&path, error))?;
        }
    }
}

#[cfg(test)]
mod tests;
