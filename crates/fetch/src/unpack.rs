//! Unpacking an archive into a folder, and nowhere else: only plain files and folders, only below it, none twice.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::path::{Component, Path, PathBuf};

use flate2::bufread::GzDecoder;
use scour_inspect::Voice;
use zip::ZipArchive;

use crate::FetchError;
use crate::progress_bar::Bar;

/// More than any of the data sets has, and less than what an archive made to fill a disk comes to.
const LARGEST: u64 = 16 << 30;

/// Unpacks `archive`, a `.zip` or else a `.tar.gz`, into the folder `into`.
pub(crate) fn unpack(archive: &Path, into: &Path, voice: &Voice) -> Result<(), FetchError> {
    let reading = |source| FetchError::Io { doing: "read", path: archive.into(), source };
    let file = File::open(archive).map_err(reading)?;
    let length = file.metadata().map_err(reading)?.len();
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    let bar = Bar::new(voice, "unpacking", &name, Some(length));
    let mut sink = Sink { archive, into, made: HashSet::new(), written: 0 };
    if archive.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip")) {
        unzip(file, &mut sink, &bar)
    } else {
        untar(file, &mut sink, &bar)
    }
}

fn unzip(file: File, sink: &mut Sink, bar: &Bar) -> Result<(), FetchError> {
    let damaged = |error: &dyn std::fmt::Display| FetchError::archive(sink.archive, error);
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| damaged(&error))?;
    let mut done = 0;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| FetchError::archive(sink.archive, &error))?;
        let name = entry.name().map_err(|error| FetchError::archive(sink.archive, &error))?.into_owned();
        done += entry.compressed_size();
        if entry.is_dir() {
            sink.folder(Path::new(&name))?;
        } else if entry.is_symlink() {
            return Err(sink.link(&name));
        } else {
            sink.file(Path::new(&name), &mut entry)?;
        }
        bar.at(done);
    }
    Ok(())
}

fn untar(file: File, sink: &mut Sink, bar: &Bar) -> Result<(), FetchError> {
    let counting = Counting { inner: file, done: 0, bar };
    let mut archive = tar::Archive::new(GzDecoder::new(BufReader::with_capacity(1 << 16, counting)));
    for entry in archive.entries().map_err(|error| FetchError::archive(sink.archive, &error))? {
        let mut entry = entry.map_err(|error| FetchError::archive(sink.archive, &error))?;
        let kind = entry.header().entry_type();
        let name = entry.path().map_err(|error| FetchError::archive(sink.archive, &error))?.into_owned();
        if kind.is_dir() {
            sink.folder(&name)?;
        } else if kind.is_file() {
            sink.file(&name, &mut entry)?;
        } else if !kind.is_pax_global_extensions() {
            return Err(sink.link(&name.to_string_lossy()));
        }
    }
    // What follows the last entry holds the checksum of it all.
    io::copy(&mut archive.into_inner(), &mut io::sink())
        .map_err(|error| FetchError::archive(sink.archive, &error))?;
    Ok(())
}

/// Tells how much of an archive has been read.
struct Counting<'a> {
    inner: File,
    done: u64,
    bar: &'a Bar,
}

impl Read for Counting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.done += count as u64;
        self.bar.at(self.done);
        Ok(count)
    }
}

/// Where entries go.
struct Sink<'a> {
    archive: &'a Path,
    into: &'a Path,
    /// Folders that are there.
    made: HashSet<PathBuf>,
    written: u64,
}

impl Sink<'_> {
    /// The place of an entry: below the folder, or an error. `.` is left out, as tar writes it.
    fn place(&self, name: &Path) -> Result<PathBuf, FetchError> {
        let mut place = self.into.to_path_buf();
        for part in name.components() {
            match part {
                Component::Normal(part) => place.push(part),
                Component::CurDir => {}
                _ => {
                    return Err(
                        self.refuse(&name.to_string_lossy(), "lies outside of the folder it is unpacked to")
                    );
                }
            }
        }
        // A NUL byte would end the name early, and a backslash is a separator elsewhere.
        if name.as_os_str().as_encoded_bytes().iter().any(|byte| matches!(byte, 0 | b'\\')) {
            return Err(self.refuse(&name.to_string_lossy(), "is no file name"));
        }
        Ok(place)
    }

    fn refuse(&self, name: &str, why: &str) -> FetchError {
        FetchError::archive(self.archive, &format!("its entry `{}` {why}", name.escape_debug()))
    }

    fn link(&self, name: &str) -> FetchError {
        self.refuse(name, "is a link or a device, which no data set has")
    }

    fn folder(&mut self, name: &Path) -> Result<(), FetchError> {
        let place = self.place(name)?;
        self.make(&place)
    }

    fn make(&mut self, folder: &Path) -> Result<(), FetchError> {
        if !self.made.contains(folder) {
            fs::create_dir_all(folder).map_err(|error| FetchError::writing(folder, error))?;
            self.made.insert(folder.into());
        }
        Ok(())
    }

    fn file(&mut self, name: &Path, from: &mut dyn Read) -> Result<(), FetchError> {
        let place = self.place(name)?;
        self.make(place.parent().unwrap_or(self.into))?;
        let mut file = match OpenOptions::new().write(true).create_new(true).open(&place) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(self.refuse(&name.to_string_lossy(), "is there twice"));
            }
            Err(error) => return Err(FetchError::writing(&place, error)),
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
                return Err(FetchError::archive(self.archive, &"it unpacks to more than any data set has"));
            }
            file.write_all(&buffer[..count]).map_err(|error| FetchError::writing(&place, error))?;
        }
    }
}

#[cfg(test)]
mod tests;
