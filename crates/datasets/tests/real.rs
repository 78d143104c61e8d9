//! The real data sets, if they are present: `SCOUR_DATA=DIR cargo test -p scour-datasets --test real -- --ignored`.

use std::path::Path;
use std::time::Instant;

use scour_core::DatasetFacts;
use scour_datasets::{Split, source, with_defaults};

/// Mean and standard deviation of each channel, for pixels in [0, 1].
fn moments(split: &Split) -> Vec<(f64, f64)> {
    let area = split.image(0).len() / 3;
    (0..3)
        .map(|channel| {
            let (mut sum, mut squares) = (0u64, 0u64);
            for plane in split.pixels.chunks_exact(area).skip(channel).step_by(3) {
                for &byte in plane {
                    sum += u64::from(byte);
                    squares += u64::from(byte) * u64::from(byte);
                }
            }
            let count = (split.len() * area) as f64;
            let mean = sum as f64 / count;
            (mean / 255.0, (squares as f64 / count - mean * mean).sqrt() / 255.0)
        })
        .collect()
}

/// The largest memory of this process so far, if the system reports it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("unknown", str::trim).to_string()
}

#[expect(clippy::print_stdout, reason = "figures to compare by hand")]
fn check(name: &str, data: &str, train: usize, test: usize, classes: u32) {
    let root = std::env::var("SCOUR_DATA").unwrap_or_else(|_| "data".into());
    let data = Path::new(&root).join(data);
    let source = with_defaults(source(name).unwrap()).unwrap();
    let start = Instant::now();
    let dataset = source.load(&data).unwrap_or_else(|error| panic!("{error}"));
    let load = start.elapsed();
    let peak = peak_memory();
    let start = Instant::now();
    let facts = source.facts(&data).unwrap();
    let facts_after = start.elapsed();
    let start = Instant::now();
    assert_eq!(source.load(&data).unwrap(), dataset);
    let again = start.elapsed();
    assert_eq!((dataset.train.len(), dataset.test.len(), dataset.classes), (train, test, classes));
    println!("  {:?} {:?}", facts.notes, facts.incomplete);
    let counted = DatasetFacts { notes: vec![], incomplete: None, ..facts.clone() };
    assert_eq!(dataset.facts(facts.fingerprint.clone()), counted);
    println!("{name}: first load {load:.2?} (peak {peak}), facts {facts_after:.2?}, second load {again:.2?}");
    println!("  {}", facts.fingerprint);
    for (split, images) in [("train", &dataset.train), ("test", &dataset.test)] {
        for (mean, std) in moments(images) {
            println!("  {split} mean {mean:.6} std {std:.6}");
        }
    }
}

#[test]
#[ignore = "needs the real images"]
fn cifar10() {
    check("cifar10", "", 50_000, 10_000, 10);
}

#[test]
#[ignore = "needs the real images"]
fn gtsrb() {
    check("gtsrb", "", 39_209, 12_630, 43);
}

#[test]
#[ignore = "needs a sample of the real images at their original sizes"]
fn gtsrb_original_sizes() {
    check("gtsrb", "gtsrb-original", 1_548, 400, 43);
}

#[test]
#[ignore = "needs the first 50 classes of the real images"]
fn tiny_imagenet() {
    check("tiny_imagenet", "", 25_000, 2_500, 50);
}
