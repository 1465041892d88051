//! Events of this protocol in the format of qlog (`spec/qlog.md`).

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::{Value, json};

/// Where events of this protocol are written to, as a sequence of JSON texts (RFC 7464).
///
/// Connections share it; each of their events names its connection as `group_id`. Writing happens
/// in the tasks of the connections, so give a writer that buffers. After the first error nothing
/// more is written.
#[derive(Clone)]
pub struct Qlog {
    shared: Arc<Shared>,
}

struct Shared {
    origin: Instant,
    groups: AtomicU64,
    /// `None` after an error.
    writer: Mutex<Option<Box<dyn Write + Send>>>,
}

impl core::fmt::Debug for Qlog {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Qlog")
    }
}

impl Qlog {
    /// The name of the schema of the events.
    pub const SCHEMA: &'static str = "urn:aiflow:qlog:aiflow-1";

    /// Writes the head of a trace; times count from now.
    ///
    /// # Errors
    /// The writer failed.
    pub fn new(title: &str, mut writer: Box<dyn Write + Send>) -> io::Result<Self> {
        let head = json!({
            "file_schema": "urn:ietf:params:qlog:file:sequential",
            "serialization_format": "application/qlog+json-seq",
            "title": title,
            "trace": {
                "common_fields": {
                    "time_format": "relative_to_epoch",
                    "reference_time": { "clock_type": "monotonic", "epoch": "unknown" },
                },
                "event_schemas": [Self::SCHEMA],
            },
        });
        put(&mut writer, &head)?;
        let shared = Shared {
            origin: Instant::now(),
            groups: AtomicU64::new(0),
            writer: Mutex::new(Some(writer)),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Writes what the writer holds back.
    ///
    /// # Errors
    /// The writer failed.
    pub fn flush(&self) -> io::Result<()> {
        let mut writer = self.shared.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.as_mut().map_or(Ok(()), Write::flush)
    }

    /// Names a connection.
    pub(super) fn group(&self) -> u64 {
        self.shared.groups.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the time from the start of the trace in milliseconds.
    pub(super) fn millis(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.shared.origin).as_secs_f64() * 1e3
    }

    /// Writes one event.
    pub(super) fn write(&self, group: u64, millis: f64, name: &str, data: &Value) {
        let event = json!({
            "time": (millis * 1e3).round() / 1e3,
            "name": format!("aiflow:{name}"),
            "group_id": group,
            "data": data,
        });
        let mut writer = self.shared.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sink) = writer.as_mut() else { return };
        if let Err(error) = put(sink, &event) {
            tracing::warn!(%error, "qlog cannot be written and ends here");
            *writer = None;
        }
    }
}

/// Writes one text of a sequence: a record separator, the text, a line feed.
fn put(writer: &mut impl Write, value: &Value) -> io::Result<()> {
    writer.write_all(b"\x1e")?;
    serde_json::to_writer(&mut *writer, value)?;
    writer.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    struct Sender(mpsc::Sender<Vec<u8>>);

    impl Write for Sender {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_trace_is_a_sequence_of_texts() {
        let (sender, receiver) = mpsc::channel();
        let qlog = Qlog::new("a test", Box::new(Sender(sender))).expect("the writer works");
        qlog.write(qlog.group(), 1.23456, "outage", &json!({ "state": "began" }));
        let bytes: Vec<u8> = receiver.try_iter().flatten().collect();
        let text = String::from_utf8(bytes).expect("JSON is text");
        let texts: Vec<Value> = text
            .split('\u{1e}')
            .skip(1)
            .map(|text| serde_json::from_str(text).expect("a JSON text"))
            .collect();
        assert_eq!(texts[0]["trace"]["event_schemas"][0], Qlog::SCHEMA);
        assert_eq!(texts[1]["name"], "aiflow:outage");
        assert_eq!(
            (texts[1]["time"].as_f64(), texts[1]["group_id"].as_u64()),
            (Some(1.235), Some(0))
        );
    }

    #[test]
    fn a_failing_writer_is_left_alone() {
        let (sender, receiver) = mpsc::channel();
        let qlog = Qlog::new("a test", Box::new(Sender(sender))).expect("the writer works");
        drop(receiver);
        qlog.write(0, 0.0, "outage", &Value::Null);
        assert!(qlog.shared.writer.lock().expect("nobody panicked").is_none());
        assert!(qlog.flush().is_ok());
    }
}
