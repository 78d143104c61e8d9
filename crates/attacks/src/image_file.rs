//! Images that attacks blend in: drawn here, or given by the user as a PNG file.

use std::fs::File;
use std::io::BufReader;

use scour_core::ParamError;
use tch::{Device, Kind, Tensor};

/// A face on stripes, f32 [3, size, size] in 0..255: large shapes in strong colours all over the image, like
/// the cartoon images in the literature. Drawn at four times the size and averaged down.
pub(crate) fn drawn(size: i64) -> Tensor {
    let fine = size * 4;
    let axis = (Tensor::arange(fine, (Kind::Float, Device::Cpu)) + 0.5) / fine as f64;
    let (x, y) = (axis.unsqueeze(0), axis.unsqueeze(1));
    let zeros = Tensor::zeros([fine, fine], (Kind::Float, Device::Cpu));
    let (x, y) = (&x + &zeros, &y + &zeros);
    let disc =
        |cx: f64, cy: f64, rx: f64, ry: f64| (((&x - cx) / rx).square() + ((&y - cy) / ry).square()).lt(1.0);
    let layers: Vec<(Tensor, [f64; 3])> = vec![
        (((&x + &y) * 5.0).frac().lt(0.5), [236.0, 72.0, 96.0]),
        (((&x + &y) * 5.0).frac().ge(0.5), [250.0, 214.0, 226.0]),
        (disc(0.22, 0.2, 0.17, 0.19), [20.0, 20.0, 24.0]),
        (disc(0.78, 0.2, 0.17, 0.19), [20.0, 20.0, 24.0]),
        (disc(0.5, 0.54, 0.43, 0.37), [20.0, 20.0, 24.0]),
        (disc(0.5, 0.54, 0.4, 0.34), [255.0, 255.0, 250.0]),
        (disc(0.34, 0.5, 0.05, 0.08), [20.0, 20.0, 24.0]),
        (disc(0.66, 0.5, 0.05, 0.08), [20.0, 20.0, 24.0]),
        (disc(0.5, 0.62, 0.07, 0.05), [250.0, 206.0, 40.0]),
        (disc(0.5, 0.76, 0.16, 0.05), [224.0, 44.0, 60.0]),
        (disc(0.8, 0.24, 0.14, 0.08), [40.0, 96.0, 220.0]),
    ];
    let mut image = Tensor::zeros([3, fine, fine], (Kind::Float, Device::Cpu));
    for (mask, colour) in &layers {
        let colour = Tensor::from_slice(colour).to_kind(Kind::Float).reshape([3, 1, 1]);
        image = colour.where_self(&mask.unsqueeze(0), &image);
    }
    image.unsqueeze(0).avg_pool2d([4, 4], [4, 4], [0, 0], false, true, None).squeeze_dim(0).round()
}

/// A PNG file as f32 [3, size, size] in 0..255, resized to a square with an antialiased bilinear filter.
pub(crate) fn from_file(path: &str, size: i64) -> Result<Tensor, String> {
    let fail = |why: String| format!("image {path}: {why}; give an 8-bit PNG file");
    let file = File::open(path).map_err(|error| fail(error.to_string()))?;
    let mut decoder = png::Decoder::new(BufReader::new(file));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|error| fail(error.to_string()))?;
    let mut buffer = vec![0; reader.output_buffer_size().ok_or_else(|| fail("too large".into()))?];
    let info = reader.next_frame(&mut buffer).map_err(|error| fail(error.to_string()))?;
    let channels = info.color_type.samples();
    let pixels: Vec<u8> = buffer[..info.buffer_size()]
        .chunks(channels)
        .flat_map(|pixel| if channels < 3 { [pixel[0]; 3] } else { [pixel[0], pixel[1], pixel[2]] })
        .collect();
    let (h, w) = (i64::from(info.height), i64::from(info.width));
    let image = Tensor::from_slice(&pixels).reshape([1, h, w, 3]).permute([0, 3, 1, 2]).to_kind(Kind::Float);
    Ok(image.internal_upsample_bilinear2d_aa([size, size], false, None, None).squeeze_dim(0).round())
}

/// BLAKE3 of the file that a parameter names, so that another image is another attack. `others` lists the other allowed
/// values, for the error message.
pub(crate) fn file_hash(field: &str, path: &str, others: &str) -> Result<String, ParamError> {
    let bytes = std::fs::read(path)
        .map_err(|error| ParamError(format!("`{field}` {path}: {error}; give {others} or a PNG file")))?;
    Ok(blake3::hash(&bytes).to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drawn_image_has_strong_contrast() {
        for size in [32, 64] {
            let image = drawn(size);
            assert_eq!(image.size(), [3, size, size]);
            assert!(image.min().double_value(&[]) < 40.0 && image.max().double_value(&[]) > 240.0);
            assert!(image.std(true).double_value(&[]) > 50.0);
        }
    }

    #[test]
    fn pixels_of_a_file_are_kept_and_errors_name_the_file() {
        let dir = std::env::temp_dir().join(format!("scour-image-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("two.png");
        let mut encoder = png::Encoder::new(File::create(&path).unwrap(), 2, 1);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header().unwrap().write_image_data(&[10, 20, 30, 200, 100, 0]).unwrap();
        let image = from_file(path.to_str().unwrap(), 2).unwrap();
        assert_eq!(image.double_value(&[2, 0, 0]), 30.0);
        assert_eq!(image.double_value(&[0, 1, 1]), 200.0);
        std::fs::write(&path, b"no png").unwrap();
        assert!(from_file(path.to_str().unwrap(), 2).unwrap_err().contains("two.png"));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
