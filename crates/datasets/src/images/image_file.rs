//! Decodes one image file to RGB. Truncated and damaged files are refused, never repaired.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::truncation;
use crate::DatasetError;

/// Images with a longer side are treated as damaged files: no data set has such large images.
const LARGEST_SIDE: u32 = 20_000;
const LARGEST_ALLOCATION: u64 = 1 << 30;

/// The content of a file that a listing names.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, DatasetError> {
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, error))?;
    // Reading a pipe would never end.
    if !metadata.is_file() {
        return Err(DatasetError::invalid(path, "neither a file nor a link to one: remove it"));
    }
    fs::read(path).map_err(|error| unreadable(path, error))
}

/// The error for an image that a listing names and that cannot be read.
fn unreadable(path: &Path, error: std::io::Error) -> DatasetError {
    if error.kind() != std::io::ErrorKind::NotFound {
        return DatasetError::unreadable(path, error);
    }
    let problem = if path.is_symlink() {
        "a link to a missing file: repair or remove it"
    } else {
        "listed in the data set but absent: unpack the data set again"
    };
    DatasetError::invalid(path, problem)
}

/// Decodes any accepted format; the content decides the format, not the file's name. Grey, palette and CMYK become RGB,
/// an alpha channel is dropped, and the first frame or page is used. With `upright` the image is rotated as its Exif
/// orientation says.
pub(super) fn decode(path: &Path, bytes: &[u8], upright: bool) -> Result<RgbImage, DatasetError> {
    let damaged = |problem: String| {
        // Messages of decoders may have several lines; messages of this program always have one.
        let problem = problem.split_whitespace().collect::<Vec<_>>().join(" ");
        DatasetError::invalid(
            path,
            format!("not a readable image ({problem}): download it again, or remove it"),
        )
    };
    let decoded = match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => jpeg(bytes),
        Ok(format) => other(format, bytes),
        Err(error) => Err(error.to_string()),
    };
    let (mut image, orientation) = decoded.map_err(damaged)?;
    if image.width() == 0 || image.height() == 0 {
        return Err(damaged("it has no pixels".into()));
    }
    if upright {
        image.apply_orientation(orientation);
    }
    Ok(image.into_rgb8())
}

fn check_end(format: ImageFormat, bytes: &[u8]) -> Result<(), String> {
    if truncation::has_end(format, bytes) { Ok(()) } else { Err("it is truncated".into()) }
}

fn check_size(width: u32, height: u32, bytes: u64) -> Result<(), String> {
    if width > LARGEST_SIDE || height > LARGEST_SIDE || bytes > LARGEST_ALLOCATION {
        return Err(format!("{width} x {height} pixels are too many"));
    }
    Ok(())
}

/// Uses the same decoder as the crate `image`, but in strict mode: by default it fills damaged areas with grey.
fn jpeg(bytes: &[u8]) -> Result<(DynamicImage, Orientation), String> {
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(LARGEST_SIDE as usize)
        .set_max_height(LARGEST_SIDE as usize);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| error.to_string())?;
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let colours = if grey { ColorSpace::Luma } else { ColorSpace::RGB };
    decoder.set_options(decoder.options().jpeg_set_out_colorspace(colours));
    let (width, height) = decoder.dimensions().ok_or("it has no size")?;
    let (width, height) = (width as u32, height as u32);
    check_size(width, height, 3 * u64::from(width) * u64::from(height))?;
    check_end(ImageFormat::Jpeg, bytes)?;
    let pixels = decoder.decode().map_err(|error| error.to_string())?;
    let image = if grey {
        GrayImage::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8)
    } else {
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8)
    };
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    Ok((image.ok_or("too few pixels")?, orientation.unwrap_or(Orientation::NoTransforms)))
}

fn other(format: ImageFormat, bytes: &[u8]) -> Result<(DynamicImage, Orientation), String> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    limits.max_alloc = Some(LARGEST_ALLOCATION);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, decoder.total_bytes())?;
    check_end(format, bytes)?;
    // An orientation that cannot be read is ignored, as other programs do.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let image = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    Ok((image, orientation))
}
