//! Downloads one file over HTTP, and continues where an earlier run or a broken connection stopped.
//!
//! The data is written to `NAME.part`; `NAME.from` beside it records the URL and the version of the file. A part is
//! continued only if it comes from the same URL, and If-Range makes the server send the rest only if the file on the
//! server has not changed.

use std::borrow::Cow;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use scour_inspect::{Messages, format_bytes};
use serde::{Deserialize, Serialize};
use ureq::http::StatusCode;
use ureq::http::response::Parts;
use ureq::{Agent, Body};

use crate::error::one_line;
use crate::headers::{content_range, header, validator};
use crate::progress_bar::Bar;
use crate::{FetchError, space};

/// How long to wait for a server, and how often to retry.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// The longest wait for a connection, for a response, or for the next bytes.
    pub timeout: Duration,
    /// How many attempts in a row may bring no new data before the download fails.
    pub retries: u32,
    /// The time between two attempts.
    pub pause: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(60), retries: 4, pause: Duration::from_secs(3) }
    }
}

/// A file to download.
pub(crate) struct Download<'a> {
    pub(crate) url: &'a str,
    /// The path of the complete file.
    pub(crate) to: &'a Path,
    /// Its size in bytes, where it is known.
    pub(crate) bytes: Option<u64>,
    pub(crate) retry: &'a RetryPolicy,
    pub(crate) messages: &'a Messages,
}

/// Which file a part belongs to, as `NAME.from` holds it.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct PartOrigin {
    url: String,
    /// Identifies the version of the file: a strong ETag, or the time of the last change.
    validator: Option<String>,
    total: Option<u64>,
}

/// Why an attempt failed.
enum AttemptError {
    /// Another attempt may succeed.
    Retry(String),
    /// Another attempt would fail as well.
    Final(FetchError),
}

impl From<FetchError> for AttemptError {
    fn from(error: FetchError) -> Self {
        Self::Final(error)
    }
}

impl Download<'_> {
    /// Downloads the file. Returns whether it consists of more than one response.
    pub(crate) fn run(&self) -> Result<bool, FetchError> {
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_resolve(Some(self.retry.timeout))
            .timeout_connect(Some(self.retry.timeout))
            .timeout_recv_response(Some(self.retry.timeout))
            .timeout_per_read(Some(self.retry.timeout))
            .user_agent(concat!("scour-fetch/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        let mut in_parts = false;
        let mut attempts = 0;
        loop {
            let before = self.received();
            match self.attempt(&agent, &mut in_parts) {
                Ok(()) => break,
                Err(AttemptError::Final(error)) => return Err(error),
                Err(AttemptError::Retry(problem)) => {
                    attempts = if self.received() > before { 1 } else { attempts + 1 };
                    if attempts > self.retry.retries {
                        return Err(FetchError::Unreachable { url: self.url.into(), problem });
                    }
                    self.messages.print(&format!("{}: {problem}: retrying", self.name()));
                    std::thread::sleep(self.retry.pause);
                }
            }
        }
        fs::rename(self.part(), self.to).map_err(|error| FetchError::writing(self.to, error))?;
        let _ = fs::remove_file(self.origin_file());
        Ok(in_parts)
    }

    fn name(&self) -> Cow<'_, str> {
        self.to.file_name().unwrap_or_default().to_string_lossy()
    }

    fn part(&self) -> PathBuf {
        beside(self.to, "part")
    }

    fn origin_file(&self) -> PathBuf {
        beside(self.to, "from")
    }

    /// Number of bytes that have been downloaded so far.
    fn received(&self) -> u64 {
        fs::metadata(self.part()).map_or(0, |metadata| metadata.len())
    }

    /// Sends one request and writes its response.
    fn attempt(&self, agent: &Agent, in_parts: &mut bool) -> Result<(), AttemptError> {
        let origin: PartOrigin = fs::read(self.origin_file())
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .filter(|origin: &PartOrigin| origin.url == self.url)
            .unwrap_or_default();
        let known = self.bytes.or(origin.total);
        let mut start = if origin.url.is_empty() { 0 } else { self.received() };
        if known.is_some_and(|known| start > known) {
            start = 0;
        }
        if start > 0 && known == Some(start) {
            return Ok(());
        }
        let mut request = agent.get(self.url);
        if start > 0 {
            request = request.header("Range", format!("bytes={start}-"));
            if let Some(validator) = &origin.validator {
                request = request.header("If-Range", validator);
            }
        }
        let response = request.call().map_err(|error| self.classify(error))?;
        let (head, body) = response.into_parts();
        let (start, total) = self.first_byte_and_size(&head, start)?;
        if let (Some(expected), Some(found)) = (self.bytes, total)
            && expected != found
        {
            self.discard();
            let problem = format!("it has {found} bytes where {expected} are expected");
            let advice = "Name another source with --mirror URL|file:PATH";
            return Err(FetchError::WrongFile { location: self.url.into(), problem, advice }.into());
        }
        let total = total.or(self.bytes);
        if let Some(total) = total {
            space::ensure(self.to.parent().unwrap_or(self.to), total.saturating_sub(start))?;
        }
        *in_parts |= start > 0;
        self.receive(
            body,
            start,
            PartOrigin { url: self.url.into(), validator: validator(&head.headers), total },
        )
    }

    /// Where the body of a response starts in the file, and the size of the file where the server says it. `requested`
    /// is the first byte that was requested.
    fn first_byte_and_size(&self, head: &Parts, requested: u64) -> Result<(u64, Option<u64>), AttemptError> {
        match head.status {
            StatusCode::OK => {
                Ok((0, header(&head.headers, "content-length").and_then(|length| length.parse().ok())))
            }
            StatusCode::PARTIAL_CONTENT => match content_range(&head.headers) {
                Some((from, total)) if from == requested && requested > 0 => Ok((requested, total)),
                _ => Err(self.start_again("the server sent another part than requested")),
            },
            StatusCode::RANGE_NOT_SATISFIABLE => {
                Err(self.start_again("the server does not have the requested part"))
            }
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Err(AttemptError::Retry(format!("the server responded with {status}")))
            }
            status => Err(FetchError::Refused { url: self.url.into(), status: status.to_string() }.into()),
        }
    }

    /// Writes the response into the part, from byte `start` on.
    fn receive(&self, body: Body, start: u64, origin: PartOrigin) -> Result<(), AttemptError> {
        let (part, total) = (self.part(), origin.total);
        let writing = |error| FetchError::writing(&part, error);
        let mut options = OpenOptions::new();
        let options =
            if start > 0 { options.append(true) } else { options.write(true).create(true).truncate(true) };
        let mut file = options.open(&part).map_err(writing)?;
        if start == 0 {
            // Written after the part has been emptied, so that a new record never describes an old part.
            let text = serde_json::to_vec(&origin).unwrap_or_default();
            fs::write(self.origin_file(), text)
                .map_err(|error| FetchError::writing(&self.origin_file(), error))?;
        }
        let bar = Bar::new(self.messages, "downloading", &self.name(), total);
        bar.start_at(start);
        let received = self.copy(body, &mut file, start, &bar)?;
        file.sync_all().map_err(writing)?;
        match total {
            Some(total) if received > total => {
                Err(self.start_again("the server sent more than it announced"))
            }
            Some(total) if received < total => {
                Err(AttemptError::Retry(format!("the connection ended after {received} of {total} bytes")))
            }
            _ => Ok(()),
        }
    }

    fn copy(&self, body: Body, file: &mut fs::File, start: u64, bar: &Bar) -> Result<u64, AttemptError> {
        let mut reader = body.into_reader();
        let mut buffer = vec![0; 1 << 16];
        let mut received = start;
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => return Ok(received),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    let problem = format!(
                        "the connection broke after {} ({})",
                        format_bytes(received),
                        one_line(&error)
                    );
                    return Err(AttemptError::Retry(problem));
                }
            };
            file.write_all(&buffer[..count]).map_err(|error| FetchError::writing(&self.part(), error))?;
            received += count as u64;
            bar.set(received);
        }
    }

    /// Deletes the part, so that the next attempt starts at the first byte.
    fn start_again(&self, problem: &str) -> AttemptError {
        self.discard();
        AttemptError::Retry(problem.into())
    }

    fn discard(&self) {
        let _ = fs::remove_file(self.origin_file());
        let _ = fs::remove_file(self.part());
    }

    /// Whether another attempt may succeed after this error.
    fn classify(&self, error: ureq::Error) -> AttemptError {
        let problem = one_line(&error);
        match error {
            // A certificate that is not trusted, or no TLS at all: another attempt would fail as well.
            ureq::Error::Io(io) if io.kind() == ErrorKind::InvalidData => {
                AttemptError::Final(FetchError::Unreachable { url: self.url.into(), problem })
            }
            ureq::Error::Io(_)
            | ureq::Error::Timeout(_)
            | ureq::Error::ConnectionFailed
            | ureq::Error::Protocol(_) => AttemptError::Retry(problem),
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                AttemptError::Final(FetchError::Usage(format!("{} is not a URL ({problem})", self.url)))
            }
            _ => AttemptError::Final(FetchError::Unreachable { url: self.url.into(), problem }),
        }
    }
}

/// `path` with another ending after its name.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}
