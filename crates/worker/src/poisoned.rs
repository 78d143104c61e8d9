//! What an attacker did to the training set, kept beside the attacked model: defenses that look at that set get it from
//! here, and their verdicts are compared with it.

use std::path::Path;

use scour_core::{AttackConfig, FileFormat, PoisonFile, Task, read_json, write_json};
use scour_torch::{load_tensors, save_tensors};
use scour_train::{ImageSet, TrainError};
use tch::{Tensor, no_grad};

/// Which images are poisoned.
const POISON: &str = "poison.json";
/// Those images and their labels; there is no such file where none is.
const POISONED: &str = "poisoned.safetensors";
/// The name of the images in that file: one that stores of earlier versions have, too.
const IMAGES: &str = "pictures";

/// Keeps which images are poisoned, and these as they are in `train`, the training set as the attacker left it.
pub(crate) fn save(
    task: &Task,
    config: &AttackConfig,
    train: &ImageSet,
    indices: &[u32],
) -> Result<(), TrainError> {
    let poison = PoisonFile {
        version: PoisonFile::VERSION,
        indices: indices.to_vec(),
        poison_ratio: config.poison_ratio,
        label_map: config.label_map,
        seed: config.seed,
    };
    let path = task.out.join(POISON);
    write_json(&path, &poison).map_err(|error| TrainError::of_file(&path, &error))?;
    if indices.is_empty() {
        return Ok(());
    }
    let ImageSet { pixels, labels } = train.select(&index(indices, train));
    let tensors = [(IMAGES.into(), pixels), ("labels".into(), labels)];
    Ok(save_tensors(&task.out.join(POISONED), &tensors, &[])?)
}

/// The training set `clean` as the attacker left it whose model lies in `folder`, and the indices of what is poisoned.
pub(crate) fn restore(folder: &Path, clean: &ImageSet) -> Result<(ImageSet, Vec<u32>), TrainError> {
    let poison: PoisonFile =
        read_json(&folder.join(POISON)).map_err(|error| TrainError::File(error.to_string()))?;
    let indices = poison.indices;
    if indices.is_empty() {
        return Ok((clean.first(0), indices));
    }
    let path = folder.join(POISONED);
    if !path.is_file() {
        return Err(TrainError::File(format!(
            "{} is missing: this attacked model is from a version that did not keep what it poisoned; train it again \
             with --rerun all",
            path.display()
        )));
    }
    let tensors = load_tensors(&path, clean.device())?;
    let [images, labels] =
        [IMAGES, "labels"].map(|name| tensors.iter().find(|(own, _)| own == name).map(|(_, tensor)| tensor));
    let all = [indices.len() as i64].into_iter().chain(clean.pixels.size().into_iter().skip(1));
    let (Some(images), Some(labels)) = (images, labels) else {
        return Err(TrainError::File(format!("{} lacks images or labels", path.display())));
    };
    let fits = images.size() == all.collect::<Vec<_>>()
        && labels.numel() == indices.len()
        && indices.iter().all(|&index| (index as usize) < clean.len());
    if !fits {
        return Err(TrainError::File(format!("{} does not fit the training set", path.display())));
    }
    let left = ImageSet { pixels: clean.pixels.copy(), labels: clean.labels.copy() };
    no_grad(|| {
        let index = index(&indices, clean);
        let _ = left.pixels.shallow_clone().index_copy_(0, &index, images);
        let _ = left.labels.shallow_clone().index_copy_(0, &index, labels);
    });
    Ok((left, indices))
}

fn index(indices: &[u32], set: &ImageSet) -> Tensor {
    let indices: Vec<i64> = indices.iter().map(|&index| i64::from(index)).collect();
    Tensor::from_slice(&indices).to_device(set.device())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tch::{Device, Kind};

    fn set(count: i64) -> ImageSet {
        let labels = Tensor::arange(count, (Kind::Int64, Device::Cpu));
        ImageSet { pixels: labels.to_kind(Kind::Uint8).reshape([-1, 1, 1, 1]).repeat([1, 3, 2, 2]), labels }
    }

    /// A task of an attack in that folder, and its configuration.
    fn attack(folder: &Path) -> (Task, AttackConfig) {
        let method = json!({"name": "x", "label": "x", "params": {}, "impl_version": 1});
        let config = json!({
            "kind": "attack", "dataset": method, "fingerprint": "", "model": method, "attack": method,
            "label_map": {"all_to_one": 0}, "poison_ratio": 0.1, "seed": 0, "precision": "fp32",
            "recipe": scour_core::Recipe::default(),
        });
        let task = json!({
            "key": "00", "config": config, "requires": [], "out": folder, "scratch": folder, "data": folder,
            "device": "cpu", "threads": 1,
        });
        (serde_json::from_value(task).unwrap(), serde_json::from_value(config).unwrap())
    }

    #[test]
    fn the_training_set_comes_back_as_the_attacker_left_it() {
        let folder = tempfile::tempdir().unwrap();
        let (task, config) = attack(folder.path());
        let (clean, left) = (set(6), set(6));
        let _ = left.pixels.get(1).fill_(99);
        let _ = left.pixels.get(4).fill_(77);
        let _ = left.labels.get(4).fill_(0);
        save(&task, &config, &left, &[1, 4]).unwrap();
        let (restored, indices) = restore(folder.path(), &clean).unwrap();
        assert_eq!((restored.pixels, restored.labels), (left.pixels, left.labels));
        assert_eq!(indices, [1, 4]);
        assert_eq!(clean.labels, set(6).labels, "the clean set stays as it is");
        // Another cut of the data set than the one that was poisoned.
        let error = restore(folder.path(), &set(3)).err().unwrap().to_string();
        assert!(error.contains("does not fit"), "{error}");
        std::fs::remove_file(folder.path().join(POISONED)).unwrap();
        let error = restore(folder.path(), &clean).err().unwrap().to_string();
        assert!(error.contains("poisoned.safetensors") && error.contains("--rerun all"), "{error}");
    }

    #[test]
    fn where_nothing_was_poisoned_the_set_is_the_clean_one() {
        let folder = tempfile::tempdir().unwrap();
        let (task, config) = attack(folder.path());
        save(&task, &config, &set(4), &[]).unwrap();
        let (restored, indices) = restore(folder.path(), &set(4)).unwrap();
        assert_eq!((restored.labels, indices), (set(4).labels, vec![]));
        std::fs::write(folder.path().join(POISON), "{").unwrap();
        assert!(restore(folder.path(), &set(4)).err().unwrap().to_string().contains(POISON));
    }
}
