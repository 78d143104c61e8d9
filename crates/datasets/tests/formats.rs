//! Every accepted image format and colour type, compared with what Pillow reads from the same file.

use std::fs;
use std::path::Path;

use scour_datasets::{Source, Split, source};
use serde_json::{Value, json};

fn folder(params: &Value) -> Box<dyn Source> {
    (source("folder").unwrap().read)(params).unwrap()
}

/// The image as the data set `folder` reads it: 3 x size x size.
fn load(fixture: &str, size: u32) -> Split {
    let data = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(fixture);
    for folder in ["train/a", "train/b", "test/a"] {
        fs::create_dir_all(data.path().join(folder)).unwrap();
        fs::copy(&from, data.path().join(folder).join(fixture)).unwrap();
    }
    let dataset = folder(&json!({"size": size})).load(data.path()).unwrap();
    assert_eq!((dataset.train.labels, dataset.test.labels.len()), (vec![0, 1], 1));
    dataset.test
}

/// File, size, tolerance for a byte, the pixels at (0, 0), (5, 3) and (7, 7), and the sum of each channel, by Pillow's
/// `convert("RGB")`. Lossless formats are exact. JPEG decoders differ in how they round and enlarge colour planes.
type Row = (&'static str, u32, i32, [[i32; 3]; 3], [i32; 3]);

const ROWS: &[Row] = &[
    ("alpha.png", 8, 0, [[0, 5, 10], [179, 184, 189], [177, 182, 187]], [7968, 7520, 7840]),
    ("bilevel.png", 8, 0, [[0; 3], [255; 3], [255; 3]], [7650; 3]),
    ("grey.png", 8, 0, [[4; 3], [183; 3], [181; 3]], [7687; 3]),
    ("grey_alpha.png", 8, 0, [[4; 3], [183; 3], [181; 3]], [7687; 3]),
    ("palette.png", 8, 0, [[16, 21, 26], [183, 188, 193], [183, 188, 193]], [7510, 7500, 7820]),
    ("lossless.webp", 8, 0, [[0, 5, 10], [179, 184, 189], [177, 182, 187]], [7968, 7520, 7840]),
    ("grey.jpg", 8, 1, [[77; 3]; 3], [4928; 3]),
    ("cmyk.jpg", 8, 2, [[190, 49, 146]; 3], [12160, 3136, 9344]),
    ("cmyk_ramp.jpg", 32, 3, [[0; 3], [12; 3], [50; 3]], [129_375; 3]),
    ("photo.jpg", 64, 4, [[137, 185, 137], [134, 178, 145], [149, 176, 169]], [474_170, 485_879, 539_490]),
];

#[test]
fn images_are_equal_to_those_of_pillow() {
    for &(fixture, size, tolerance, pixels, sums) in ROWS {
        let split = load(fixture, size);
        let area = (size * size) as usize;
        for (channel, plane) in split.image(0).chunks_exact(area).enumerate() {
            for ((x, y), expected) in [(0, 0), (5, 3), (7, 7)].into_iter().zip(pixels) {
                let found = i32::from(plane[y * size as usize + x]);
                let difference = (found - expected[channel]).abs();
                assert!(difference <= tolerance, "{fixture} ({x}, {y}) channel {channel}: {found}");
            }
            let sum: i32 = plane.iter().map(|&byte| i32::from(byte)).sum();
            let difference = (sum - sums[channel]).abs();
            assert!(difference <= tolerance * area as i32 / 2, "{fixture} channel {channel}: sum {sum}");
        }
    }
}

#[test]
fn the_content_decides_the_format() {
    let data = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for (folder, name) in [("train/a", "x.PNG"), ("train/b", "x.jpeg"), ("val/b", "x.ppm")] {
        fs::create_dir_all(data.path().join("own").join(folder)).unwrap();
        fs::copy(fixtures.join("lossless.webp"), data.path().join("own").join(folder).join(name)).unwrap();
    }
    fs::write(data.path().join("own/train/a/notes.txt"), "no image").unwrap();
    let dataset = folder(&json!({"path": "own", "size": 8})).load(data.path()).unwrap();
    assert_eq!((dataset.train.len(), dataset.test.labels), (2, vec![1]));
    assert_eq!(dataset.class_names, ["a", "b"]);
}
