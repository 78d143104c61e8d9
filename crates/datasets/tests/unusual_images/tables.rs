//! Tables that do not match the files, in GTSRB and Tiny ImageNet.

use std::fs;

use image::ImageFormat::{Jpeg, Pnm};

use crate::image_folder::{ImageFolder, drawn, encoded, small};

const HEADING: &str = "Filename;Width;Height;ClassId\n";

/// A GTSRB with two training images of one class and one test image.
fn gtsrb() -> ImageFolder {
    let folder = ImageFolder(tempfile::tempdir().unwrap());
    let class = "GTSRB/Final_Training/Images/00003";
    for (number, path) in
        [format!("{class}/a.ppm"), format!("{class}/b.ppm"), "GTSRB/Final_Test/Images/t.ppm".into()]
            .iter()
            .enumerate()
    {
        folder.write(path, &encoded(&drawn(number as u32), Pnm));
    }
    let rows = format!("{HEADING}a.ppm;8;8;3\nb.ppm;8;8;3\n");
    folder.write(&format!("{class}/GT-00003.csv"), rows.as_bytes());
    folder.write("GTSRB/Final_Test/Images/GT-final_test.csv", format!("{HEADING}t.ppm;8;8;3\n").as_bytes());
    folder
}

/// A Tiny ImageNet with two classes, each with one training and one test image.
fn tiny() -> ImageFolder {
    let folder = ImageFolder(tempfile::tempdir().unwrap());
    for (number, path) in
        ["train/n1/images/n1_0.JPEG", "train/n2/images/n2_0.JPEG", "val/images/v0.JPEG", "val/images/v1.JPEG"]
            .iter()
            .enumerate()
    {
        folder.write(&format!("tiny-imagenet-200/{path}"), &encoded(&drawn(number as u32), Jpeg));
    }
    folder.write("tiny-imagenet-200/wnids.txt", b"n1\nn2\n");
    folder.write("tiny-imagenet-200/train/n1/n1_boxes.txt", b"n1_0.JPEG\t0\t0\t5\t5\n");
    folder.write("tiny-imagenet-200/val/val_annotations.txt", b"v0.JPEG\tn1\nv1.JPEG\tn2\n");
    folder
}

type TableCase = (&'static str, fn(&ImageFolder), Result<&'static [&'static str], &'static str>);

const GTSRB: &[TableCase] = &[
    ("nothing unusual", |_| {}, Ok(&[])),
    (
        "a row without a file",
        |p| fs::remove_file(p.at("GTSRB/Final_Training/Images/00003/b.ppm")).unwrap(),
        Err("00003/b.ppm: listed in the data set but absent"),
    ),
    (
        "a training file without a row",
        |p| p.image("GTSRB/Final_Training/Images/00003/c.ppm", Pnm),
        Ok(&["1 image in Final_Training/Images/ without a row in the table: not used"]),
    ),
    (
        "test files without a row",
        |p| ["x", "y"].iter().for_each(|n| p.image(&format!("GTSRB/Final_Test/Images/{n}.ppm"), Pnm)),
        Ok(&["2 images in Final_Test/Images/ without a row in the table: not used"]),
    ),
    (
        "a file in two rows",
        |p| rows(p, "t.ppm;8;8;3\nt.ppm;8;8;3\n"),
        Err("GT-final_test.csv: line 3 lists t.ppm again (it is on line 2): remove one of the lines"),
    ),
    (
        "a file with two labels",
        |p| rows(p, "t.ppm;8;8;3\nt.ppm;8;8;4\n"),
        Err("GT-final_test.csv: line 3 lists t.ppm again under another class (it is on line 2)"),
    ),
];

fn rows(folder: &ImageFolder, rows: &str) {
    folder.write("GTSRB/Final_Test/Images/GT-final_test.csv", format!("{HEADING}{rows}").as_bytes());
}

const TINY: &[TableCase] = &[
    ("nothing unusual", |_| {}, Ok(&[])),
    (
        "a row without a file",
        |p| fs::remove_file(p.at("tiny-imagenet-200/val/images/v1.JPEG")).unwrap(),
        Err("val/images/v1.JPEG: listed in the data set but absent"),
    ),
    (
        "a file without a row",
        |p| p.image("tiny-imagenet-200/val/images/v9.JPEG", Jpeg),
        Ok(&["1 image in val/images/ without a row in val_annotations.txt: not used"]),
    ),
    (
        "a file with two labels",
        |p| p.write("tiny-imagenet-200/val/val_annotations.txt", b"v0.JPEG\tn1\nv1.JPEG\tn2\nv0.JPEG\tn2\n"),
        Err("val_annotations.txt: line 3 lists v0.JPEG again under another class (it is on line 1)"),
    ),
    (
        "a class without test images",
        |p| p.write("tiny-imagenet-200/val/val_annotations.txt", b"v0.JPEG\tn1\nv1.JPEG\tn1\n"),
        Ok(&["test class `n2` has no image"]),
    ),
    (
        "a folder that is not a class, and a text file",
        |p| {
            p.image("tiny-imagenet-200/train/n7/images/n7_0.JPEG", Jpeg);
            p.write("tiny-imagenet-200/train/n2/notes.txt", b"x");
        },
        Ok(&["train/: 1 file skipped: 1 .txt", "train/: 1 folder that is not in wnids.txt: not used"]),
    ),
];

#[test]
fn tables_that_do_not_match_the_files_are_noted_or_refused() {
    for (set, build, table) in [("gtsrb", gtsrb as fn() -> ImageFolder, GTSRB), ("tiny_imagenet", tiny, TINY)]
    {
        for (name, change, expected) in table {
            let folder = build();
            change(&folder);
            let found = small(set).facts(folder.0.path());
            match (found, expected) {
                (Ok(facts), Ok(notes)) => {
                    // A data set this small also has a note on its empty classes.
                    let mut found = facts.notes;
                    found.retain(|note| !note.contains("classes have no image"));
                    assert_eq!(found, *notes, "{set}: {name}");
                    assert!(facts.incomplete.unwrap().ends_with("not the whole data set"), "{set}: {name}");
                }
                (Err(error), Err(part)) => {
                    assert!(error.to_string().contains(part), "{set}: {name}: {error}");
                }
                (found, _) => panic!("{set}: {name}: {found:?}"),
            }
        }
    }
}
