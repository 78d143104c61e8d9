use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::FileError;
use crate::atomic_write::write_atomically;

/// A type that is the content of a JSON file. It has a field `version`, which is written as [`FileFormat::VERSION`].
pub trait FileFormat: Serialize + DeserializeOwned {
    /// Raised when a field changes its meaning or type, or when readers must not overlook a new one. This version and
    /// all before it are read; a newer one is an error. A file without the field has version 1.
    const VERSION: u32;
}

/// The version of a file without the field `version`, for its `#[serde(default)]`: files had none at first.
pub fn first_version() -> u32 {
    1
}

#[derive(Deserialize)]
struct Head {
    #[serde(default = "first_version")]
    version: u32,
}

/// Reads a file of scour's own.
pub fn read_json<T: FileFormat>(path: &Path) -> Result<T, FileError> {
    let text = std::fs::read(path).map_err(|source| FileError::Unreadable { path: path.into(), source })?;
    parse_json(&text, path)
}

/// The same from the file's text; `path` is for messages.
pub fn parse_json<T: FileFormat>(text: &[u8], path: &Path) -> Result<T, FileError> {
    // The version comes first: a newer file may differ in any other field.
    if let Ok(Head { version }) = serde_json::from_slice(text)
        && version > T::VERSION
    {
        return Err(FileError::Newer { path: path.into(), found: version, known: T::VERSION });
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = error.path().to_string();
        malformed(path, &field, error.inner())
    })?;
    deserializer.end().map_err(|error| malformed(path, ".", &error))?;
    Ok(value)
}

fn malformed(path: &Path, field: &str, error: &serde_json::Error) -> FileError {
    let text = error.to_string().replace('\n', " ");
    let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    // `.` is the whole file, and where the text is no JSON the last field that was read says little.
    let field = match field {
        field if field == "." || error.is_syntax() || error.is_eof() => {
            format!("line {} column {}", error.line(), error.column())
        }
        field => field.to_string(),
    };
    FileError::Malformed { path: path.into(), message: message.into(), field }
}

/// Indented JSON with a line break at the end.
pub fn pretty_json(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

/// Writes a file of scour's own, whole.
pub fn write_json<T: FileFormat>(path: &Path, value: &T) -> std::io::Result<()> {
    write_atomically(path, &pretty_json(value)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Small {
        #[serde(default = "first_version")]
        version: u32,
        lists: Vec<Inner>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Inner {
        count: u32,
    }

    impl FileFormat for Small {
        const VERSION: u32 = 2;
    }

    fn message(text: &str) -> String {
        let message = parse_json::<Small>(text.as_bytes(), Path::new("d/x.json")).unwrap_err().to_string();
        assert!(!message.contains('\n'), "{message}");
        message
    }

    #[test]
    fn a_file_comes_back_as_written_and_an_old_one_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        let small = Small { version: Small::VERSION, lists: vec![Inner { count: 3 }] };
        write_json(&path, &small).unwrap();
        assert_eq!(read_json::<Small>(&path).unwrap(), small);
        let old: Small = parse_json(br#"{"lists": [], "later": 1}"#, &path).unwrap();
        assert_eq!(old.version, 1);
    }

    #[test]
    fn errors_name_file_and_field() {
        assert_eq!(
            message(r#"{"lists": [{"count": 1}, {"count": "x"}]}"#),
            "d/x.json: invalid type: string \"x\", expected u32 at lists[1].count"
        );
        assert_eq!(message(r#"{"lists": [{}]}"#), "d/x.json: missing field `count` at lists[0]");
        assert_eq!(message("{}"), "d/x.json: missing field `lists` at line 1 column 2");
        assert_eq!(message(r#"{"lists": [}"#), "d/x.json: expected value at line 1 column 12");
        assert!(message("{").starts_with("d/x.json: EOF while parsing an object at line 1"));
        assert!(message(r#"{"lists": []} {}"#).contains("trailing characters at line 1"));
        let gone = read_json::<Small>(Path::new("/gone/x.json")).unwrap_err().to_string();
        assert!(gone.starts_with("/gone/x.json: cannot be read: "), "{gone}");
        let error = parse_json::<Small>(b"{}", Path::new("d/x.json")).unwrap_err();
        assert_eq!(error.problem(), "missing field `lists` at line 1 column 2");
    }

    #[test]
    fn a_newer_file_is_refused_whatever_else_it_holds() {
        let error =
            parse_json::<Small>(br#"{"lists": "all", "version": 3}"#, Path::new("x.json")).unwrap_err();
        assert!(error.is_newer() && error.path() == Path::new("x.json"));
        assert!(error.to_string().starts_with("x.json: written by a newer scour (version 3"), "{error}");
    }
}
