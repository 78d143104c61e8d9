//! Unusual images and layouts, one case each: the number of images and the notes, or the error.

mod cases;
mod image_folder;
mod tables;
mod upright;

use image::ImageFormat::Png;
use scour_datasets::DatasetError;

use cases::{CASES, Case};
use image_folder::ImageFolder;

#[test]
fn unusual_images_and_layouts_are_read_noted_or_refused() {
    let mut cases: Vec<&Case> = CASES.iter().collect();
    #[cfg(unix)]
    cases.extend(cases::LINKS);
    let mut wrong = Vec::new();
    for (name, build, expected) in cases {
        let folder = ImageFolder::new();
        build(&folder);
        // The second time, the images come from the cache if they could be read.
        for time in ["first", "second"] {
            let found = folder.facts();
            let as_expected = match (&found, expected) {
                (Ok(facts), Ok((train, test, notes))) => {
                    (facts.train_len(), facts.test_len()) == (*train, *test) && facts.notes == *notes
                }
                (Err(error), Err(part)) => {
                    error.to_string().contains(part) && !error.to_string().contains('\n')
                }
                _ => false,
            };
            if !as_expected {
                wrong.push(format!("{name}, {time} time: {found:?}, not {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_broken_files_are_listed_in_the_order_of_the_data_set() {
    let folder = ImageFolder::new();
    for path in ["train/b/0.png", "train/a/9.png", "test/a/5.jpg"] {
        folder.write(path, b"x");
    }
    let Err(DatasetError::Broken { dataset, files, of }) = folder.facts() else {
        panic!("no error about broken files")
    };
    assert_eq!((dataset, of), ("folder", 7));
    let named: Vec<String> = files.iter().map(ToString::to_string).collect();
    for (line, path) in named.iter().zip(["train/a/9.png", "train/b/0.png", "test/a/5.jpg"]) {
        assert!(line.contains(path), "{line}");
    }
    assert_eq!(named.len(), 3);
}

#[test]
fn classes_are_sorted_by_the_bytes_of_their_names() {
    let folder = ImageFolder::new();
    for class in ["10", "2", "B", "ä"] {
        folder.image(&format!("train/{class}/1.png"), Png);
    }
    assert_eq!(folder.facts().unwrap().class_names, ["10", "2", "B", "a", "b", "ä"]);
}
