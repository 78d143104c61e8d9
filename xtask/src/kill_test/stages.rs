//! Which stages are finished, and whether one of them was run again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::files;

/// What was seen of the stages of a sweep and its store, over all its runs.
///
/// A stage is finished once the store has its manifest, or the events say so. It was run again if the events have a
/// later start of it, or if its manifest, which contains the time, has changed.
#[derive(Default)]
pub(super) struct Stages {
    /// The manifest of each stage in the store, by key.
    manifests: BTreeMap<String, String>,
    finished: BTreeSet<String>,
    /// Lines of `events.jsonl` that were read.
    lines: usize,
    /// The keys of finished stages that were run again.
    pub(super) again: BTreeSet<String>,
    /// Stages that were begun, each start counted.
    pub(super) starts: usize,
}

impl Stages {
    /// Looks at the events since the last call, and at the store. Called when no sweep runs.
    pub(super) fn look(&mut self, out: &Path) -> anyhow::Result<()> {
        let events = files::read_if_present(&out.join("events.jsonl"))?.unwrap_or_default();
        for line in events.lines().skip(self.lines) {
            self.add_event(line);
        }
        self.lines = events.lines().count();
        for (key, manifest) in manifests(&out.join("store"))? {
            self.add_manifest(key, manifest);
        }
        Ok(())
    }

    fn add_event(&mut self, line: &str) {
        // A sweep that was killed may have left half a line.
        let (Some(event), Some(key)) = (text_field(line, "event"), text_field(line, "key")) else { return };
        match event {
            "stage-started" => {
                self.starts += 1;
                if self.finished.contains(key) {
                    self.again.insert(key.to_owned());
                }
            }
            "stage-finished" if text_field(line, "status") != Some("failed") => {
                self.finished.insert(key.to_owned());
            }
            _ => {}
        }
    }

    fn add_manifest(&mut self, key: String, manifest: String) {
        self.finished.insert(key.clone());
        let before = self.manifests.insert(key.clone(), manifest);
        if before.is_some_and(|before| before != self.manifests[&key]) {
            self.again.insert(key);
        }
    }

    /// The number of events that were read.
    pub(super) fn lines(&self) -> usize {
        self.lines
    }

    /// The number of stages in the store.
    pub(super) fn stored(&self) -> usize {
        self.manifests.len()
    }
}

/// The value of a field of a line of JSON, where it is a text without anything to unescape, as keys and words are. A
/// quotation mark inside another text has a backslash in front, so that the name is not found there.
fn text_field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("\"{name}\":\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

/// The manifests in a store by key: those of the folders `<2 digits>/<key>`.
fn manifests(store: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let is_hex = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let mut found = vec![];
    for head in files::list(store)?.into_iter().filter(|path| is_hex(path)) {
        for folder in files::list(&head)? {
            let manifest: PathBuf = folder.join("manifest.json");
            if let Some(text) = files::read_if_present(&manifest)? {
                let key = folder.file_name().context("a folder has a name")?.to_string_lossy().into_owned();
                found.push((key, text));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STARTED: &str = r#"{"version":1,"event":"stage-started","key":"ab","title":"x","attempt":1}"#;
    const FINISHED: &str =
        r#"{"version":1,"event":"stage-finished","key":"ab","status":"ok","cached":false}"#;

    fn again(events: &str) -> usize {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("events.jsonl"), events).unwrap();
        let mut stages = Stages::default();
        stages.look(folder.path()).unwrap();
        stages.again.len()
    }

    #[test]
    fn a_start_after_the_end_is_a_stage_run_again() {
        assert_eq!(again(&format!("{STARTED}\n{STARTED}\n{FINISHED}\n")), 0, "killed, and run to its end");
        assert_eq!(again(&format!("{STARTED}\n{FINISHED}\n{STARTED}\n")), 1);
        assert_eq!(again(&format!("{FINISHED}\n{}\n", STARTED.replace("ab", "cd"))), 0);
        let failed = FINISHED.replace("\"ok\"", "\"failed\"");
        assert_eq!(again(&format!("{failed}\n{STARTED}\n")), 0, "a killed worker's stage is tried again");
        assert_eq!(again(&format!("{FINISHED}\n{}", &STARTED[..30])), 0, "half a line");
    }

    #[test]
    fn a_stage_in_the_store_is_finished_although_no_event_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let stage = folder.path().join("store/ab/abcd");
        std::fs::create_dir_all(&stage).unwrap();
        std::fs::create_dir_all(folder.path().join("store/tmp/abcd.1")).unwrap();
        std::fs::write(stage.join("manifest.json"), "one").unwrap();
        let mut stages = Stages::default();
        stages.look(folder.path()).unwrap();
        assert_eq!((stages.stored(), stages.again.len()), (1, 0));
        std::fs::write(folder.path().join("events.jsonl"), STARTED.replace("\"ab\"", "\"abcd\"")).unwrap();
        stages.look(folder.path()).unwrap();
        assert_eq!(stages.again.len(), 1);
    }

    #[test]
    fn a_manifest_that_has_changed_is_a_stage_run_again() {
        let mut stages = Stages::default();
        stages.add_manifest("ab".into(), "one".into());
        stages.add_manifest("ab".into(), "one".into());
        assert!(stages.again.is_empty());
        stages.add_manifest("ab".into(), "two".into());
        assert_eq!(stages.again.len(), 1);
    }

    #[test]
    fn names_inside_other_texts_are_not_found() {
        let line = r#"{"text":"the \"key\":\"no\"","key":"yes"}"#;
        assert_eq!(text_field(line, "key"), Some("yes"));
        assert_eq!(text_field(line, "none"), None);
    }
}
