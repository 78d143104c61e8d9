//! Images for the report: clean, triggered, and the difference made visible.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use scour_core::{FileFormat, GalleryImage, LabelMap, StageGallery, Task, write_json};
use scour_train::{TrainError, Trigger, psnr, ssim};
use tch::{Device, Kind, Tensor};

use crate::data::LoadedData;

/// Images shown of each attack.
const SHOWN: usize = 6;
/// Images that similarity is averaged over.
const COMPARED: i64 = 200;
/// By how much differences are multiplied.
const SCALE: f64 = 10.0;

/// How like triggered images are to clean ones, on average.
pub(crate) struct Similarity {
    /// dB.
    pub(crate) psnr: f64,
    /// 1 for equal images.
    pub(crate) ssim: f64,
}

/// Writes `gallery/` into the stage's folder: test images of as many classes as there are places. `None`, and no folder,
/// where the trigger would change the class of none of them.
pub(crate) fn write(
    task: &Task,
    data: &LoadedData,
    trigger: &dyn Trigger,
    map: LabelMap,
) -> Result<Option<Similarity>, TrainError> {
    let labels = data.test.classes();
    let classes = data.classes;
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
    std::fs::create_dir_all(&folder).map_err(|error| TrainError::of_file(&folder, &error))?;
    let pick = |indices: &[usize]| {
        let indices: Vec<i64> = indices.iter().map(|&i| i as i64).collect();
        let clean = data.test.pixels.index_select(0, &Tensor::from_slice(&indices).to_device(data.device));
        let triggered = trigger.apply(&clean);
        (clean, triggered)
    };
    let (clean, triggered) = pick(&shown);
    let difference = ((triggered.to_kind(Kind::Float) - clean.to_kind(Kind::Float)).abs() * SCALE)
        .clamp(0.0, 255.0)
        .to_kind(Kind::Uint8);
    let (each_psnr, each_ssim) = (psnr(&clean, &triggered), ssim(&clean, &triggered));
    let mut images = vec![];
    for (at, &index) in shown.iter().enumerate() {
        let label = labels[index];
        let file = |kind: &str, tensor: &Tensor| {
            let name = format!("{at:03}-{kind}.png");
            write_png(&folder.join(&name), &tensor.get(at as i64)).map(|()| name)
        };
        images.push(GalleryImage {
            clean: file("clean", &clean)?,
            triggered: file("triggered", &triggered)?,
            difference: file("difference", &difference)?,
            label: Some(data.class_names[label as usize].clone()),
            target: Some(data.class_names[map.map(label, classes) as usize].clone()),
            psnr: Some(each_psnr[at]),
            ssim: Some(each_ssim[at]),
        });
    }
    let index = StageGallery { version: StageGallery::VERSION, images, difference_scale: Some(SCALE) };
    let path = folder.join("gallery.json");
    write_json(&path, &index).map_err(|error| TrainError::of_file(&path, &error))?;
    let (clean, triggered) = pick(&counted[..counted.len().min(COMPARED as usize)]);
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    Ok(Some(Similarity { psnr: mean(psnr(&clean, &triggered)), ssim: mean(ssim(&clean, &triggered)) }))
}

/// u8 [3, h, w] as a PNG file.
fn write_png(path: &Path, image: &Tensor) -> Result<(), TrainError> {
    let shape = |error: tch::TchError| TrainError::File(format!("{}: {error}", path.display()));
    let (_, h, w) = image.size3().map_err(shape)?;
    let interleaved = image.to_device(Device::Cpu).permute([1, 2, 0]).contiguous();
    let mut bytes = vec![0u8; interleaved.numel()];
    let count = bytes.len();
    interleaved.copy_data(&mut bytes, count);
    let file = File::create(path).map_err(|error| TrainError::of_file(path, &error))?;
    let mut encoder = png::Encoder::new(BufWriter::new(file), w as u32, h as u32);
    encoder.set_color(png::ColorType::Rgb);
    let write = |error: png::EncodingError| TrainError::of_file(path, &error.into());
    encoder.write_header().map_err(write)?.write_image_data(&bytes).map_err(write)
}
