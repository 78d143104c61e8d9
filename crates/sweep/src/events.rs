//! Writing `events.jsonl`: everything that happened in a results folder, one line an event, never rewritten.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use scour_core::{Event, EventLine, FileFormat};

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
            // A sweep that was killed while writing leaves half a line; the next one starts a line of its own.
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

    /// Appends an event with the time.
    pub(crate) fn write(&mut self, event: Event) -> Result<(), SweepError> {
        let line = EventLine { version: EventLine::VERSION, time: clock::now(), event };
        let mut text = serde_json::to_vec(&line).map_err(io::Error::from).at("write", &self.path)?;
        text.push(b'\n');
        // One call a line, so that no line is mixed with another.
        self.file.write_all(&text).at("write", &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scour_core::read_events;

    #[test]
    fn a_torn_line_spoils_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let event =
            |cells| Event::SweepStarted { name: "t".into(), cells, cached: 0, to_run: 0, slots: vec![] };
        EventLog::open(&path).unwrap().write(event(1)).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"time").unwrap();
        EventLog::open(&path).unwrap().write(event(2)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 3);
        let found: Vec<Event> = read_events(&path).unwrap().into_iter().map(|line| line.event).collect();
        assert_eq!(found, [event(1), event(2)]);
    }
}
