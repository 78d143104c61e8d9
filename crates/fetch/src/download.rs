//! One file over HTTP, gone on with where an earlier run or a broken connection stopped.
//!
//! The file grows as `NAME.part`; `NAME.from` beside it notes which file of which server it is. A part is gone on with
//! only if it is of the same URL, and the server is asked to send the rest only if its file is still the same (If-Range).

use std::borrow::Cow;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use scour_inspect::{Voice, bytes};
use serde::{Deserialize, Serialize};
use ureq::http::{HeaderMap, StatusCode};
use ureq::{Agent, Body};

use crate::error::one_line;
use crate::progress_bar::Bar;
use crate::{FetchError, space};

/// How long a server is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The longest wait for a connection, for an answer, or for the next bytes.
    pub silence: Duration,
    /// How often in a row a connection may break without having brought anything new.
    pub retries: u32,
    /// Time between two tries.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { silence: Duration::from_secs(60), retries: 4, pause: Duration::from_secs(3) }
    }
}

/// A file to be fetched.
pub(crate) struct Download<'a> {
    pub(crate) url: &'a str,
    /// Where it goes once it is complete.
    pub(crate) to: &'a Path,
    /// Its length, where it is known.
    pub(crate) bytes: Option<u64>,
    pub(crate) patience: &'a Patience,
    pub(crate) voice: &'a Voice,
}

/// Which file a part is of.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Note {
    url: String,
    /// What the server tells versions of the file apart by: a strong ETag, or the time of the last change.
    validator: Option<String>,
    total: Option<u64>,
}

/// Why one try ended early.
enum Trouble {
    /// The next try may end otherwise.
    Passing(String),
    Final(FetchError),
}

impl From<FetchError> for Trouble {
    fn from(error: FetchError) -> Self {
        Self::Final(error)
    }
}

impl Download<'_> {
    /// Fetches the file. Returns whether it was put together from more than one answer.
    pub(crate) fn run(&self) -> Result<bool, FetchError> {
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_resolve(Some(self.patience.silence))
            .timeout_connect(Some(self.patience.silence))
            .timeout_recv_response(Some(self.patience.silence))
            .timeout_per_read(Some(self.patience.silence))
            .user_agent(concat!("scour-fetch/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        let mut pieced = false;
        let mut tries = 0;
        loop {
            let before = self.arrived();
            match self.attempt(&agent, &mut pieced) {
                Ok(()) => break,
                Err(Trouble::Final(error)) => return Err(error),
                Err(Trouble::Passing(problem)) => {
                    tries = if self.arrived() > before { 1 } else { tries + 1 };
                    if tries > self.patience.retries {
                        return Err(FetchError::Unreachable { url: self.url.into(), problem });
                    }
                    self.voice.line(&format!("{}: {problem}: trying again", self.name()));
                    std::thread::sleep(self.patience.pause);
                }
            }
        }
        let part = self.part();
        fs::rename(&part, self.to).map_err(|error| FetchError::writing(self.to, error))?;
        let _ = fs::remove_file(self.note());
        Ok(pieced)
    }

    fn name(&self) -> Cow<'_, str> {
        self.to.file_name().unwrap_or_default().to_string_lossy()
    }

    fn part(&self) -> PathBuf {
        beside(self.to, "part")
    }

    fn note(&self) -> PathBuf {
        beside(self.to, "from")
    }

    fn arrived(&self) -> u64 {
        fs::metadata(self.part()).map_or(0, |metadata| metadata.len())
    }

    /// One request, and its answer to the end.
    fn attempt(&self, agent: &Agent, pieced: &mut bool) -> Result<(), Trouble> {
        let note: Note = fs::read(self.note())
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .filter(|note: &Note| note.url == self.url)
            .unwrap_or_default();
        let known = self.bytes.or(note.total);
        let mut start = if note.url.is_empty() { 0 } else { self.arrived() };
        if known.is_some_and(|known| start > known) {
            start = 0;
        }
        if start > 0 && known == Some(start) {
            return Ok(());
        }
        let mut request = agent.get(self.url);
        if start > 0 {
            request = request.header("Range", format!("bytes={start}-"));
            if let Some(validator) = &note.validator {
                request = request.header("If-Range", validator);
            }
        }
        let response = request.call().map_err(|error| self.trouble(error))?;
        let (head, body) = response.into_parts();
        let total = match head.status {
            StatusCode::OK => {
                start = 0;
                header(&head.headers, "content-length").and_then(|length| length.parse().ok())
            }
            StatusCode::PARTIAL_CONTENT => match content_range(&head.headers) {
                Some((from, total)) if from == start && start > 0 => total,
                _ => return Err(self.anew("the server sent another part than was asked for")),
            },
            StatusCode::RANGE_NOT_SATISFIABLE => return Err(self.anew("the server has no such part")),
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Err(Trouble::Passing(format!("the server answers {status}")));
            }
            status => {
                return Err(FetchError::Refused { url: self.url.into(), status: status.to_string() }.into());
            }
        };
        if let (Some(expected), Some(found)) = (self.bytes, total)
            && expected != found
        {
            self.forget();
            let problem = format!("it has {found} bytes where {expected} are expected");
            let way_out = "Name another place with --mirror URL|file:PATH";
            return Err(FetchError::WrongFile { place: self.url.into(), problem, way_out }.into());
        }
        let total = total.or(self.bytes);
        if let Some(total) = total {
            space::ensure(self.to.parent().unwrap_or(self.to), total - start)?;
        }
        *pieced |= start > 0;
        self.receive(body, start, Note { url: self.url.into(), validator: validator(&head.headers), total })
    }

    /// Writes what comes, from byte `start` on.
    fn receive(&self, body: Body, start: u64, note: Note) -> Result<(), Trouble> {
        let (part, total) = (self.part(), note.total);
        let writing = |error| FetchError::writing(&part, error);
        let mut options = OpenOptions::new();
        let options =
            if start > 0 { options.append(true) } else { options.write(true).create(true).truncate(true) };
        let mut file = options.open(&part).map_err(writing)?;
        if start == 0 {
            // After the part has been emptied: an old part must never meet a new note.
            let text = serde_json::to_vec(&note).unwrap_or_default();
            fs::write(self.note(), text).map_err(|error| FetchError::writing(&self.note(), error))?;
        }
        let bar = Bar::new(self.voice, "fetching", &self.name(), total);
        bar.from(start);
        let arrived = self.copy(body, &mut file, start, &bar)?;
        file.sync_all().map_err(writing)?;
        match total {
            Some(total) if arrived > total => Err(self.anew("the server sent more than it said")),
            Some(total) if arrived < total => {
                Err(Trouble::Passing(format!("the connection ended after {arrived} of {total} bytes")))
            }
            _ => Ok(()),
        }
    }

    fn copy(&self, body: Body, file: &mut fs::File, start: u64, bar: &Bar) -> Result<u64, Trouble> {
        let mut reader = body.into_reader();
        let mut buffer = vec![0; 1 << 16];
        let mut arrived = start;
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => return Ok(arrived),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    let problem =
                        format!("the connection broke after {} ({})", bytes(arrived), one_line(&error));
                    return Err(Trouble::Passing(problem));
                }
            };
            file.write_all(&buffer[..count]).map_err(|error| FetchError::writing(&self.part(), error))?;
            arrived += count as u64;
            bar.at(arrived);
        }
    }

    /// Drops what has arrived, so that the next try starts at the first byte.
    fn anew(&self, problem: &str) -> Trouble {
        self.forget();
        Trouble::Passing(problem.into())
    }

    fn forget(&self) {
        let _ = fs::remove_file(self.note());
        let _ = fs::remove_file(self.part());
    }

    fn trouble(&self, error: ureq::Error) -> Trouble {
        let problem = one_line(&error);
        match error {
            // A certificate that is not trusted, or no TLS at all: the next try ends likewise.
            ureq::Error::Io(io) if io.kind() == ErrorKind::InvalidData => {
                Trouble::Final(FetchError::Unreachable { url: self.url.into(), problem })
            }
            ureq::Error::Io(_)
            | ureq::Error::Timeout(_)
            | ureq::Error::ConnectionFailed
            | ureq::Error::Protocol(_) => Trouble::Passing(problem),
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                Trouble::Final(FetchError::Usage(format!("{} is no URL ({problem})", self.url)))
            }
            _ => Trouble::Final(FetchError::Unreachable { url: self.url.into(), problem }),
        }
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The first byte and the whole length out of `bytes 100-199/200`; the length may be unknown, written `*`.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (range, total) = header(headers, "content-range")?.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.trim().parse().ok()?, total.trim().parse().ok()))
}

/// A weak ETag stands for files that merely mean the same, of which parts cannot be joined.
fn validator(headers: &HeaderMap) -> Option<String> {
    let etag = header(headers, "etag").filter(|etag| !etag.starts_with("W/"));
    etag.or_else(|| header(headers, "last-modified")).map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn ranges_with_and_without_a_length() {
        let range = |text| content_range(&headers(&[("content-range", text)]));
        assert_eq!(range("bytes 100-199/200"), Some((100, Some(200))));
        assert_eq!(range("bytes 0-9/*"), Some((0, None)));
        assert_eq!(range("items 0-9/10"), None);
        assert_eq!(range("bytes */10"), None);
    }

    #[test]
    fn a_strong_etag_goes_before_a_date_and_a_weak_one_does_not() {
        let date = ("last-modified", "Wed, 01 Jan 2020 00:00:00 GMT");
        assert_eq!(validator(&headers(&[("etag", "\"a\""), date])).unwrap(), "\"a\"");
        assert_eq!(validator(&headers(&[("etag", "W/\"a\""), date])).unwrap(), date.1);
        assert_eq!(validator(&headers(&[])), None);
    }
}
