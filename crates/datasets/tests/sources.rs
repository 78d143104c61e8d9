//! One row for each registered data set, and checks that apply to all of them.

use std::path::Path;

use scour_core::DatasetFacts;
use scour_datasets::{SOURCES, source, with_defaults};
use serde_json::json;

/// Name, title, whether images come from disk, whether training mirrors them, epochs of the usual recipe.
const ROWS: &[(&str, &str, bool, bool, u32)] = &[
    ("signs", "Signs", false, false, 10),
    ("cifar10", "CIFAR-10", true, true, 100),
    ("cifar100", "CIFAR-100", true, false, 100),
    ("gtsrb", "GTSRB", true, false, 50),
    ("tiny_imagenet", "Tiny ImageNet", true, false, 200),
    ("folder", "Image folder", true, false, 100),
];

#[test]
fn the_registry_has_these_data_sets() {
    let registered: Vec<_> = SOURCES
        .iter()
        .map(|entry| {
            let profile = with_defaults(entry).unwrap().profile();
            let on_disk = !profile.layouts.is_empty();
            let title = entry.description.title;
            (entry.name(), title, on_disk, profile.horizontal_flip, profile.recipe.epochs)
        })
        .collect();
    assert_eq!(registered, ROWS);
}

#[test]
fn cifar100_is_normalised_and_not_mirrored_as_in_published_runs() {
    let cifar100 = source("cifar100").unwrap();
    let profile = with_defaults(cifar100).unwrap().profile();
    assert!(!profile.horizontal_flip);
    assert_eq!((profile.mean, profile.std), ([0.5071, 0.4865, 0.4409], [0.2673, 0.2564, 0.2762]));
    // Version 1 mirrored images, so its models must have other keys.
    let version = |name| source(name).unwrap().description.impl_version;
    assert_eq!((version("cifar100"), version("cifar10")), (2, 1));
}

#[test]
fn every_source_resolves_its_defaults_and_refuses_unknown_parameters() {
    let facts = DatasetFacts::default();
    for entry in SOURCES {
        let name = entry.name();
        assert_eq!(source(name).unwrap().description, entry.description);
        let profile = with_defaults(entry).unwrap().profile();
        assert_eq!(profile.recipe.problem(), None, "{name}");
        assert!(profile.std.iter().all(|&std| std > 0.0), "{name}");
        let message = entry.resolve(name, &json!({"no_such": 1}), &facts).err().unwrap().to_string();
        assert!(message.contains("unknown parameter `no_such`"), "{name}: {message}");
        let resolved = entry.resolve(name, &json!({}), &facts).unwrap().config;
        assert_eq!(entry.resolve(name, &resolved.params, &facts).unwrap().config, resolved, "{name}");
        assert!(!entry.description.summary.is_empty() && !entry.description.family.is_empty(), "{name}");
    }
    let message = source("cifar").err().unwrap().to_string();
    assert!(message.starts_with("unknown data set `cifar`: did you mean `cifar10`?"), "{message}");
}

#[test]
fn parameters_keep_their_names_and_defaults() {
    // They are part of the keys of results.
    let resolved = |name: &str| {
        let entry = source(name).unwrap();
        entry.resolve(name, &json!({}), &DatasetFacts::default()).unwrap().config.params
    };
    for (name, expected) in [
        ("signs", json!({"train": 4000, "test": 1000, "size": 32, "seed": 0, "difficulty": 0.5})),
        ("cifar10", json!({})),
        ("cifar100", json!({})),
        ("gtsrb", json!({"size": 32})),
        ("tiny_imagenet", json!({"size": 64})),
        ("folder", json!({"path": "", "size": 32})),
    ] {
        assert_eq!(resolved(name), expected, "{name}");
    }
}

#[test]
fn missing_data_is_reported_in_one_line_with_the_way_out() {
    let data = Path::new("no/such/folder");
    for entry in SOURCES {
        let source = with_defaults(entry).unwrap();
        if source.profile().layouts.is_empty() {
            continue;
        }
        for message in
            [source.load(data).unwrap_err().to_string(), source.facts(data).unwrap_err().to_string()]
        {
            assert!(message.starts_with(entry.name()), "{message}");
            assert!(message.contains("no/such/folder") && message.contains("--data DIR"), "{message}");
            assert!(!message.contains('\n'), "{message}");
        }
    }
}
