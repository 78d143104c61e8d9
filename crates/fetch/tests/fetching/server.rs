//! A web server of our own that can be told to misbehave.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: HashMap<String, String>,
}

impl Asked {
    /// The first byte asked for.
    pub(crate) fn start(&self) -> Option<usize> {
        self.headers.get("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// What to do with one request.
pub(crate) struct Answer {
    /// The status line's code and words.
    pub(crate) status: &'static str,
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
    /// Whether the connection stays open and silent after the body, until the other side gives up.
    pub(crate) stall: bool,
}

impl Answer {
    pub(crate) fn status(status: &'static str) -> Self {
        Self { status, headers: vec!["Content-Length: 0".into()], body: vec![], stall: false }
    }

    /// All of `body`, or the rest of it if the request wants that, as servers do.
    pub(crate) fn file(asked: &Asked, body: &[u8], etag: &str) -> Self {
        let fits = asked.headers.get("if-range").is_none_or(|validator| validator == etag);
        let (status, start) = match asked.start() {
            Some(start) if fits && start < body.len() => ("206 Partial Content", start),
            _ => ("200 OK", 0),
        };
        let mut headers = vec![format!("Content-Length: {}", body.len() - start), format!("ETag: {etag}")];
        if start > 0 {
            headers.push(format!("Content-Range: bytes {start}-{}/{}", body.len() - 1, body.len()));
        }
        Self { status, headers, body: body[start..].to_vec(), stall: false }
    }

    /// The same, but only the first bytes of the body come.
    pub(crate) fn cut(mut self, bytes: usize) -> Self {
        self.body.truncate(bytes);
        self
    }

    pub(crate) fn stall(mut self) -> Self {
        self.stall = true;
        self
    }
}

/// Serves until the test ends.
pub(crate) struct Server {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// `answer` gets the number of the request, from 0, and the request.
    pub(crate) fn start(answer: impl Fn(usize, &Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                // A client that is killed breaks its connection, which is what some tests want.
                std::thread::spawn(move || drop(serve(stream, &log, &*answer)));
            }
        });
        Self { url, asked }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(
    mut stream: TcpStream,
    log: &Mutex<Vec<Asked>>,
    answer: &dyn Fn(usize, &Asked) -> Answer,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_string();
    let mut headers = HashMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_string());
    }
    let asked = Asked { path, headers };
    let number = {
        let mut log = log.lock().unwrap();
        log.push(asked.clone());
        log.len() - 1
    };
    let answer = answer(number, &asked);
    write!(stream, "HTTP/1.1 {}\r\nConnection: close\r\n", answer.status)?;
    for header in &answer.headers {
        write!(stream, "{header}\r\n")?;
    }
    write!(stream, "\r\n")?;
    stream.write_all(&answer.body)?;
    stream.flush()?;
    if answer.stall {
        reader.read_to_end(&mut Vec::new())?;
    }
    Ok(())
}
