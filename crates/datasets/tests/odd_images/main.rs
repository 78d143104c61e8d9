//! Odd images and layouts, one row each: how many images are read and what is told about them, or why they are refused.

mod place;
mod rows;
mod tables;
mod upright;

use image::ImageFormat::Png;
use scour_datasets::DatasetError;

use place::Place;
use rows::{ROWS, Row};

#[test]
fn odd_images_and_layouts_are_read_told_or_refused() {
    let mut rows: Vec<&Row> = ROWS.iter().collect();
    #[cfg(unix)]
    rows.extend(rows::LINKS);
    let mut wrong = Vec::new();
    for (name, build, expected) in rows {
        let place = Place::new();
        build(&place);
        // The second time, what can be packed is.
        for time in ["first", "second"] {
            let found = place.facts();
            let fits = match (&found, expected) {
                (Ok(facts), Ok((train, test, notes))) => {
                    (facts.train_len(), facts.test_len()) == (*train, *test) && facts.notes == *notes
                }
                (Err(error), Err(part)) => {
                    error.to_string().contains(part) && !error.to_string().contains('\n')
                }
                _ => false,
            };
            if !fits {
                wrong.push(format!("{name}, {time} time: {found:?}, not {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_broken_files_are_named_in_the_order_of_the_data_set() {
    let place = Place::new();
    for path in ["train/b/0.png", "train/a/9.png", "test/a/5.jpg"] {
        place.write(path, b"x");
    }
    let Err(DatasetError::Broken { dataset, files, of }) = place.facts() else { panic!("it is broken") };
    assert_eq!((dataset, of), ("folder", 7));
    let named: Vec<String> = files.iter().map(ToString::to_string).collect();
    for (line, path) in named.iter().zip(["train/a/9.png", "train/b/0.png", "test/a/5.jpg"]) {
        assert!(line.contains(path), "{line}");
    }
    assert_eq!(named.len(), 3);
}

#[test]
fn classes_are_in_the_order_of_their_names_bytes() {
    let place = Place::new();
    for class in ["10", "2", "B", "ä"] {
        place.image(&format!("train/{class}/1.png"), Png);
    }
    assert_eq!(place.facts().unwrap().class_names, ["10", "2", "B", "a", "b", "ä"]);
}
