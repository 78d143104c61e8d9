//! Detects truncated files of formats that mark their end. Some decoders replace missing data without an error, but a
//! truncated file always lacks the end mark. Data after the end is accepted: padding and appended data are common.
//!
//! Formats without an end mark (BMP, PNM, TIFF) contain their size, and their decoders report missing data.

use image::ImageFormat;

/// Whether the file has the end mark of its format; true for formats without one.
pub(super) fn has_end(format: ImageFormat, bytes: &[u8]) -> bool {
    match format {
        ImageFormat::Jpeg => jpeg(bytes).is_some(),
        ImageFormat::Png => png(bytes).is_some(),
        ImageFormat::Gif => gif(bytes).is_some(),
        ImageFormat::WebP => webp(bytes).is_some(),
        _ => true,
    }
}

/// The bytes after the first `count`, if there are that many.
fn after(bytes: &[u8], count: usize) -> Option<&[u8]> {
    bytes.get(count..)
}

/// Reads segments up to the marker EOI. The EOI of a thumbnail is inside a segment and therefore skipped.
fn jpeg(bytes: &[u8]) -> Option<()> {
    let mut rest = after(bytes, 2)?;
    loop {
        // The next marker: a byte FF that is neither stuffed (FF 00) nor fill (FF FF). Restart markers are part of a
        // scan.
        let at = rest
            .windows(2)
            .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 1 | 0xd0..=0xd7 | 0xff))?;
        let marker = rest[at + 1];
        rest = after(rest, at + 2)?;
        if marker == 0xd9 {
            return Some(());
        }
        rest = after(rest, usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])))?;
    }
}

/// Reads chunks up to IEND.
fn png(bytes: &[u8]) -> Option<()> {
    let mut rest = after(bytes, 8)?;
    loop {
        let length = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?) as usize;
        let name = rest.get(4..8)?;
        rest = after(rest, length.checked_add(12)?)?;
        if name == b"IEND" {
            return Some(());
        }
    }
}

/// Reads blocks up to the trailer.
fn gif(bytes: &[u8]) -> Option<()> {
    // The size of the colour table that these flags describe.
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut rest = after(bytes, 13 + table(*bytes.get(10)?))?;
    loop {
        rest = match rest.first()? {
            0x3b => return Some(()),
            0x21 => after(rest, 2)?,
            0x2c => after(rest, 11 + table(*rest.get(9)?))?,
            _ => return None,
        };
        // Sub-blocks of at most 255 bytes, each after its size; the last one is empty.
        loop {
            let length = usize::from(*rest.first()?);
            rest = after(rest, length + 1)?;
            if length == 0 {
                break;
            }
        }
    }
}

/// Checks that the file is as long as its header says.
fn webp(bytes: &[u8]) -> Option<()> {
    let length = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?) as usize;
    after(bytes, length.checked_add(8)?).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_truncation_is_detected_and_appended_data_is_accepted() {
        let image = image::RgbImage::from_fn(9, 7, |x, y| image::Rgb([(x * 28) as u8, (y * 36) as u8, 77]));
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP] {
            let mut bytes = std::io::Cursor::new(Vec::new());
            image.write_to(&mut bytes, format).unwrap();
            let mut bytes = bytes.into_inner();
            for length in 0..bytes.len() {
                assert!(!has_end(format, &bytes[..length]), "{format:?} truncated to {length}");
            }
            assert!(has_end(format, &bytes), "{format:?}");
            bytes.extend([0; 5]);
            assert!(has_end(format, &bytes), "{format:?} padded");
        }
    }

    #[test]
    fn the_end_of_a_thumbnail_is_not_the_end_of_its_jpeg() {
        // SOI; a segment of 6 bytes that holds an EOI; a scan with a stuffed byte, a restart marker and fill bytes;
        // EOI.
        let jpeg = [
            0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xd9, 1, 2, 0xff, 0xda, 0, 2, 7, 0xff, 0, 0xff, 0xd0, 8,
            0xff, 0xff, 0xd9,
        ];
        assert!(has_end(ImageFormat::Jpeg, &jpeg));
        assert!(!has_end(ImageFormat::Jpeg, &jpeg[..jpeg.len() - 1]));
    }
}
