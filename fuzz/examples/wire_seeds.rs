//! Writes the seeds of the targets `wire_*` from the vectors of the protocol.

use std::io;
use std::path::Path;

use aiflow_transport::wire::{Framer, Limits, MessageKind};

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let write = |target: &str, name: &str, bytes: &[u8]| -> io::Result<()> {
        let folder = root.join("corpus").join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(name), bytes)
    };
    let mut stream = vec![0; 8];
    let mut setup = Vec::new();
    let mut open = Vec::new();
    let text = std::fs::read_to_string(root.join("../spec/vectors/protocol/1_messages.txt"))?;
    for case in text.split("\n[").skip(1) {
        let name: String = case.split(']').next().unwrap_or_default().to_lowercase();
        let name = name.replace(|sign: char| !sign.is_ascii_alphanumeric(), "-").replace("--", "-");
        let field = |key: &str| {
            case.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = ")).unwrap_or("")
        };
        let bytes = from_hex(field("bytes"));
        if field("input") == "stream" {
            let choice = match field("type") {
                "FRAME" => 23,
                "RESULT" => 24,
                _ => continue,
            };
            write("wire_message", &name, &[&[choice], &bytes[1..]].concat())?;
            continue;
        }
        let mut framer = Framer::new(&Limits::default());
        framer.push(&bytes);
        let envelope = framer.next_message().ok().flatten().expect("a whole message");
        let kind = MessageKind::from_number(envelope.number).expect("a known message");
        let choice = MessageKind::ALL.iter().position(|other| *other == kind).unwrap_or(0) as u8;
        write("wire_message", &name, &[&[choice], &envelope.payload[..]].concat())?;
        match (kind, field("input")) {
            (MessageKind::Setup, _) if setup.len() < envelope.payload.len() => {
                setup = envelope.payload.to_vec();
            }
            (MessageKind::Open, _) if open.len() < envelope.payload.len() => {
                open = envelope.payload.to_vec();
            }
            _ => {}
        }
        if field("input") == "control" {
            stream.extend_from_slice(&bytes);
        }
    }
    write("wire_framer", "every-message", &stream)?;
    let length = [u8::try_from(setup.len()).expect("a short SETUP")];
    let exchange = [&length[..], &setup, &length, &setup, &open].concat();
    write("wire_setup", "two-setups-and-an-open", &exchange)
}

fn from_hex(text: &str) -> Vec<u8> {
    let byte = |place| u8::from_str_radix(&text[place..place + 2], 16).expect("two digits");
    (0..text.len()).step_by(2).map(byte).collect()
}
