//! The metrics endpoint: one text, one request at a time.
//!
//! It answers two fixed paths to whoever may reach it, so a web framework would bring more code than
//! it saves. Requests are read to the end of their headers, at most 8 KiB within a second; everything
//! after the path is ignored.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// Serves `text` under `/metrics`, and under `/health` whether requests are taken; returns the address.
pub(crate) fn serve(
    address: SocketAddr,
    text: impl Fn() -> String + Send + 'static,
    ready: impl Fn() -> bool + Send + 'static,
) -> Result<SocketAddr> {
    let listener =
        TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr()?;
    thread::Builder::new().name("aiflow-metrics".to_owned()).spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away in the middle is nobody's loss.
            let _ = answer(stream, &text, &ready);
        }
    })?;
    Ok(address)
}

fn answer(
    mut stream: TcpStream,
    text: &impl Fn() -> String,
    ready: &impl Fn() -> bool,
) -> std::io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = request(&mut stream)?;
    let (status, body) = if request.starts_with(b"GET /metrics ") {
        ("200 OK", text())
    } else if request.starts_with(b"GET /health ") && ready() {
        ("200 OK", "ok\n".to_owned())
    } else if request.starts_with(b"GET /health ") {
        ("503 Service Unavailable", "going away\n".to_owned())
    } else {
        ("404 Not Found", "there are /metrics and /health\n".to_owned())
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Reads to the empty line that ends the headers: to close a connection with bytes of it unread would
/// reset it, and the client might lose the answer.
fn request(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let end = Instant::now() + PATIENCE;
    let mut request = Vec::new();
    let mut part = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") && request.len() < LONGEST {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut part)? {
            0 => break,
            read => request.extend_from_slice(part.get(..read).unwrap_or_default()),
        }
    }
    Ok(request)
}

const LONGEST: usize = 8 << 10;
const PATIENCE: Duration = Duration::from_secs(1);
