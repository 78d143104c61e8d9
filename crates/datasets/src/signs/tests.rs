use super::*;
use scour_core::read_parameters;
use serde_json::{Value, json};

fn read(params: &Value) -> Signs {
    read_parameters(params).unwrap()
}

fn load(params: Value) -> Dataset {
    read(&params).load(Path::new("")).unwrap()
}

fn small() -> Value {
    json!({"train": 60, "test": 25, "size": 32, "seed": 5})
}

#[test]
fn the_same_parameters_draw_the_same_bytes_on_any_number_of_threads() {
    let whole = load(small());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(pool.install(|| load(small())), whole);
    // A change of the drawing changes this hash: then `impl_version` must be raised as well.
    let hash = blake3::hash(&whole.train.pixels).to_hex();
    assert_eq!((&hash[..16], Signs::DESCRIPTION.impl_version), (PIXELS_HASH, 3));
}

const PIXELS_HASH: &str = "17d99d2ff3405c31";

#[test]
fn an_image_depends_on_seed_split_and_index_only() {
    let base = load(small());
    assert_ne!(load(json!({"train": 60, "test": 25, "seed": 6})).train.pixels, base.train.pixels);
    assert_ne!(base.train.image(0), base.test.image(0));
    let mut images: Vec<&[u8]> = (0..60).map(|i| base.train.image(i)).collect();
    images.extend((0..25).map(|i| base.test.image(i)));
    images.sort_unstable();
    assert!(images.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn classes_are_balanced_and_shuffled() {
    let dataset = load(small());
    assert_eq!(dataset.train.per_class(10), [6; 10]);
    let test = dataset.test.per_class(10);
    assert_eq!((test.iter().min(), test.iter().max()), (Some(&2), Some(&3)));
    assert_ne!(dataset.train.labels[..10], (0..10).collect::<Vec<u32>>());
    assert_eq!(dataset.class_names.len(), 10);
}

#[test]
fn facts_are_those_of_the_images_and_follow_the_parameters() {
    let signs = read(&small());
    let facts = signs.facts(Path::new("")).unwrap();
    assert_eq!(load(small()).facts(facts.fingerprint.clone()), facts);
    // Defaults written out are the same data set; another difficulty is another one.
    let mut written = serde_json::to_value(&signs).unwrap();
    assert_eq!(read(&written).facts(Path::new("")).unwrap(), facts);
    written["difficulty"] = json!(0.75);
    assert_ne!(read(&written).facts(Path::new("")).unwrap().fingerprint, facts.fingerprint);
}

#[test]
fn the_fingerprint_of_the_defaults_never_changes() {
    // The hash of the canonical JSON of the parameters and `impl_version`. The keys of all results depend on it.
    let expected = "7903f8e584dbe978f40911c866b4e46c30a0d7353d6079596e095f2bc95c39c2";
    assert_eq!(Signs::default().facts(Path::new("")).unwrap().fingerprint, expected);
}

#[test]
fn images_have_contrast_and_no_white_pixels() {
    let dataset = load(json!({"train": 500, "test": 10}));
    for index in 0..500 {
        let image = dataset.train.image(index);
        let (low, high) = (image.iter().min().unwrap(), image.iter().max().unwrap());
        assert!(high - low > 30, "image {index} spans {low} to {high}");
        assert!(*high < 250, "image {index} has a white pixel");
    }
}

#[test]
fn impossible_parameters_are_refused_with_the_range() {
    for (params, expected) in [
        (json!({"train": 5}), "`train` must be in [10, 1000000], not 5"),
        (json!({"size": 8}), "`size` must be in [16, 256], not 8"),
        (json!({"difficulty": 1.5}), "`difficulty` must be in [0, 1], not 1.5"),
        (json!({"sizes": 8}), "did you mean `size`"),
    ] {
        let message = read_parameters::<Signs>(&params).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

/// Writes the images as raw bytes into the folder that SCOUR_DUMP names, so that other tools can show them.
#[test]
#[ignore = "writes files for people to look at"]
fn dump() {
    let folder = std::env::var("SCOUR_DUMP").unwrap();
    let difficulty: f64 = std::env::var("SCOUR_DIFFICULTY").unwrap_or("0.5".into()).parse().unwrap();
    let start = std::time::Instant::now();
    let dataset = load(json!({"difficulty": difficulty}));
    let seconds = start.elapsed().as_secs_f64();
    for (name, split) in [("train", &dataset.train), ("test", &dataset.test)] {
        let labels: Vec<u8> = split.labels.iter().map(|&label| label as u8).collect();
        std::fs::write(format!("{folder}/{name}.pixels"), &split.pixels).unwrap();
        std::fs::write(format!("{folder}/{name}.labels"), labels).unwrap();
    }
    std::fs::write(format!("{folder}/seconds"), seconds.to_string()).unwrap();
}
