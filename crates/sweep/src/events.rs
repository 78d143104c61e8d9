//! `events.jsonl`: everything that happened in a results folder, one line of JSON an event, never rewritten.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use scour_core::Stage;
use serde_json::{Value, json};

use crate::error::AtPath;
use crate::{SweepError, clock};

/// The file, open for appending.
pub(crate) struct EventLog {
    file: File,
    path: PathBuf,
}

impl EventLog {
    pub(crate) fn open(path: &Path) -> Result<Self, SweepError> {
        let open = || -> io::Result<File> {
            let mut file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
            // A sweep that was killed while writing leaves half a line; the next one starts on a line of its own.
            let mut last = [b'\n'];
            if file.seek(SeekFrom::End(0))? > 0 {
                file.seek(SeekFrom::End(-1))?;
                file.read_exact(&mut last)?;
            }
            if last != *b"\n" {
                file.write_all(b"\n")?;
            }
            Ok(file)
        };
        Ok(Self { file: open().at("write", path)?, path: path.into() })
    }

    /// Appends `{"time": ..., "event": kind, ...fields}`.
    pub(crate) fn write(&mut self, kind: &str, fields: Value) -> Result<(), SweepError> {
        let mut line = json!({"time": clock::now(), "event": kind});
        if let (Value::Object(line), Value::Object(fields)) = (&mut line, fields) {
            line.extend(fields);
        }
        // One call a line, so that lines of a file stay whole whatever else happens.
        self.file.write_all(format!("{line}\n").as_bytes()).at("write", &self.path)
    }

    /// The same about a stage, with `key`, `title` and `slot` added.
    pub(crate) fn write_about(
        &mut self,
        kind: &str,
        stage: &Stage,
        slot: Option<&str>,
        fields: Value,
    ) -> Result<(), SweepError> {
        let mut all = json!({"key": stage.key, "title": stage.title, "slot": slot});
        if let (Value::Object(all), Value::Object(fields)) = (&mut all, fields) {
            all.extend(fields);
        }
        self.write(kind, all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_spoils_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        EventLog::open(&path).unwrap().write("a", json!({"x": 1})).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"time").unwrap();
        EventLog::open(&path).unwrap().write("b", json!({})).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let events: Vec<Option<Value>> =
            text.lines().map(|line| serde_json::from_str::<Value>(line).ok()).collect();
        assert_eq!(events.len(), 3);
        assert_eq!(events[0].as_ref().unwrap()["x"], 1);
        assert!(events[1].is_none());
        assert_eq!(events[2].as_ref().unwrap()["event"], "b");
    }
}
