//! One row for each registered data set, and what every one of them promises.

use std::path::Path;

use scour_datasets::{SOURCES, source};
use serde_json::json;

/// Name, title, whether pictures come from disk, whether training mirrors them, epochs of the customary recipe.
const ROWS: &[(&str, &str, bool, bool, u32)] = &[
    ("signs", "Signs", false, false, 10),
    ("cifar10", "CIFAR-10", true, true, 100),
    ("cifar100", "CIFAR-100", true, false, 100),
    ("gtsrb", "GTSRB", true, false, 50),
    ("tiny_imagenet", "Tiny ImageNet", true, false, 200),
    ("folder", "Picture folder", true, false, 100),
];

#[test]
fn the_registry_is_as_the_rows_say() {
    let registered: Vec<_> = SOURCES
        .iter()
        .map(|source| {
            let profile = source.profile();
            let on_disk = !profile.layouts.is_empty();
            (source.name(), source.title(), on_disk, profile.horizontal_flip, profile.recipe.epochs)
        })
        .collect();
    assert_eq!(registered, ROWS);
}

#[test]
fn cifar100_is_normalised_and_not_mirrored_as_in_published_runs() {
    let cifar100 = source("cifar100").unwrap();
    let profile = cifar100.profile();
    assert!(!profile.horizontal_flip);
    assert_eq!((profile.mean, profile.std), ([0.5071, 0.4865, 0.4409], [0.2673, 0.2564, 0.2762]));
    // Models that were trained with mirroring are others, and keep other keys.
    assert_eq!((cifar100.impl_version(), source("cifar10").unwrap().impl_version()), (2, 1));
}

#[test]
fn every_source_resolves_its_defaults_and_refuses_unknown_parameters() {
    for found in SOURCES {
        let name = found.name();
        assert_eq!(source(name).map(|source| source.title()), Some(found.title()));
        assert_eq!(found.profile().recipe.problem(), None, "{name}");
        assert!(found.profile().std.iter().all(|&std| std > 0.0), "{name}");
        let message = found.resolve(&json!({"no_such": 1})).unwrap_err().to_string();
        assert!(message.contains("unknown parameter `no_such`"), "{name}: {message}");
        let resolved = found.resolve(&json!({})).unwrap();
        assert_eq!(found.resolve(&resolved).unwrap(), resolved, "{name}");
    }
    assert!(source("cifar").is_none());
}

#[test]
fn what_is_not_there_is_said_in_one_line_with_the_way_out() {
    let data = Path::new("no/such/folder");
    for found in SOURCES.iter().filter(|source| !source.profile().layouts.is_empty()) {
        let params = found.resolve(&json!({})).unwrap();
        for message in [
            found.load(&params, data).unwrap_err().to_string(),
            found.facts(&params, data).unwrap_err().to_string(),
        ] {
            assert!(message.starts_with(found.name()), "{message}");
            assert!(message.contains("no/such/folder") && message.contains("--data DIR"), "{message}");
            assert!(!message.contains('\n'), "{message}");
        }
    }
}
