//! Images that are stored on their side.

use std::fs;

use image::{DynamicImage, Rgb, RgbImage};
use scour_datasets::source;
use serde_json::json;

use crate::place::{Place, animation, with_orientation};

const RED: [u8; 3] = [200, 10, 10];
const GREEN: [u8; 3] = [10, 200, 10];
const BLUE: [u8; 3] = [10, 10, 200];
const WHITE: [u8; 3] = [220, 220, 220];

/// What is stored at the upper left, upper right, lower left and lower right for each orientation from 1 to 8, of an
/// image that is seen as red, green, blue and white. By Exif's definition an orientation says at which side of what is
/// seen the first stored row and the first stored column are.
const STORED: [[[u8; 3]; 4]; 8] = [
    [RED, GREEN, BLUE, WHITE],
    [GREEN, RED, WHITE, BLUE],
    [WHITE, BLUE, GREEN, RED],
    [BLUE, WHITE, RED, GREEN],
    [RED, BLUE, GREEN, WHITE],
    [GREEN, WHITE, RED, BLUE],
    [WHITE, GREEN, BLUE, RED],
    [BLUE, RED, WHITE, GREEN],
];

fn quarters(colours: [[u8; 3]; 4], width: u32, height: u32) -> DynamicImage {
    let colour = |x, y| Rgb(colours[usize::from(x >= width / 2) + 2 * usize::from(y >= height / 2)]);
    RgbImage::from_fn(width, height, colour).into()
}

/// Asserts that the quarters of an 8 x 8 image have these colours, as far as JPEG keeps them.
fn assert_quarters(planes: &[u8], colours: [[u8; 3]; 4], what: &str) {
    for ((x, y), colour) in [(1, 1), (6, 1), (1, 6), (6, 6)].into_iter().zip(colours) {
        for (channel, expected) in colour.into_iter().enumerate() {
            let found = planes[channel * 64 + y * 8 + x];
            assert!(found.abs_diff(expected) <= 8, "{what}: {found} for {expected} at ({x}, {y})");
        }
    }
}

#[test]
fn images_of_a_folder_are_turned_upright() {
    for (index, stored) in STORED.into_iter().enumerate() {
        let orientation = index as u8 + 1;
        // What lies on its side is stored on its side.
        let (width, height) = if orientation < 5 { (64, 32) } else { (32, 64) };
        let place = Place::new();
        place.write("train/a/1.png", &with_orientation(&quarters(stored, width, height), orientation));
        let seen = place.load();
        assert_quarters(seen.train.picture(0), STORED[0], &format!("orientation {orientation}"));
    }
}

#[test]
fn images_of_a_public_data_set_stay_as_they_are_stored() {
    let data = tempfile::tempdir().unwrap();
    let tiny = data.path().join("tiny-imagenet-200");
    let write = |path: &str, bytes: &[u8]| {
        fs::create_dir_all(tiny.join(path).parent().unwrap()).unwrap();
        fs::write(tiny.join(path), bytes).unwrap();
    };
    write("wnids.txt", b"n1\nn2\n");
    let turned = with_orientation(&quarters(STORED[5], 32, 64), 6);
    write("train/n1/images/n1_0.JPEG", &turned);
    write("train/n2/images/n2_0.JPEG", &turned);
    write("val/images/v.JPEG", &turned);
    write("val/val_annotations.txt", b"v.JPEG\tn1\n");
    let dataset = source("tiny_imagenet").unwrap().load(&json!({"size": 8}), data.path()).unwrap();
    assert_quarters(dataset.test.picture(0), STORED[5], "as stored");
}

#[test]
fn of_an_animation_the_first_frame_is_read() {
    let place = Place::new();
    place.write("train/a/1.png", &animation());
    let dataset = place.load();
    assert_eq!(dataset.train.picture(0), [[200; 64], [0; 64], [0; 64]].concat());
}
