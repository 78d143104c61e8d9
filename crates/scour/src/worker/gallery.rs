//! Pictures for the report: clean, triggered, and the difference made visible.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use scour_core::{LabelMap, Task};
use scour_train::{TrainError, Trigger, psnr, ssim};
use serde_json::json;
use tch::{Device, Kind, Tensor};

use super::context::Pictures;

/// Pictures shown of each attack.
const SHOWN: usize = 6;
/// Pictures that similarity is averaged over.
const COMPARED: i64 = 200;
/// By how much differences are multiplied.
const SCALE: f64 = 10.0;

/// How like triggered pictures are to clean ones, on average.
pub(super) struct Similarity {
    /// dB.
    pub(super) psnr: f64,
    /// 1 for equal pictures.
    pub(super) ssim: f64,
}

/// Writes `gallery/` into the stage's folder: test pictures of as many classes as there are places. `None`, and no folder,
/// where the trigger would change the class of none of them.
pub(super) fn write(
    task: &Task,
    pictures: &Pictures,
    trigger: &dyn Trigger,
    map: LabelMap,
) -> Result<Option<Similarity>, TrainError> {
    let labels = pictures.test.classes();
    let classes = pictures.classes;
    let counted: Vec<usize> = (0..labels.len()).filter(|&i| map.counts(labels[i], classes)).collect();
    if counted.is_empty() {
        return Ok(None);
    }
    let mut shown: Vec<usize> = vec![];
    for &i in &counted {
        let known = shown.iter().any(|&other| labels[other] == labels[i]);
        if shown.len() < SHOWN && (!known || shown.len() >= classes as usize - 1) {
            shown.push(i);
        }
    }
    let folder = task.out.join("gallery");
    std::fs::create_dir_all(&folder)
        .map_err(|error| TrainError::File(format!("{}: {error}", folder.display())))?;
    let pick = |indices: &[usize]| {
        let indices: Vec<i64> = indices.iter().map(|&i| i as i64).collect();
        let clean =
            pictures.test.pictures.index_select(0, &Tensor::from_slice(&indices).to_device(pictures.device));
        let triggered = trigger.apply(&clean);
        (clean, triggered)
    };
    let (clean, triggered) = pick(&shown);
    let difference = ((triggered.to_kind(Kind::Float) - clean.to_kind(Kind::Float)).abs() * SCALE)
        .clamp(0.0, 255.0)
        .to_kind(Kind::Uint8);
    let (each_psnr, each_ssim) = (psnr(&clean, &triggered), ssim(&clean, &triggered));
    let mut entries = vec![];
    for (at, &index) in shown.iter().enumerate() {
        let label = labels[index];
        let mut entry = json!({
            "label": pictures.class_names[label as usize],
            "target": pictures.class_names[map.map(label, classes) as usize],
            "psnr": each_psnr[at],
            "ssim": each_ssim[at],
        });
        for (kind, tensor) in [("clean", &clean), ("triggered", &triggered), ("difference", &difference)] {
            let name = format!("{at:03}-{kind}.png");
            write_png(&folder.join(&name), &tensor.get(at as i64))?;
            entry[kind] = json!(name);
        }
        entries.push(entry);
    }
    let text = json!({"pictures": entries, "difference_scale": SCALE}).to_string();
    let path = folder.join("gallery.json");
    std::fs::write(&path, text).map_err(|error| TrainError::File(format!("{}: {error}", path.display())))?;
    let (clean, triggered) = pick(&counted[..counted.len().min(COMPARED as usize)]);
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    Ok(Some(Similarity { psnr: mean(psnr(&clean, &triggered)), ssim: mean(ssim(&clean, &triggered)) }))
}

/// u8 [3, h, w] as a PNG file.
fn write_png(path: &Path, picture: &Tensor) -> Result<(), TrainError> {
    let fail = |error: String| TrainError::File(format!("{}: {error}", path.display()));
    let (_, h, w) = picture.size3().map_err(|error| fail(error.to_string()))?;
    let interleaved = picture.to_device(Device::Cpu).permute([1, 2, 0]).contiguous();
    let mut bytes = vec![0u8; interleaved.numel()];
    let count = bytes.len();
    interleaved.copy_data(&mut bytes, count);
    let file = File::create(path).map_err(|error| fail(error.to_string()))?;
    let mut encoder = png::Encoder::new(BufWriter::new(file), w as u32, h as u32);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().map_err(|error| fail(error.to_string()))?;
    writer.write_image_data(&bytes).map_err(|error| fail(error.to_string()))
}
