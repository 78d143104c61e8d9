//! Writes the small data sets to disk: binary files, pickles as Python 2 writes them, and archives of both.

use std::fs::{self, File};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::cifar::batch::PIXELS;
use crate::cifar::{Format, Part};

pub(super) static SMALL: Format = Format { files: &FILES, ..crate::cifar10::FORMAT };
static FILES: [Part; 6] = small(crate::cifar10::FORMAT.files);

pub(super) static SMALL_100: Format = Format { files: &FILES_100, ..crate::cifar100::FORMAT };
static FILES_100: [Part; 2] = small(crate::cifar100::FORMAT.files);

/// The files of a data set with ten images each.
const fn small<const N: usize>(files: &[Part]) -> [Part; N] {
    assert!(files.len() == N);
    let mut small = [files[0]; N];
    let mut i = 0;
    while i < N {
        small[i] = Part { records: 10, ..files[i] };
        i += 1;
    }
    small
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Layout {
    Binary,
    Python,
    BinaryArchive,
    PythonArchive,
}

pub(super) const LAYOUTS: [Layout; 4] =
    [Layout::Binary, Layout::Python, Layout::BinaryArchive, Layout::PythonArchive];

pub(super) fn label(format: &Format, file: usize, record: usize) -> u32 {
    ((record * 13 + file) % format.class_names.len()) as u32
}

pub(super) fn pixel(file: usize, record: usize, offset: usize) -> u8 {
    ((file * 31 + record * 17 + offset * 7) % 251) as u8
}

fn image(file: usize, record: usize) -> impl Iterator<Item = u8> {
    (0..PIXELS).map(move |offset| pixel(file, record, offset))
}

/// Writes the data set below `data`.
pub(super) fn write(format: &Format, layout: Layout, data: &Path) {
    match layout {
        Layout::Binary => binary(format, &data.join(format.binary.folder)),
        Layout::Python => python(format, &data.join(format.python.folder)),
        Layout::BinaryArchive | Layout::PythonArchive => {
            let inside = tempfile::tempdir().unwrap();
            let (unpacked, version) = match layout {
                Layout::BinaryArchive => (Layout::Binary, &format.binary),
                _ => (Layout::Python, &format.python),
            };
            write(format, unpacked, inside.path());
            pack(&inside.path().join(version.folder), &data.join(version.archive));
        }
    }
}

/// Writes an archive of a folder. Its entries start with the name of the folder.
pub(super) fn pack(folder: &Path, archive: &Path) {
    let file = File::create(archive).unwrap();
    let mut builder = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
    builder.append_dir_all(folder.file_name().unwrap(), folder).unwrap();
    builder.into_inner().unwrap().finish().unwrap();
}

fn binary(format: &Format, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for (file, part) in format.files.iter().enumerate() {
        let mut bytes = Vec::new();
        for record in 0..part.records {
            // The coarse label differs from the fine one.
            bytes.extend(vec![19; format.label_bytes - 1]);
            bytes.push(label(format, file, record) as u8);
            bytes.extend(image(file, record));
        }
        fs::write(folder.join(part.binary), bytes).unwrap();
    }
    fs::write(folder.join(format.binary.names), format.class_names.join("\n") + "\n\n").unwrap();
}

fn python(format: &Format, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for (file, part) in format.files.iter().enumerate() {
        fs::write(folder.join(part.python), batch(format, file, part.records)).unwrap();
    }
    let mut meta = Writer::new();
    meta.entry("num_vis").raw(b"M\x00\x0c");
    let names = meta.entry(format.keys[1]);
    names.list(format.class_names.len(), |out, index| out.string(format.class_names[index].as_bytes()));
    fs::write(folder.join(format.python.names), meta.end()).unwrap();
}

/// A pickle of images as cPickle writes it in protocol 2.
fn batch(format: &Format, file: usize, records: usize) -> Vec<u8> {
    let mut out = Writer::new();
    out.entry("batch_label").string(b"batch of ten");
    if format.label_bytes == 2 {
        out.entry("coarse_labels").list(records, |out, _| {
            out.raw(b"K\x13");
        });
    }
    out.entry(format.keys[0]).list(records, |out, record| {
        out.raw(&[b'K', label(format, file, record) as u8]);
    });
    out.entry("data").raw(b"cnumpy.core.multiarray\n_reconstruct\n").memo();
    out.raw(b"cnumpy\nndarray\n").memo();
    out.raw(b"K\x00\x85U\x01b\x87R").memo();
    out.raw(b"(K\x01").raw(&[b'K', records as u8]).raw(b"M\x00\x0c\x86");
    out.raw(b"cnumpy\ndtype\n").memo();
    out.raw(b"U\x02u1K\x00K\x01\x87R").memo();
    out.raw(b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89");
    let pixels: Vec<u8> = (0..records).flat_map(|record| image(file, record)).collect();
    out.string(&pixels);
    out.raw(b"tb");
    out.entry("filenames").list(records, |out, record| out.string(format!("image_{record}.png").as_bytes()));
    out.end()
}

/// Writes a pickle of one dictionary.
struct Writer {
    bytes: Vec<u8>,
    memos: u32,
}

impl Writer {
    fn new() -> Self {
        let mut out = Self { bytes: b"\x80\x02}".to_vec(), memos: 0 };
        out.memo();
        out.raw(b"(");
        out
    }

    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend(bytes);
        self
    }

    /// Writes the memo index with one or four bytes, as in the official files.
    fn memo(&mut self) {
        self.memos += 1;
        match self.memos {
            index @ 0..8 => self.raw(&[b'q', index as u8]),
            index => self.raw(b"r").raw(&index.to_le_bytes()),
        };
    }

    fn string(&mut self, bytes: &[u8]) {
        match bytes.len() {
            length @ 0..256 => self.raw(&[b'U', length as u8]),
            length => self.raw(b"T").raw(&(length as u32).to_le_bytes()),
        };
        self.raw(bytes);
        self.memo();
    }

    fn entry(&mut self, key: &str) -> &mut Self {
        self.string(key.as_bytes());
        self
    }

    fn list(&mut self, length: usize, item: impl Fn(&mut Self, usize)) {
        self.raw(b"]").memo();
        self.raw(b"(");
        (0..length).for_each(|index| item(self, index));
        self.raw(b"e");
    }

    fn end(&mut self) -> Vec<u8> {
        self.raw(b"u.");
        std::mem::take(&mut self.bytes)
    }
}
