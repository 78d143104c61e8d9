//! Images with an Exif orientation.

use std::fs;

use image::{DynamicImage, Rgb, RgbImage};

use crate::image_folder::{ImageFolder, animation, small, with_orientation};

const RED: [u8; 3] = [200, 10, 10];
const GREEN: [u8; 3] = [10, 200, 10];
const BLUE: [u8; 3] = [10, 10, 200];
const WHITE: [u8; 3] = [220, 220, 220];

/// The stored colours at the upper left, upper right, lower left and lower right for each orientation from 1 to 8, for
/// an image that is displayed as red, green, blue and white. Exif defines an orientation by the sides of the displayed
/// image at which the first stored row and the first stored column are.
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

/// Asserts that the quarters of an 8 x 8 image have these colours, with a tolerance for JPEG.
fn assert_quarters(planes: &[u8], colours: [[u8; 3]; 4], what: &str) {
    for ((x, y), colour) in [(1, 1), (6, 1), (1, 6), (6, 6)].into_iter().zip(colours) {
        for (channel, expected) in colour.into_iter().enumerate() {
            let found = planes[channel * 64 + y * 8 + x];
            assert!(found.abs_diff(expected) <= 8, "{what}: {found} for {expected} at ({x}, {y})");
        }
    }
}

#[test]
fn images_of_a_folder_are_rotated_upright() {
    for (index, stored) in STORED.into_iter().enumerate() {
        let orientation = index as u8 + 1;
        // Orientations from 5 on exchange width and height.
        let (width, height) = if orientation < 5 { (64, 32) } else { (32, 64) };
        let folder = ImageFolder::new();
        folder.write("train/a/1.png", &with_orientation(&quarters(stored, width, height), orientation));
        let dataset = folder.load();
        assert_quarters(dataset.train.image(0), STORED[0], &format!("orientation {orientation}"));
    }
}

#[test]
fn images_of_a_public_data_set_are_not_rotated() {
    let data = tempfile::tempdir().unwrap();
    let tiny = data.path().join("tiny-imagenet-200");
    let write = |path: &str, bytes: &[u8]| {
        fs::create_dir_all(tiny.join(path).parent().unwrap()).unwrap();
        fs::write(tiny.join(path), bytes).unwrap();
    };
    write("wnids.txt", b"n1\nn2\n");
    let rotated = with_orientation(&quarters(STORED[5], 32, 64), 6);
    write("train/n1/images/n1_0.JPEG", &rotated);
    write("train/n2/images/n2_0.JPEG", &rotated);
    write("val/images/v.JPEG", &rotated);
    write("val/val_annotations.txt", b"v.JPEG\tn1\n");
    let dataset = small("tiny_imagenet").load(data.path()).unwrap();
    assert_quarters(dataset.test.image(0), STORED[5], "as stored");
}

#[test]
fn the_first_frame_of_an_animation_is_read() {
    let folder = ImageFolder::new();
    folder.write("train/a/1.png", &animation());
    let dataset = folder.load();
    assert_eq!(dataset.train.image(0), [[200; 64], [0; 64], [0; 64]].concat());
}
