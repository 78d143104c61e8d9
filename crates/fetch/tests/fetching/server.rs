//! A web server for tests that can fail in many ways.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as the server received it.
#[derive(Clone, Debug)]
pub(crate) struct HttpRequest {
    pub(crate) path: String,
    /// By name in lower case.
    pub(crate) headers: HashMap<String, String>,
}

impl HttpRequest {
    /// The first byte of the requested range.
    pub(crate) fn start(&self) -> Option<usize> {
        self.headers.get("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// The response to one request.
pub(crate) struct Response {
    /// The code and the text of the status line.
    pub(crate) status: &'static str,
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
    /// Whether the connection stays open after the body, without sending anything, until the client closes it.
    pub(crate) stall: bool,
}

impl Response {
    pub(crate) fn status(status: &'static str) -> Self {
        Self { status, headers: vec!["Content-Length: 0".into()], body: vec![], stall: false }
    }

    /// All of `body`, or the part of it that the request asks for.
    pub(crate) fn file(request: &HttpRequest, body: &[u8], etag: &str) -> Self {
        let fits = request.headers.get("if-range").is_none_or(|validator| validator == etag);
        let (status, start) = match request.start() {
            Some(start) if fits && start < body.len() => ("206 Partial Content", start),
            _ => ("200 OK", 0),
        };
        let mut headers = vec![format!("Content-Length: {}", body.len() - start), format!("ETag: {etag}")];
        if start > 0 {
            headers.push(format!("Content-Range: bytes {start}-{}/{}", body.len() - 1, body.len()));
        }
        Self { status, headers, body: body[start..].to_vec(), stall: false }
    }

    /// The same response, but the connection ends after the first `bytes` bytes of the body.
    pub(crate) fn cut(mut self, bytes: usize) -> Self {
        self.body.truncate(bytes);
        self
    }

    pub(crate) fn stall(mut self) -> Self {
        self.stall = true;
        self
    }
}

/// A server that runs until the test ends.
pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<HttpRequest>>>,
}

impl Server {
    /// `respond` is called with the number of the request, from 0, and the request.
    pub(crate) fn start(respond: impl Fn(usize, &HttpRequest) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, respond) = (Arc::clone(&requests), Arc::new(respond));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, respond) = (Arc::clone(&log), Arc::clone(&respond));
                // The error of a broken connection is ignored: some tests kill the client.
                std::thread::spawn(move || drop(serve(stream, &log, &*respond)));
            }
        });
        Self { url, requests }
    }

    /// Every request so far.
    pub(crate) fn requests(&self) -> Vec<HttpRequest> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(
    mut stream: TcpStream,
    log: &Mutex<Vec<HttpRequest>>,
    respond: &dyn Fn(usize, &HttpRequest) -> Response,
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
    let request = HttpRequest { path, headers };
    let number = {
        let mut log = log.lock().unwrap();
        log.push(request.clone());
        log.len() - 1
    };
    let response = respond(number, &request);
    write!(stream, "HTTP/1.1 {}\r\nConnection: close\r\n", response.status)?;
    for header in &response.headers {
        write!(stream, "{header}\r\n")?;
    }
    write!(stream, "\r\n")?;
    stream.write_all(&response.body)?;
    stream.flush()?;
    if response.stall {
        reader.read_to_end(&mut Vec::new())?;
    }
    Ok(())
}
