//! What operators see.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use aiflow_transport::Code;
use aiflow_transport::driver::Qlog;
use serde_json::Value;

use super::world::{World, client_config, echo, frame, identity, layer, server_config};

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The events that the specification names.
fn specified() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/qlog.md");
    let text = std::fs::read_to_string(path).expect("the specification is there");
    let rows = text.lines().filter_map(|line| line.strip_prefix("### `aiflow:"));
    rows.map(|row| row.trim_end_matches('`').to_owned()).collect()
}

#[tokio::test]
async fn a_trace_tells_the_story() {
    let (here, there) = (Sink::default(), Sink::default());
    let identity = identity();
    let log = |sink: &Sink| Qlog::new("test", Box::new(sink.clone())).expect("it can be written");
    let server = server_config(&identity).with_qlog(log(&there));
    let client = client_config(&identity).with_qlog(log(&here));
    let world = World::with(server, client).await;
    let (session, served) = world.session().await;
    let answer = session.send(frame(&session, vec![layer(2_000, 0)])).expect("it is open");
    let serve = async { echo(served.next_request().await.expect("a frame")).await };
    let (reply, ()) = tokio::join!(answer, serve);
    reply.expect("an answer");
    world.at_client.close(Code::NoError);
    world.at_server.closed().await;
    tokio::join!(world.client.shutdown(Code::NoError), world.server.shutdown(Code::NoError));

    let names = |sink: &Sink| -> Vec<String> {
        let bytes = sink.0.lock().expect("nobody panics").clone();
        let text = String::from_utf8(bytes).expect("JSON is text");
        let texts: Vec<Value> = text
            .split('\u{1e}')
            .skip(1)
            .map(|text| serde_json::from_str(text).expect("a JSON text"))
            .collect();
        assert_eq!(texts[0]["trace"]["event_schemas"][0], Qlog::SCHEMA);
        let times: Vec<f64> = texts[1..].iter().filter_map(|text| text["time"].as_f64()).collect();
        assert!(times.is_sorted() && times.len() == texts.len() - 1);
        let name = |text: &Value| text["name"].as_str().expect("a name").replace("aiflow:", "");
        texts[1..].iter().map(name).collect()
    };
    let (here, there) = (names(&here), names(&there));
    let in_order = |names: &[String], wanted: &[&str]| {
        let mut left = names.iter();
        wanted.iter().all(|wanted| left.any(|name| name == wanted))
    };
    assert!(in_order(&here, &["open", "frame_sent", "frame_ended", "session_ended"]), "{here:?}");
    assert!(in_order(&there, &["setup", "open", "frame_received", "closed"]), "{there:?}");
    let known = specified();
    assert!(here.iter().chain(&there).all(|name| known.contains(name)), "{known:?}");
}
