//! Shards that are joined into one table.

use std::fs;

use crate::test_folder::TestFolder;
use scour_core::ExitCode;
use scour_sweep::{Joined, Store, SweepError, SweepOptions, sweep};

/// One of two shards, with results and store of its own.
/// The number of the shard with badnets: attacked models are dealt out in the order of their keys.
const BADNETS: usize = 2;

fn shard(test: &TestFolder, index: usize) -> SweepOptions {
    let options = test.options();
    let folder = format!("shard-{index}");
    SweepOptions {
        plan: options.plan.shard(index, 2),
        complete: false,
        out: test.path(&folder),
        store: test.path(&folder).join("store"),
        ..options
    }
}

#[test]
fn shards_with_stores_of_their_own_give_one_table() {
    let test = TestFolder::new();
    for index in [1, 2] {
        assert_eq!(sweep(shard(&test, index)).unwrap().exit, ExitCode::Incomplete);
    }
    let into = test.path("store");
    let first = Store::join(&test.path("shard-1/store"), &into).unwrap();
    let second = Store::join(&test.path("shard-2/store"), &into).unwrap();
    assert_eq!(first.copied + second.copied, 6);
    assert!(first.is_whole() && second.is_whole() && (first.same, second.same) == (0, 0));
    assert_eq!((first.unknown, second.unknown), (0, 0));
    // Once more changes nothing.
    let again = Store::join(&test.path("shard-1/store"), &into).unwrap();
    assert_eq!(again, Joined { same: first.copied, ..Joined::default() });
    test.runs();
    let summary = sweep(test.options()).unwrap();
    assert_eq!((summary.exit, summary.trained, summary.ok), (ExitCode::Done, 0, 6));
    let undisturbed = TestFolder::new();
    sweep(undisturbed.options()).unwrap();
    assert_eq!(test.results(), undisturbed.results());
}

#[test]
fn shards_on_one_store_give_one_table_too() {
    let test = TestFolder::new();
    for index in [1, 2] {
        sweep(SweepOptions { store: test.path("store"), ..shard(&test, index) }).unwrap();
    }
    let summary = sweep(test.options()).unwrap();
    assert_eq!((summary.exit, summary.trained, summary.ok), (ExitCode::Done, 0, 6));
}

#[test]
fn what_is_damaged_or_differs_is_reported_and_not_copied() {
    let test = TestFolder::new();
    sweep(shard(&test, BADNETS)).unwrap();
    let source = Store::at(&test.path("shard-2/store"));
    let keys: Vec<_> = test.options().plan.cells[..3].iter().map(|cell| cell.key.clone()).collect();
    fs::write(source.folder(&keys[0]).join("model.bin"), "x".repeat(20)).unwrap();
    // Another machine's result of the same stage.
    let other = TestFolder::new();
    other.behave("badnets/ft=collapsed\n");
    sweep(other.options()).unwrap();
    let joined = Store::join(&test.path("shard-2/store"), &other.path("store")).unwrap();
    assert_eq!((joined.copied, joined.same, joined.other_figures.len()), (0, 2, 1));
    assert!(joined.damaged[0].contains("model.bin is not as it was written"), "{joined:?}");
    assert!(joined.other_figures[0].contains("badnets@0.1/s0 > ft: the same model"), "{joined:?}");
    assert!(other.rows()[1].acc == Some(51.0));
    for (from, word) in [("gone", "no folder"), ("shard-2/store", "joined into itself")] {
        match Store::join(&test.path(from), &test.path("shard-2/store")) {
            Err(SweepError::Environment(message)) => assert!(message.contains(word), "{message}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_model_with_other_bytes_is_left_out_with_all_that_was_built_on_it() {
    let (here, there) = (TestFolder::new(), TestFolder::new());
    there.behave("badnets=other-model\n");
    for test in [&here, &there] {
        sweep(shard(test, BADNETS)).unwrap();
    }
    // Of the two defended models one is there already.
    let store = here.path("shard-2/store");
    let keys: Vec<_> = here.options().plan.cells[..3].iter().map(|cell| cell.key.clone()).collect();
    fs::remove_dir_all(Store::at(&store).folder(&keys[2])).unwrap();
    let before = fs::read(Store::at(&store).folder(&keys[0]).join("model.bin")).unwrap();
    let joined = Store::join(&there.path("shard-2/store"), &store).unwrap();
    assert_eq!((joined.copied, joined.same, joined.refused.len()), (0, 1, 2), "{joined:?}");
    assert!(joined.refused[0].contains(&format!("{} ", keys[0])), "{joined:?}");
    assert!(joined.refused[0].contains("other bytes than the stage of this key in"), "{joined:?}");
    assert!(joined.refused[1].contains(&format!("built on another model of {}", keys[0])), "{joined:?}");
    assert_eq!(fs::read(Store::at(&store).folder(&keys[0]).join("model.bin")).unwrap(), before);
    // A sweep makes what was left out.
    here.runs();
    assert_eq!(sweep(shard(&here, BADNETS)).unwrap().trained, 1);
    assert_eq!(here.runs(), ["badnets/tsbd"]);
}
