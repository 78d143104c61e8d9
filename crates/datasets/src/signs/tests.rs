use super::*;
use serde_json::json;

fn load(params: Value) -> Dataset {
    Signs.load(&params, Path::new("")).unwrap()
}

fn small() -> Value {
    json!({"train": 60, "test": 25, "size": 32, "seed": 5})
}

#[test]
fn the_same_parameters_draw_the_same_bytes_on_any_number_of_threads() {
    let whole = load(small());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(pool.install(|| load(small())), whole);
    // Held here so that a change of the drawing is noticed: raise IMPL_VERSION with it.
    let hash = blake3::hash(&whole.train.pixels).to_hex();
    assert_eq!((&hash[..16], IMPL_VERSION), (PIXELS_HASH, 3));
}

const PIXELS_HASH: &str = "17d99d2ff3405c31";

#[test]
fn a_picture_depends_on_its_own_seed_split_and_place_only() {
    let base = load(small());
    assert_ne!(load(json!({"train": 60, "test": 25, "seed": 6})).train.pixels, base.train.pixels);
    assert_ne!(base.train.picture(0), base.test.picture(0));
    let mut pictures: Vec<&[u8]> = (0..60).map(|i| base.train.picture(i)).collect();
    pictures.extend((0..25).map(|i| base.test.picture(i)));
    pictures.sort_unstable();
    assert!(pictures.windows(2).all(|pair| pair[0] != pair[1]));
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
fn facts_are_those_of_the_pictures_and_follow_the_parameters() {
    let facts = Signs.facts(&small(), Path::new("")).unwrap();
    assert_eq!(load(small()).facts(facts.fingerprint.clone()), facts);
    // Defaults written out are the same data set; another difficulty is another one.
    let written = Signs.resolve(&small()).unwrap();
    assert_eq!(Signs.facts(&written, Path::new("")).unwrap(), facts);
    let mut harder = written;
    harder["difficulty"] = json!(0.75);
    assert_ne!(Signs.facts(&harder, Path::new("")).unwrap().fingerprint, facts.fingerprint);
}

#[test]
fn pictures_are_neither_flat_nor_touched_by_anything_like_a_trigger() {
    let dataset = load(json!({"train": 500, "test": 10}));
    for index in 0..500 {
        let picture = dataset.train.picture(index);
        let (low, high) = (picture.iter().min().unwrap(), picture.iter().max().unwrap());
        assert!(high - low > 30, "picture {index} spans {low} to {high}");
        assert!(*high < 250, "picture {index} has a white pixel");
    }
}

#[test]
fn impossible_parameters_are_refused_with_the_range() {
    for (params, expected) in [
        (json!({"train": 5}), "`train` must be 10 to 1000000 pictures, not 5"),
        (json!({"size": 8}), "`size` must be 16 to 256 pixels, not 8"),
        (json!({"difficulty": 1.5}), "`difficulty` must be in [0, 1], not 1.5"),
        (json!({"sizes": 8}), "did you mean `size`"),
    ] {
        let message = Signs.resolve(&params).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

/// Writes the pictures as raw bytes into the folder that SCOUR_DUMP names, for looking at them with other tools.
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
