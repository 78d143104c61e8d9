//! CIFAR-10 in its official binary form: six files of 10,000 records, each a label byte and 3 x 32 x 32 bytes.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use scour_core::{Check, DatasetFacts, ParamError, Recipe, resolve_params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dataset::count_per_class;
use crate::{Dataset, DatasetError, Profile, Source, Split};

const NAME: &str = "cifar10";
const FOLDER: &str = "cifar-10-batches-bin";
const LAYOUTS: &str = "cifar-10-batches-bin/ with data_batch_1.bin to data_batch_5.bin and test_batch.bin \
                       (the official binary version)";
const FILES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];
/// Which of `FILES` is the test split; those before it are the training split.
const TEST: usize = 5;
const CLASSES: u32 = 10;
const SIZE: u32 = 32;
const PIXELS: usize = 3 * 32 * 32;
const RECORD: usize = 1 + PIXELS;
/// Records of each file. Only tests read files of another length.
const RECORDS: usize = 10_000;
const CLASS_NAMES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// The source of this module.
pub(crate) struct Cifar10;

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Params {}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        Ok(())
    }
}

impl Source for Cifar10 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "CIFAR-10"
    }

    fn profile(&self) -> Profile {
        Profile {
            mean: [0.4914, 0.4822, 0.4465],
            std: [0.247, 0.243, 0.261],
            crop_padding: 4,
            horizontal_flip: true,
            recipe: Recipe::default(),
            licence: "no licence stated; its authors ask to be cited (Krizhevsky 2009)",
            layouts: LAYOUTS,
            origin: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            official_counts: Some((50_000, 10_000)),
        }
    }

    fn impl_version(&self) -> u32 {
        1
    }

    fn resolve(&self, params: &Value) -> Result<Value, ParamError> {
        resolve_params::<Params>(params).map(|_| Value::Object(Default::default()))
    }

    fn facts(&self, params: &Value, data: &Path) -> Result<DatasetFacts, DatasetError> {
        self.resolve(params).map_err(|problem| DatasetError::Param { dataset: NAME, problem })?;
        facts(data, RECORDS)
    }

    fn load(&self, params: &Value, data: &Path) -> Result<Dataset, DatasetError> {
        self.resolve(params).map_err(|problem| DatasetError::Param { dataset: NAME, problem })?;
        load(data, RECORDS)
    }
}

fn facts(data: &Path, records: usize) -> Result<DatasetFacts, DatasetError> {
    let folder = folder(data)?;
    let parts = FILES
        .par_iter()
        .map(|file| {
            let bytes = read(&folder.join(file), records)?;
            Ok((bytes.labels(), blake3::hash(&bytes.0)))
        })
        .collect::<Result<Vec<_>, DatasetError>>()?;
    let mut hasher = blake3::Hasher::new();
    for (_, hash) in &parts {
        hasher.update(hash.as_bytes());
    }
    let train: Vec<u32> = parts[..TEST].iter().flat_map(|(labels, _)| labels).copied().collect();
    Ok(DatasetFacts {
        name: NAME.into(),
        classes: CLASSES,
        size: SIZE,
        train_per_class: count_per_class(&train, CLASSES),
        test_per_class: count_per_class(&parts[TEST].0, CLASSES),
        fingerprint: hasher.finalize().to_hex().to_string(),
    })
}

fn load(data: &Path, records: usize) -> Result<Dataset, DatasetError> {
    let folder = folder(data)?;
    // Class names are read before the pictures, so that a wrong file is told about without the wait.
    let class_names = class_names(&folder)?;
    let mut dataset = Dataset {
        name: NAME.into(),
        classes: CLASSES,
        size: SIZE,
        class_names,
        train: blank(TEST * records),
        test: blank(records),
    };
    let train = dataset.train.pixels.par_chunks_mut(records * PIXELS);
    let train = train.zip(dataset.train.labels.par_chunks_mut(records));
    let test = (&mut dataset.test.pixels[..], &mut dataset.test.labels[..]);
    train.chain(rayon::iter::once(test)).zip(&FILES).try_for_each(|((pixels, labels), file)| {
        let bytes = read(&folder.join(file), records)?;
        labels.copy_from_slice(&bytes.labels());
        for (picture, record) in pixels.chunks_exact_mut(PIXELS).zip(bytes.0.chunks_exact(RECORD)) {
            picture.copy_from_slice(&record[1..]);
        }
        Ok(())
    })?;
    Ok(dataset)
}

fn blank(len: usize) -> Split {
    Split { pixels: vec![0; len * PIXELS], labels: vec![0; len] }
}

/// The folder of the six files: below `data`, or `data` itself.
fn folder(data: &Path) -> Result<PathBuf, DatasetError> {
    let below = data.join(FOLDER);
    if below.is_dir() {
        Ok(below)
    } else if data.join(FILES[0]).is_file() {
        Ok(data.into())
    } else {
        Err(DatasetError::Missing { dataset: NAME, path: below, layouts: LAYOUTS })
    }
}

/// The bytes of one file whose size and labels have been checked.
struct Records(Vec<u8>);

impl Records {
    fn labels(&self) -> Vec<u32> {
        self.0.iter().step_by(RECORD).map(|&label| label.into()).collect()
    }
}

fn read(path: &Path, records: usize) -> Result<Records, DatasetError> {
    let expected = (records * RECORD) as u64;
    // The size is asked for first: a file of another kind may be larger than memory.
    let found = match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(DatasetError::Missing { dataset: NAME, path: path.into(), layouts: LAYOUTS });
        }
        Err(error) => return Err(DatasetError::unreadable(path, error)),
    };
    let bytes = if found == expected {
        fs::read(path).map_err(|error| DatasetError::unreadable(path, error))?
    } else {
        return Err(DatasetError::WrongSize { path: path.into(), found, expected });
    };
    if bytes.len() as u64 != expected {
        return Err(DatasetError::WrongSize { path: path.into(), found: bytes.len() as u64, expected });
    }
    match bytes.iter().step_by(RECORD).position(|&label| u32::from(label) >= CLASSES) {
        None => Ok(Records(bytes)),
        Some(record) => Err(DatasetError::Label {
            path: path.into(),
            place: format!("record {record}"),
            label: bytes[record * RECORD].to_string(),
            classes: CLASSES,
        }),
    }
}

/// The names in `batches.meta.txt`, or the well-known ones where that file is absent.
fn class_names(folder: &Path) -> Result<Vec<String>, DatasetError> {
    let path = folder.join("batches.meta.txt");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => CLASS_NAMES.join("\n"),
        Err(error) => return Err(DatasetError::unreadable(&path, error)),
    };
    let names: Vec<String> =
        text.lines().map(str::trim).filter(|name| !name.is_empty()).map(String::from).collect();
    if names.len() == CLASSES as usize {
        return Ok(names);
    }
    let problem =
        format!("{} class names where {CLASSES} are expected; the file may be left out", names.len());
    Err(DatasetError::invalid(&path, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten records a file; the byte at `offset` of record `record` of file `file` is a formula of the three.
    fn fixture() -> tempfile::TempDir {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join(FOLDER);
        fs::create_dir(&folder).unwrap();
        for (file, name) in FILES.iter().enumerate() {
            let mut bytes = Vec::new();
            for record in 0..10 {
                bytes.push(((record + file) % 10) as u8);
                bytes.extend((0..PIXELS).map(|offset| pixel(file, record, offset)));
            }
            fs::write(folder.join(name), bytes).unwrap();
        }
        data
    }

    fn pixel(file: usize, record: usize, offset: usize) -> u8 {
        ((file * 31 + record * 17 + offset * 7) % 251) as u8
    }

    #[test]
    fn every_pixel_and_label_lands_where_it_belongs() {
        let data = fixture();
        let dataset = load(data.path(), 10).unwrap();
        assert_eq!((dataset.train.len(), dataset.test.len()), (50, 10));
        for file in 0..6 {
            let split = if file == TEST { &dataset.test } else { &dataset.train };
            for record in 0..10 {
                let index = if file == TEST { record } else { file * 10 + record };
                assert_eq!(split.labels[index] as usize, (record + file) % 10);
                let expected: Vec<u8> = (0..PIXELS).map(|offset| pixel(file, record, offset)).collect();
                assert_eq!(split.picture(index), expected);
            }
        }
        assert_eq!(dataset.class_names[9], "truck");
        // The folder itself may be named too.
        assert_eq!(load(&data.path().join(FOLDER), 10).unwrap(), dataset);
        let facts = facts(data.path(), 10).unwrap();
        assert_eq!(facts, dataset.facts(facts.fingerprint.clone()));
        assert_eq!(facts.train_per_class, [5; 10]);
    }

    #[test]
    fn one_changed_byte_is_another_fingerprint() {
        let data = fixture();
        let before = facts(data.path(), 10).unwrap().fingerprint;
        let path = data.path().join(FOLDER).join(FILES[2]);
        let mut bytes = fs::read(&path).unwrap();
        bytes[5000] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_ne!(facts(data.path(), 10).unwrap().fingerprint, before);
    }

    #[test]
    fn class_names_come_from_the_meta_file() {
        let data = fixture();
        let meta = data.path().join(FOLDER).join("batches.meta.txt");
        fs::write(&meta, "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n").unwrap();
        assert_eq!(load(data.path(), 10).unwrap().class_names[9], "j");
        fs::write(&meta, "a\nb\n").unwrap();
        let message = load(data.path(), 10).unwrap_err().to_string();
        assert!(message.contains("batches.meta.txt: 2 class names where 10"), "{message}");
    }

    #[test]
    fn damaged_files_are_named() {
        let data = fixture();
        let folder = data.path().join(FOLDER);
        let (batch, test) = (folder.join(FILES[1]), folder.join(FILES[TEST]));

        let mut bytes = fs::read(&batch).unwrap();
        bytes[7 * RECORD] = 10;
        fs::write(&batch, &bytes).unwrap();
        for message in
            [load(data.path(), 10).unwrap_err().to_string(), facts(data.path(), 10).unwrap_err().to_string()]
        {
            assert!(message.contains("data_batch_2.bin: record 7 has label 10 where 0 to 9"), "{message}");
        }

        bytes[7 * RECORD] = 9;
        fs::write(&batch, &bytes[..bytes.len() - 1]).unwrap();
        let message = load(data.path(), 10).unwrap_err().to_string();
        assert!(message.contains("data_batch_2.bin has 30729 bytes where 30730"), "{message}");

        fs::write(&batch, &bytes).unwrap();
        fs::remove_file(test).unwrap();
        let message = load(data.path(), 10).unwrap_err().to_string();
        assert!(message.contains("test_batch.bin does not exist") && message.contains("--data"), "{message}");

        let message = facts(&data.path().join("nowhere"), 10).unwrap_err().to_string();
        assert!(message.contains("nowhere/cifar-10-batches-bin does not exist"), "{message}");
        assert!(!message.contains('\n'));
    }
}
