//! Checkpoint files: the state of a training that can be interrupted and resumed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use scour_models::{gradient_images, resume_gradient_images};
use scour_torch::{CheckpointError, NumberFormat, load_tensors, read_metadata, save_tensors};
use tch::{Device, Tensor};

use crate::{Reporter, TrainError};

/// The file that holds the state of one training between two workers.
pub struct CheckpointFile {
    path: PathBuf,
    step: String,
    format: NumberFormat,
}

/// The content of a checkpoint file.
pub struct Checkpoint {
    metadata: HashMap<String, String>,
    tensors: Vec<(String, Tensor)>,
}

/// The metadata field with the number format.
const FORMAT: &str = "format";
/// The metadata field with the work done so far, in gradient images.
const GRADIENT_IMAGES: &str = "gradient_images";

impl CheckpointFile {
    /// The file `name` in the folder `scratch`, for the training `step`, which computes in `format`.
    pub fn new(scratch: &Path, name: &str, step: &str, format: NumberFormat) -> Self {
        Self { path: scratch.join(format!("{name}.safetensors")), step: step.into(), format }
    }

    /// Writes the state atomically.
    pub fn save(&self, tensors: &[(String, Tensor)], fields: &[(&str, String)]) -> Result<(), TrainError> {
        let mut metadata = fields.to_vec();
        metadata.push((FORMAT, self.format.word().into()));
        metadata.push((GRADIENT_IMAGES, gradient_images().to_string()));
        Ok(save_tensors(&self.path, tensors, &metadata)?)
    }

    /// Reads the state that an earlier worker saved and returns the result of `apply`, which must check everything before
    /// it changes anything. Returns `None` where there is no file, and where the file cannot be used: the reporter then
    /// gets a note, and the training starts again.
    pub fn resume<T>(
        &self,
        device: Device,
        reporter: &dyn Reporter,
        apply: impl FnOnce(&Checkpoint) -> Result<T, String>,
    ) -> Option<T> {
        if !self.path.exists() {
            return None;
        }
        let resumed = self.read(device).and_then(|saved| {
            let images: u64 = saved.value(GRADIENT_IMAGES).map_err(|why| self.damaged(&why))?;
            Ok((apply(&saved).map_err(|why| self.damaged(&why))?, images))
        });
        match resumed {
            Ok((resumed, images)) => {
                resume_gradient_images(images);
                Some(resumed)
            }
            Err(note) => {
                reporter.note(&note);
                None
            }
        }
    }

    fn read(&self, device: Device) -> Result<Checkpoint, String> {
        let why = |error: CheckpointError| self.damaged(&error.why());
        let metadata = read_metadata(&self.path).map_err(why)?;
        let format = metadata.get(FORMAT).ok_or_else(|| self.damaged("it has no number format"))?;
        if format != self.format.word() {
            return Err(format!(
                "the checkpoint {} was computed in {format}, and this worker computes in {}: {} starts again",
                self.path.display(),
                self.format.word(),
                self.step
            ));
        }
        Ok(Checkpoint { metadata, tensors: load_tensors(&self.path, device).map_err(why)? })
    }

    fn damaged(&self, why: &str) -> String {
        format!("the checkpoint {} is damaged ({why}): {} starts again", self.path.display(), self.step)
    }
}

impl Checkpoint {
    /// The metadata field of that name.
    pub fn text(&self, name: &str) -> Result<&str, String> {
        self.metadata.get(name).map(String::as_str).ok_or_else(|| format!("`{name}` is missing"))
    }

    /// The metadata field of that name, parsed.
    pub fn value<T: FromStr>(&self, name: &str) -> Result<T, String> {
        let text = self.text(name)?;
        text.parse().map_err(|_| format!("`{name}` is `{text}`"))
    }

    /// The tensors whose names begin with `prefix`, without the prefix.
    pub fn part(&self, prefix: &str) -> Vec<(String, Tensor)> {
        let cut = |(name, tensor): &(String, Tensor)| {
            Some((name.strip_prefix(prefix)?.to_string(), tensor.shallow_clone()))
        };
        self.tensors.iter().filter_map(cut).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Progress;
    use std::cell::RefCell;

    #[derive(Default)]
    struct Notes(RefCell<Vec<String>>);

    impl Reporter for Notes {
        fn progress(&self, _: Progress) {}
        fn note(&self, text: &str) {
            self.0.borrow_mut().push(text.into());
        }
        fn interrupted(&self) -> bool {
            false
        }
    }

    #[test]
    fn a_file_of_another_number_format_or_a_damaged_one_is_reported_and_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let file = |format| CheckpointFile::new(dir.path(), "masks", "training masks", format);
        let tensors =
            [("a.w".to_string(), Tensor::from_slice(&[1f32])), ("b".to_string(), Tensor::from(2i64))];
        let notes = Notes::default();
        let resume = |format, refused: bool| {
            file(format).resume(Device::Cpu, &notes, |saved| {
                assert_eq!(saved.part("a."), [("w".to_string(), Tensor::from_slice(&[1f32]))]);
                assert!(saved.text("none").unwrap_err().contains("`none` is missing"));
                if refused { Err("`w` is [1], not [2]".into()) } else { saved.value::<u32>("round") }
            })
        };
        assert_eq!(file(NumberFormat::Fp32).resume(Device::Cpu, &notes, |_| Ok(())), None);
        assert!(notes.0.borrow().is_empty(), "a missing file is not reported");
        file(NumberFormat::Fp32).save(&tensors, &[("round", "7".into())]).unwrap();
        assert_eq!(resume(NumberFormat::Fp32, false), Some(7));
        let path = dir.path().join("masks.safetensors");
        let shown = path.display();
        assert_eq!(resume(NumberFormat::Bf16, false), None);
        assert_eq!(resume(NumberFormat::Fp32, true), None);
        save_tensors(&path, &tensors, &[]).unwrap();
        assert_eq!(resume(NumberFormat::Fp32, false), None);
        std::fs::write(&path, b"half").unwrap();
        assert_eq!(resume(NumberFormat::Fp32, false), None);
        let notes = notes.0.borrow();
        let start = format!("the checkpoint {shown} is damaged (");
        assert_eq!(
            notes[0],
            format!(
                "the checkpoint {shown} was computed in fp32, and this worker computes in bf16: training masks starts \
                 again"
            )
        );
        assert_eq!(notes[1], format!("{start}`w` is [1], not [2]): training masks starts again"));
        assert_eq!(notes[2], format!("{start}it has no number format): training masks starts again"));
        assert!(notes[3].starts_with(&format!("{start}not a usable safetensors file")), "{}", notes[3]);
        assert_eq!(notes.len(), 4);
    }
}
