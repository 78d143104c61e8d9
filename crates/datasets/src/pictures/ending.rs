//! Whether a file of a format that marks its end reaches it. Decoders fill in what a cut file lacks, some of them
//! without a word; a file that was cut anywhere lacks its end. What follows the end does not matter: padding and
//! appended data are common.
//!
//! Formats without such a mark (BMP, PNM, TIFF) state their lengths, and their decoders miss what is not there.

use image::ImageFormat;

/// Whether the end of the format is there; true for formats that have no mark for it.
pub(super) fn is_there(format: ImageFormat, bytes: &[u8]) -> bool {
    match format {
        ImageFormat::Jpeg => jpeg(bytes).is_some(),
        ImageFormat::Png => png(bytes).is_some(),
        ImageFormat::Gif => gif(bytes).is_some(),
        ImageFormat::WebP => webp(bytes).is_some(),
        _ => true,
    }
}

/// The bytes that follow the first `count`, if there are so many.
fn after(bytes: &[u8], count: usize) -> Option<&[u8]> {
    bytes.get(count..)
}

/// Segments up to the marker EOI. A thumbnail has an EOI of its own, but lies inside a segment and is passed over.
fn jpeg(bytes: &[u8]) -> Option<()> {
    let mut rest = after(bytes, 2)?;
    loop {
        // The next marker: a byte FF that is not stuffed (FF 00), nor filling (FF FF). Restarts are part of a scan.
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

/// Chunks up to IEND.
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

/// Blocks up to the trailer.
fn gif(bytes: &[u8]) -> Option<()> {
    // Bytes of a colour table whose flags are these.
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut rest = after(bytes, 13 + table(*bytes.get(10)?))?;
    loop {
        rest = match rest.first()? {
            0x3b => return Some(()),
            0x21 => after(rest, 2)?,
            0x2c => after(rest, 11 + table(*rest.get(9)?))?,
            _ => return None,
        };
        // Pieces of at most 255 bytes, each after its length; an empty one is the last.
        loop {
            let length = usize::from(*rest.first()?);
            rest = after(rest, length + 1)?;
            if length == 0 {
                break;
            }
        }
    }
}

/// As many bytes as the header says.
fn webp(bytes: &[u8]) -> Option<()> {
    let length = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?) as usize;
    after(bytes, length.checked_add(8)?).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_is_seen_and_what_follows_the_end_is_not_minded() {
        let image = image::RgbImage::from_fn(9, 7, |x, y| image::Rgb([(x * 28) as u8, (y * 36) as u8, 77]));
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP] {
            let mut bytes = std::io::Cursor::new(Vec::new());
            image.write_to(&mut bytes, format).unwrap();
            let mut bytes = bytes.into_inner();
            for length in 0..bytes.len() {
                assert!(!is_there(format, &bytes[..length]), "{format:?} cut to {length}");
            }
            assert!(is_there(format, &bytes), "{format:?}");
            bytes.extend([0; 5]);
            assert!(is_there(format, &bytes), "{format:?} padded");
        }
    }

    #[test]
    fn the_end_of_a_thumbnail_is_not_the_end_of_its_jpeg() {
        // SOI; a segment of 6 bytes that holds an EOI; a scan with a stuffed byte, a restart and filling; EOI.
        let jpeg = [
            0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xd9, 1, 2, 0xff, 0xda, 0, 2, 7, 0xff, 0, 0xff, 0xd0, 8,
            0xff, 0xff, 0xd9,
        ];
        assert!(is_there(ImageFormat::Jpeg, &jpeg));
        assert!(!is_there(ImageFormat::Jpeg, &jpeg[..jpeg.len() - 1]));
    }
}
