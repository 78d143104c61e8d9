//! The cases for a folder of images.

use std::fs;

use image::DynamicImage;
use image::ImageFormat::{Bmp, Gif, Jpeg, Png, Pnm, Tiff, WebP};

use crate::image_folder::{ImageFolder, animation, drawn, encoded, fixture, truncated};

/// Numbers of training and test images and the notes, or a part of the error.
pub(crate) type Expected = Result<(usize, usize, &'static [&'static str]), &'static str>;
pub(crate) type Case = (&'static str, fn(&ImageFolder), Expected);

const TRUNCATED: Expected = Err("train/a/unusual.x.png: not a readable image (it is truncated)");
const BAD: Expected = Err("train/a/unusual.x.png: not a readable image (");
/// One more training image than without the case, and no notes.
const READ: Expected = Ok((3, 2, &[]));

const UNUSUAL: &str = "train/a/unusual.x.png";

pub(crate) const CASES: &[Case] = &[
    ("nothing unusual", |_| {}, Ok((2, 2, &[]))),
    // Files.
    ("no bytes", |p| p.write(UNUSUAL, b""), BAD),
    ("text", |p| p.write(UNUSUAL, b"not an image at all"), BAD),
    ("a signature alone", |p| p.write(UNUSUAL, b"\x89PNG\r\n\x1a\n"), BAD),
    ("half a JPEG", |p| p.write(UNUSUAL, &truncated(Jpeg)), BAD),
    (
        "a JPEG truncated in its scan",
        |p| p.write(UNUSUAL, encoded(&drawn(9), Jpeg).split_last_chunk::<40>().unwrap().0),
        TRUNCATED,
    ),
    (
        "a JPEG without its last byte",
        |p| p.write(UNUSUAL, encoded(&drawn(9), Jpeg).split_last().unwrap().1),
        TRUNCATED,
    ),
    ("a JPEG with a damaged scan", |p| p.write(UNUSUAL, &damaged()), Err("(\"Bad Huffman Code")),
    ("a JPEG with padding", |p| p.write(UNUSUAL, &[encoded(&drawn(9), Jpeg), vec![0; 700]].concat()), READ),
    ("half a PNG", |p| p.write(UNUSUAL, &truncated(Png)), TRUNCATED),
    (
        "a PNG without its last byte",
        |p| p.write(UNUSUAL, encoded(&drawn(9), Png).split_last().unwrap().1),
        TRUNCATED,
    ),
    ("half a WebP", |p| p.write(UNUSUAL, &truncated(WebP)), BAD),
    ("half a GIF", |p| p.write(UNUSUAL, &truncated(Gif)), TRUNCATED),
    ("half a BMP", |p| p.write(UNUSUAL, &truncated(Bmp)), BAD),
    (
        "a BMP without its last byte",
        |p| p.write(UNUSUAL, encoded(&drawn(9), Bmp).split_last().unwrap().1),
        BAD,
    ),
    ("half a TIFF", |p| p.write(UNUSUAL, &truncated(Tiff)), BAD),
    ("half a PPM", |p| p.write(UNUSUAL, &truncated(Pnm)), BAD),
    (
        "a PPM without its last byte",
        |p| p.write(UNUSUAL, encoded(&drawn(9), Pnm).split_last().unwrap().1),
        BAD,
    ),
    ("a header with no pixels", |p| p.write(UNUSUAL, b"P6\n0 5\n255\n"), BAD),
    ("a header of 4 billion pixels a side", |p| p.write(UNUSUAL, b"P6\n4000000000 4000000000\n255\n\0"), BAD),
    ("a PNG whose header says 60000 x 60000", |p| p.write(UNUSUAL, &huge()), BAD),
    ("a BMP", |p| p.image("train/a/unusual.bmp", Bmp), READ),
    ("a GIF", |p| p.image("train/a/unusual.gif", Gif), READ),
    ("a TIFF", |p| p.image("train/a/unusual.tiff", Tiff), READ),
    ("a JPEG named .jfif", |p| p.image("train/a/unusual.jfif", Jpeg), READ),
    ("another format than the extension says", |p| p.image("train/a/unusual.jpg", WebP), READ),
    ("a name in capitals", |p| p.image("train/a/UNUSUAL.JPEG", Jpeg), READ),
    ("grey", |p| p.write(UNUSUAL, &fixture("grey.png")), READ),
    ("grey with alpha", |p| p.write(UNUSUAL, &fixture("grey_alpha.png")), READ),
    ("alpha", |p| p.write(UNUSUAL, &fixture("alpha.png")), READ),
    ("a palette", |p| p.write(UNUSUAL, &fixture("palette.png")), READ),
    ("two levels", |p| p.write(UNUSUAL, &fixture("bilevel.png")), READ),
    ("CMYK", |p| p.write(UNUSUAL, &fixture("cmyk.jpg")), READ),
    ("16 bits", |p| p.write(UNUSUAL, &encoded(&DynamicImage::from(drawn(9).into_rgb16()), Png)), READ),
    ("one pixel", |p| p.write(UNUSUAL, &encoded(&drawn(9).crop_imm(3, 3, 1, 1), Png)), READ),
    ("one row", |p| p.write(UNUSUAL, &encoded(&drawn(9).crop_imm(0, 3, 24, 1), Jpeg)), READ),
    ("two frames", |p| p.write("train/a/unusual.gif", &animation()), READ),
    (
        "two frames, the second truncated",
        |p| p.write(UNUSUAL, animation().split_last_chunk::<4>().unwrap().0),
        TRUNCATED,
    ),
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
        "files that are not images",
        |p| {
            ["train/a/x.txt", "train/b/y.txt", "train/b/z.avif", "test/a/Thumbs.DB"]
                .iter()
                .for_each(|n| p.write(n, b"x"));
        },
        Ok((2, 2, &["train/: 3 files skipped: 2 .txt, 1 .avif", "test/: 1 file skipped: 1 .db"])),
    ),
    (
        "images beside the class folders",
        |p| p.image("test/unusual.png", Png),
        Ok((2, 2, &["test/: 1 image beside the class folders skipped"])),
    ),
    ("an image seven folders deep", |p| p.image("train/a/1/2/3/4/5/6/7/unusual.png", Png), READ),
    ("a folder named like an image", |p| p.image("train/a/x.png/unusual.png", Png), READ),
    ("names in other scripts", |p| p.image("train/a/größe 図.png", Png), READ),
    (
        "a class in another script",
        |p| {
            p.image("train/図/1.png", Png);
            p.image("test/図/1.webp", WebP);
        },
        Ok((3, 3, &[])),
    ),
    ("a training class that is empty", |p| p.empty("train/b"), Err("train/b: a class without images")),
    (
        "a training class of text alone",
        |p| {
            p.empty("train/b");
            p.write("train/b/1.txt", b"x");
        },
        Err("train/b: a class without images"),
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
        Err("test/c: a test class without a folder of the same name in train/"),
    ),
    ("no test image", |p| p.empty("test"), Err("no test image found below it")),
    (
        "one class",
        |p| ["train/b", "test/b"].iter().for_each(|f| fs::remove_dir_all(p.at(f)).unwrap()),
        Err("1 class where at least 2 are needed"),
    ),
    ("no test folder", |p| fs::remove_dir_all(p.at("test")).unwrap(), Err("test does not exist")),
    // Repeated images.
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
pub(crate) const LINKS: &[Case] = &[
    (
        "a linked image",
        |p| {
            p.image("store/x.png", Png);
            p.link("train/a/unusual.png", "../../store/x.png");
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
        Ok((2, 2, &["train/: 1 link to a parent folder not followed"])),
    ),
    (
        "a link to the folder of all classes",
        |p| p.link("train/a/all", "../../train"),
        Ok((2, 2, &["train/: 1 link to a parent folder not followed"])),
    ),
    (
        "a class that is a link to the folder that contains it",
        |p| p.link("train/self", "."),
        Ok((2, 2, &["train/: 1 link to a parent folder not followed"])),
    ),
    (
        "a link to a missing file",
        |p| p.link("train/a/unusual.png", "gone.png"),
        Err("train/a/unusual.png: a link to a missing file: repair or remove it"),
    ),
    (
        "a socket",
        |p| drop(std::os::unix::net::UnixListener::bind(p.at("train/a/unusual.png")).unwrap()),
        Err("train/a/unusual.png: neither a file nor a link to one"),
    ),
];

/// A JPEG with 60 bytes of its scan overwritten by bytes FF, each with a stuffed byte 00. Sixteen bits of 1 are not a
/// code in any Huffman table.
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
    // The checksum of the header, over its name and content.
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
