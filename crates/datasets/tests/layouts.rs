//! The accepted layouts on disk: the same images give the same data set in each of them.

use std::fs;
use std::path::Path;

use scour_core::DatasetFacts;
use scour_datasets::{Dataset, Source, source};
use serde_json::json;

const SIZE: u32 = 8;

/// An 8 x 8 image that differs for each number.
fn pixels(number: u32) -> Vec<u8> {
    (0..SIZE * SIZE * 3).map(|at| (number * 29 + at * 7 + at * at % 13) as u8).collect()
}

/// Writes image `number` in the format of the path's extension.
fn draw(path: &Path, number: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::RgbImage::from_raw(SIZE, SIZE, pixels(number)).unwrap().save(path).unwrap();
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The data set of that name with images of 8 x 8 pixels.
fn small(name: &str) -> Box<dyn Source> {
    (source(name).unwrap().read)(&json!({"size": SIZE})).unwrap()
}

fn load(name: &str, data: &Path) -> Dataset {
    let source = small(name);
    let dataset = source.load(data).unwrap_or_else(|error| panic!("{error}"));
    let facts = source.facts(data).unwrap();
    let counted = DatasetFacts { notes: vec![], incomplete: None, ..facts.clone() };
    assert_eq!(dataset.facts(facts.fingerprint), counted);
    dataset
}

/// The description of the layout of the data set of that name, which must be below `data`.
fn layout(name: &str, data: &Path) -> &'static str {
    let found = small(name).find(data).unwrap().unwrap();
    assert!(found.path.starts_with(data) && found.path.exists(), "{}", found.path.display());
    found.layout
}

/// Asserts that image `index` of `split` is image `number` byte by byte.
fn assert_image(split: &scour_datasets::Split, index: usize, number: u32) {
    let rgb = pixels(number);
    let planes: Vec<u8> = (0..3).flat_map(|channel| rgb.iter().skip(channel).step_by(3).copied()).collect();
    assert_eq!(split.image(index), planes, "image {index}");
}

const HEADING: &str = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\n";

/// Six training images, 0 to 5, of classes 0, 0, 0, 7, 7, 42; two test images, 6 and 7, of classes 42 and 0.
fn official_gtsrb(root: &Path, training: &str, table: &str) {
    for (class, numbers) in [(0, 0..3), (7, 3..5), (42, 5..6)] {
        let folder = root.join(training).join(format!("{class:05}"));
        let mut rows = String::from(HEADING);
        for number in numbers {
            let name = format!("00000_{number:05}.ppm");
            draw(&folder.join(&name), number);
            rows += &format!("{name};8;8;1;1;7;7;{class}\r\n");
        }
        write(&folder.join(format!("GT-{class:05}.csv")), &rows);
    }
    for number in 6..8 {
        draw(&root.join(format!("Final_Test/Images/{:05}.ppm", number - 6)), number);
    }
    write(&root.join(table), &format!("{HEADING}00000.ppm;8;8;1;1;7;7;42\n00001.ppm;8;8;1;1;7;7;0\n"));
}

#[test]
fn gtsrb_in_four_layouts() {
    let data = tempfile::tempdir().unwrap();
    let official = data.path().join("official");
    official_gtsrb(&official.join("GTSRB"), "Final_Training/Images", "Final_Test/Images/GT-final_test.csv");
    let dataset = load("gtsrb", &official);
    assert_eq!(dataset.train.labels, [0, 0, 0, 7, 7, 42]);
    assert_eq!(dataset.test.labels, [42, 0]);
    (0..6).for_each(|number| assert_image(&dataset.train, number as usize, number));
    (6..8).for_each(|number| assert_image(&dataset.test, number as usize - 6, number));
    assert_eq!((dataset.classes, dataset.class_names[14].as_str()), (43, "stop"));
    assert!(layout("gtsrb", &official).starts_with("official"));

    // The test table beside the folder, where its archive unpacks it. The data folder may also be the inner folder.
    let loose = data.path().join("loose");
    official_gtsrb(&loose.join("GTSRB"), "Final_Training/Images", "../GT-final_test.csv");
    assert_eq!(load("gtsrb", &loose), dataset);
    assert_eq!(load("gtsrb", &loose.join("GTSRB")), dataset);

    let torchvision = data.path().join("torchvision");
    official_gtsrb(&torchvision.join("gtsrb/GTSRB"), "Training", "../GT-final_test.csv");
    assert_eq!(load("gtsrb", &torchvision), dataset);
    assert!(layout("gtsrb", &torchvision).starts_with("torchvision"));

    let png = data.path().join("png");
    let mut rows = String::from("Width,Height,Roi.X1,Roi.Y1,Roi.X2,Roi.Y2,ClassId,Path\n");
    // Not sorted, like the table of that distribution.
    for (number, class) in [(5, 42), (0, 0), (4, 7), (2, 0), (3, 7), (1, 0)] {
        let name = format!("Train/{class}/{class:05}_00000_{number:05}.png");
        draw(&png.join(&name), number);
        rows += &format!("8,8,1,1,7,7,{class},{name}\n");
    }
    write(&png.join("Train.csv"), &rows);
    let mut rows = String::from("\u{feff}Width,Height,Roi.X1,Roi.Y1,Roi.X2,Roi.Y2,ClassId,Path\n");
    for (number, class) in [(6, 42), (7, 0)] {
        let name = format!("Test/{:05}.png", number - 6);
        draw(&png.join(&name), number);
        rows += &format!("8,8,1,1,7,7,{class},{name}\n");
    }
    write(&png.join("Test.csv"), &rows);
    assert_eq!(load("gtsrb", &png), dataset);
    assert!(layout("gtsrb", &png).starts_with("PNG"));
}

#[test]
fn tiny_imagenet_flat_and_sorted() {
    let data = tempfile::tempdir().unwrap();
    for layout in ["flat", "sorted"] {
        let root = data.path().join(layout).join("tiny-imagenet-200");
        write(&root.join("wnids.txt"), "n03\nn01\n");
        write(&root.join("words.txt"), "n01\tgoldfish, Carassius auratus\nn02\tshark\n");
        for (number, id) in [(0, "n01"), (1, "n01"), (2, "n03")] {
            draw(&root.join(format!("train/{id}/images/{id}_{number}.png")), number);
        }
        write(&root.join("train/n01/n01_boxes.txt"), "n01_0.png\t0\t0\t7\t7\n");
        write(
            &root.join("val/val_annotations.txt"),
            "val_1.png\tn03\t0\t0\t7\t7\nval_0.png\tn01\t0\t0\t7\t7\n",
        );
        let (first, second) = if layout == "flat" { ("images", "images") } else { ("n01", "n03/images") };
        // Scripts that sort the images leave an empty folder.
        fs::create_dir_all(root.join("val/images")).unwrap();
        draw(&root.join("val").join(first).join("val_0.png"), 3);
        draw(&root.join("val").join(second).join("val_1.png"), 4);
    }
    let dataset = load("tiny_imagenet", &data.path().join("flat"));
    assert_eq!((&dataset.train.labels[..], &dataset.test.labels[..]), (&[0, 0, 1][..], &[0, 1][..]));
    (0..3).for_each(|number| assert_image(&dataset.train, number as usize, number));
    (3..5).for_each(|number| assert_image(&dataset.test, number as usize - 3, number));
    assert_eq!(dataset.class_names, ["goldfish", "n03"]);
    assert!(layout("tiny_imagenet", &data.path().join("flat")).ends_with("with its table"));
    assert_eq!(load("tiny_imagenet", &data.path().join("sorted")), dataset);
    assert!(layout("tiny_imagenet", &data.path().join("sorted")).ends_with("sorted into folders"));
    assert_eq!(load("tiny_imagenet", &data.path().join("sorted/tiny-imagenet-200")), dataset);
}

#[test]
fn a_folder_of_images() {
    let data = tempfile::tempdir().unwrap();
    let at = |path: &str| data.path().join(path);
    for (number, path) in ["train/cat/b.png", "train/cat/c.webp", "train/dog/a.ppm"].iter().enumerate() {
        draw(&at(path), number as u32);
    }
    draw(&at("test/dog/z.png"), 3);
    fs::create_dir_all(at("train/.thumbnails")).unwrap();
    let dataset = load("folder", data.path());
    assert_eq!(dataset.class_names, ["cat", "dog"]);
    assert_eq!((&dataset.train.labels[..], &dataset.test.labels[..]), (&[0, 0, 1][..], &[1][..]));
    (0..3).for_each(|number| assert_image(&dataset.train, number as usize, number));
    assert_image(&dataset.test, 0, 3);

    assert!(layout("folder", data.path()).starts_with("a folder for each class"));

    let message = |folder: &str| {
        fs::create_dir_all(at(folder)).unwrap();
        let error = small("folder").load(data.path()).unwrap_err();
        fs::remove_dir(at(folder)).unwrap();
        error.to_string()
    };
    assert!(message("train/emu").contains("train/emu: a class without images"));
    assert!(message("test/fox").contains("test/fox: a test class without a folder of the same name"));
}
