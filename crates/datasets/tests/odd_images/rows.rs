//! The rows for a folder of images.

use std::fs;

use image::DynamicImage;
use image::ImageFormat::{Bmp, Gif, Jpeg, Png, Pnm, Tiff, WebP};

use crate::place::{Place, animation, cut, drawn, encoded, fixture};

/// Training images, test images, notes; or a part of the error.
pub(crate) type Expected = Result<(usize, usize, &'static [&'static str]), &'static str>;
pub(crate) type Row = (&'static str, fn(&Place), Expected);

const CUT: Expected = Err("train/a/odd.x.png: not a readable picture (it is cut short)");
const BAD: Expected = Err("train/a/odd.x.png: not a readable picture (");
/// One more training image than there is otherwise, and nothing to tell.
const READ: Expected = Ok((3, 2, &[]));

const ODD: &str = "train/a/odd.x.png";

pub(crate) const ROWS: &[Row] = &[
    ("nothing odd", |_| {}, Ok((2, 2, &[]))),
    // Files.
    ("no bytes", |p| p.write(ODD, b""), BAD),
    ("text", |p| p.write(ODD, b"not an image at all"), BAD),
    ("a signature alone", |p| p.write(ODD, b"\x89PNG\r\n\x1a\n"), BAD),
    ("half a JPEG", |p| p.write(ODD, &cut(Jpeg)), BAD),
    (
        "a JPEG cut in its scan",
        |p| p.write(ODD, encoded(&drawn(9), Jpeg).split_last_chunk::<40>().unwrap().0),
        CUT,
    ),
    ("a JPEG without its last byte", |p| p.write(ODD, encoded(&drawn(9), Jpeg).split_last().unwrap().1), CUT),
    ("a JPEG with a damaged scan", |p| p.write(ODD, &damaged()), Err("(\"Bad Huffman Code")),
    ("a JPEG with padding", |p| p.write(ODD, &[encoded(&drawn(9), Jpeg), vec![0; 700]].concat()), READ),
    ("half a PNG", |p| p.write(ODD, &cut(Png)), CUT),
    ("a PNG without its last byte", |p| p.write(ODD, encoded(&drawn(9), Png).split_last().unwrap().1), CUT),
    ("half a WebP", |p| p.write(ODD, &cut(WebP)), BAD),
    ("half a GIF", |p| p.write(ODD, &cut(Gif)), CUT),
    ("half a BMP", |p| p.write(ODD, &cut(Bmp)), BAD),
    ("a BMP without its last byte", |p| p.write(ODD, encoded(&drawn(9), Bmp).split_last().unwrap().1), BAD),
    ("half a TIFF", |p| p.write(ODD, &cut(Tiff)), BAD),
    ("half a PPM", |p| p.write(ODD, &cut(Pnm)), BAD),
    ("a PPM without its last byte", |p| p.write(ODD, encoded(&drawn(9), Pnm).split_last().unwrap().1), BAD),
    ("a header with no pixels", |p| p.write(ODD, b"P6\n0 5\n255\n"), BAD),
    ("a header of 4 billion pixels a side", |p| p.write(ODD, b"P6\n4000000000 4000000000\n255\n\0"), BAD),
    ("a PNG whose header says 60000 x 60000", |p| p.write(ODD, &huge()), BAD),
    ("a BMP", |p| p.image("train/a/odd.bmp", Bmp), READ),
    ("a GIF", |p| p.image("train/a/odd.gif", Gif), READ),
    ("a TIFF", |p| p.image("train/a/odd.tiff", Tiff), READ),
    ("a JPEG named .jfif", |p| p.image("train/a/odd.jfif", Jpeg), READ),
    ("another format than the name says", |p| p.image("train/a/odd.jpg", WebP), READ),
    ("a name in capitals", |p| p.image("train/a/ODD.JPEG", Jpeg), READ),
    ("grey", |p| p.write(ODD, &fixture("grey.png")), READ),
    ("grey with alpha", |p| p.write(ODD, &fixture("grey_alpha.png")), READ),
    ("alpha", |p| p.write(ODD, &fixture("alpha.png")), READ),
    ("a palette", |p| p.write(ODD, &fixture("palette.png")), READ),
    ("two levels", |p| p.write(ODD, &fixture("bilevel.png")), READ),
    ("CMYK", |p| p.write(ODD, &fixture("cmyk.jpg")), READ),
    ("16 bits", |p| p.write(ODD, &encoded(&DynamicImage::from(drawn(9).into_rgb16()), Png)), READ),
    ("one pixel", |p| p.write(ODD, &encoded(&drawn(9).crop_imm(3, 3, 1, 1), Png)), READ),
    ("one row", |p| p.write(ODD, &encoded(&drawn(9).crop_imm(0, 3, 24, 1), Jpeg)), READ),
    ("two frames", |p| p.write("train/a/odd.gif", &animation()), READ),
    ("two frames, the second cut", |p| p.write(ODD, animation().split_last_chunk::<4>().unwrap().0), CUT),
    (
        "two broken files",
        |p| ["train/b/x.png", "test/a/y.png"].iter().for_each(|path| p.write(path, b"")),
        Err("1 more of 6 files cannot be used: cargo xtask data check folder lists them"),
    ),
    // Folders.
    (
        "hidden files",
        |p| [".DS_Store", "._1.png"].iter().for_each(|n| p.write(&format!("train/a/{n}"), b"x")),
        Ok((2, 2, &[])),
    ),
    (
        "files that are no images",
        |p| {
            ["train/a/x.txt", "train/b/y.txt", "train/b/z.avif", "test/a/Thumbs.DB"]
                .iter()
                .for_each(|n| p.write(n, b"x"));
        },
        Ok((2, 2, &["train/: 3 files skipped: 2 .txt, 1 .avif", "test/: 1 file skipped: 1 .db"])),
    ),
    (
        "images beside the class folders",
        |p| p.image("test/odd.png", Png),
        Ok((2, 2, &["test/: 1 image beside the class folders skipped"])),
    ),
    ("an image seven folders deep", |p| p.image("train/a/1/2/3/4/5/6/7/odd.png", Png), READ),
    ("a folder named like an image", |p| p.image("train/a/x.png/odd.png", Png), READ),
    ("names in other scripts", |p| p.image("train/a/größe 図.png", Png), READ),
    (
        "a class in another script",
        |p| {
            p.image("train/図/1.png", Png);
            p.image("test/図/1.webp", WebP);
        },
        Ok((3, 3, &[])),
    ),
    ("a training class that is empty", |p| p.empty("train/b"), Err("train/b: a class without a picture")),
    (
        "a training class of text alone",
        |p| {
            p.empty("train/b");
            p.write("train/b/1.txt", b"x");
        },
        Err("train/b: a class without a picture"),
    ),
    ("a test class that is empty", |p| p.empty("test/b"), Ok((2, 1, &["test class `b` has no image"]))),
    (
        "a test class that is absent",
        |p| fs::remove_dir_all(p.at("test/b")).unwrap(),
        Ok((2, 1, &["test class `b` has no image"])),
    ),
    (
        "a class in test alone",
        |p| p.image("test/c/1.png", Png),
        Err("test/c: a test class that no folder in train/ is named after"),
    ),
    ("no test image", |p| p.empty("test"), Err("no test picture found below it")),
    (
        "one class",
        |p| ["train/b", "test/b"].iter().for_each(|f| fs::remove_dir_all(p.at(f)).unwrap()),
        Err("1 class where at least 2 are needed"),
    ),
    ("no test folder", |p| fs::remove_dir_all(p.at("test")).unwrap(), Err("test does not exist")),
    // One image twice.
    (
        "a copy",
        |p| p.write("train/a/2.png", &encoded(&drawn(0), Png)),
        Ok((3, 2, &["files equal to another: 1, such as train/a/2.png and train/a/1.png"])),
    ),
    (
        "a copy under another label",
        |p| p.write("train/b/2.png", &encoded(&drawn(0), Png)),
        Ok((3, 2, &["files equal to one of another label: 1, such as train/b/2.png and train/a/1.png"])),
    ),
    (
        "a training image in the test set",
        |p| p.write("test/a/2.png", &encoded(&drawn(0), Png)),
        Ok((2, 3, &["test files equal to a training file: 1, such as test/a/2.png and train/a/1.png"])),
    ),
];

#[cfg(unix)]
pub(crate) const LINKS: &[Row] = &[
    (
        "a linked image",
        |p| {
            p.image("store/x.png", Png);
            p.link("train/a/odd.png", "../../store/x.png");
        },
        READ,
    ),
    (
        "a linked class",
        |p| {
            p.image("store/x.png", Png);
            p.link("train/c", "../store");
        },
        Ok((3, 2, &["test class `c` has no image"])),
    ),
    (
        "one file in two classes",
        |p| p.link("train/b/2.png", "../a/1.png"),
        Ok((3, 2, &["files equal to one of another label: 1, such as train/b/2.png and train/a/1.png"])),
    ),
    (
        "a link to its own folder",
        |p| p.link("train/a/again", "."),
        Ok((2, 2, &["train/: 1 link back into a folder above not followed"])),
    ),
    (
        "a link to the folder of all classes",
        |p| p.link("train/a/all", "../../train"),
        Ok((2, 2, &["train/: 1 link back into a folder above not followed"])),
    ),
    (
        "a class that links to the folder it lies in",
        |p| p.link("train/self", "."),
        Ok((2, 2, &["train/: 1 link back into a folder above not followed"])),
    ),
    (
        "a link to nothing",
        |p| p.link("train/a/odd.png", "gone.png"),
        Err("train/a/odd.png: a link to a file that is not there: mend or remove it"),
    ),
    (
        "a socket",
        |p| drop(std::os::unix::net::UnixListener::bind(p.at("train/a/odd.png")).unwrap()),
        Err("train/a/odd.png: neither a file nor a link to one"),
    ),
];

/// A JPEG with 60 bytes of its scan overwritten by ones, with the zeros that are stuffed after each byte of ones:
/// sixteen ones in a row are no code in any table.
fn damaged() -> Vec<u8> {
    let mut bytes = encoded(&drawn(9), Jpeg);
    let middle = bytes.len() - 160;
    bytes[middle..middle + 60].copy_from_slice(&[0xff, 0].repeat(30));
    bytes
}

fn huge() -> Vec<u8> {
    let mut bytes = encoded(&drawn(9), Png);
    for at in [16, 20] {
        bytes[at..at + 4].copy_from_slice(&60_000u32.to_be_bytes());
    }
    // The header's checksum, of its name and content.
    let mut crc = u32::MAX;
    for &byte in &bytes[12..29] {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    bytes[29..33].copy_from_slice(&(!crc).to_be_bytes());
    bytes
}
