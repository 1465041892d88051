//! The metrics endpoint: one text, one request at a time.
//!
//! It answers two fixed paths to whoever may reach it, so a web framework would bring more code than
//! it saves. Requests are read up to 1 KiB within a second; everything after the path is ignored.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Serves `text` under `/metrics`, and `ok` under `/health`; returns the address.
pub(crate) fn serve(
    address: SocketAddr,
    text: impl Fn() -> String + Send + 'static,
) -> Result<SocketAddr> {
    let listener =
        TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr()?;
    thread::Builder::new().name("aiflow-metrics".to_owned()).spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away in the middle is nobody's loss.
            let _ = answer(stream, &text);
        }
    })?;
    Ok(address)
}

fn answer(mut stream: TcpStream, text: &impl Fn() -> String) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request = [0; 1024];
    let read = stream.read(&mut request)?;
    let start = request.get(..read).unwrap_or_default();
    let (status, body) = if start.starts_with(b"GET /metrics ") {
        ("200 OK", text())
    } else if start.starts_with(b"GET /health ") {
        ("200 OK", "ok\n".to_owned())
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

const PATIENCE: Duration = Duration::from_secs(1);
