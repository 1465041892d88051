//! Servers and devices as processes of their own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::work::{Work, bundle};

/// A server that is killed after the test.
pub(crate) struct Served {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    metrics: SocketAddr,
}

/// A process that does not outlive the test, however it ends.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn serve(work: &Work, words: &str) -> Served {
    let common = format!(
        "serve --bundle {} --listen 127.0.0.1:0 --metrics 127.0.0.1:0 --identity id {words}",
        bundle()
    );
    let started = Command::new(env!("CARGO_BIN_EXE_aiflow"))
        .args(common.split_whitespace())
        .current_dir(work.path(""))
        .stdout(Stdio::piped())
        .spawn();
    let mut process = Process(started.expect("the program starts"));
    let lines = BufReader::new(process.0.stdout.take().expect("a pipe")).lines();
    let mut metrics = None;
    for line in lines {
        let line = line.expect("a line");
        if let Some(rest) = line.strip_prefix("metrics on http://") {
            metrics = rest.strip_suffix("/metrics").and_then(|text| text.parse().ok());
        }
        if let (Some((_, address)), Some(metrics)) = (line.split_once(" on 127"), metrics)
            && line.starts_with("serving ")
        {
            let address = format!("127{address}").parse().expect("an address");
            return Served { process, address, metrics };
        }
    }
    panic!("the server did not start");
}

fn run(work: &Work, address: SocketAddr, words: &str) -> Value {
    work.json(&format!(
        "run --connect {address} --trust id/certificate.pem --bundle {} --data scenes:6@8 --json \
         {words}",
        bundle()
    ))
}

pub(crate) fn outputs(run: &Value) -> Vec<&str> {
    let requests = run["requests"].as_array().expect("a list").iter();
    requests.map(|request| request["outputs_sha256"].as_str().expect("outputs")).collect()
}

/// How many requests a server has answered.
pub(crate) fn answered(served: &Served) -> u64 {
    counted(&get(served.metrics, "/metrics"), "aiflow_answered_total ")
}

fn counted(metrics: &str, name: &str) -> u64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|number| number.parse().ok()).expect("a number")
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    for part in ["GET ", path, " HTTP/1.1\r\nHost: x\r\n", "\r\n"] {
        stream.write_all(part.as_bytes()).expect("a request");
        std::thread::sleep(Duration::from_millis(2));
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn only_clients_with_the_token_are_served() {
    let work = Work::new();
    work.write("secret", b"violet-41-tram\n");
    work.write("other", b"violet-42-tram\n");
    let served = serve(&work, "--token secret");
    let ran = run(&work, served.address, "--cut c07 --token secret");
    assert_eq!(ran["summary"]["fallbacks"], 0);
    let before = answered(&served);
    for token in ["", "--token other"] {
        let refused = work.run(&format!(
            "run --connect {} --trust id/certificate.pem --bundle {} --data scenes:2@8 --cut c07 {token}",
            served.address,
            bundle()
        ));
        assert_eq!(refused.code, Some(1), "{}", refused.error);
        assert!(refused.error.contains("--token"), "{}", refused.error);
    }
    assert_eq!(answered(&served), before);
    let none = work.run(&format!(
        "serve --bundle {} --listen 127.0.0.1:0 --identity id --token nothing",
        bundle()
    ));
    assert!(none.code == Some(1) && none.error.contains("nothing"), "{}", none.error);
}

#[test]
fn two_and_three_processes_answer_as_one_does() {
    let work = Work::new();
    let alone = work.json(&format!("run --bundle {} --data scenes:6@8 --local --json", bundle()));
    let cloud = serve(&work, "--role cloud");
    assert!(Path::new(&work.path("id/key.pem")).is_file());
    let cut = work.json(&format!("inspect {} --json", bundle()));
    assert!(cut.is_object());
    let two = run(&work, cloud.address, "--cut c07 --lossless");
    assert_eq!(outputs(&two), outputs(&alone));
    assert_eq!(two["summary"]["fallbacks"], 0);
    assert_eq!(two["summary"]["top1"], alone["summary"]["top1"]);
    for request in two["requests"].as_array().expect("a list") {
        assert!(request["parts_us"].as_u64() <= request["total_us"].as_u64());
        assert!(request["bytes"].as_u64() > Some(0));
    }
    let behind = cloud.address;
    let words = format!(
        "--role edge --upstream {behind} --trust id/certificate.pem --then forward --workers 1"
    );
    let edge = serve(&work, &words);
    let three = run(&work, edge.address, "--cut c07 --lossless");
    assert_eq!(outputs(&three), outputs(&alone));
    assert_eq!(three["summary"]["fallbacks"], 0);
    for run in [&two, &three] {
        let sum = |name: &str| -> u64 {
            let requests = run["requests"].as_array().expect("a list").iter();
            requests.map(|request| request[name].as_u64().expect("a time")).sum()
        };
        let (parts, total) = (sum("parts_us"), sum("total_us"));
        assert!(parts <= total && 100 * parts >= 97 * total, "{parts} of {total}");
    }
    let metrics = get(edge.metrics, "/metrics");
    // On a machine that is busy with other things an edge may lose its patience and answer itself.
    let forwarded = counted(&metrics, "aiflow_forwarded_total ");
    assert!((1..=6).contains(&forwarded), "{metrics}");
    for part in ["aiflow_part_seconds_bucket{part=\"behind\",le=", "_count{part=\"total\"} 6\n"] {
        assert!(metrics.contains(part), "{metrics}");
    }
    assert!(get(edge.metrics, "/health").ends_with("ok\n"));
    assert!(get(edge.metrics, "/other").starts_with("HTTP/1.1 404"));
    let lossy = run(&work, cloud.address, "--cut c07 --rate 20 --classes 3");
    assert_eq!(lossy["summary"]["fallbacks"], 0);
    assert!(lossy["summary"]["bytes_mean"].as_f64() < two["summary"]["bytes_mean"].as_f64());
    let picture = run(&work, cloud.address, "--picture webp:90 --classes 3");
    assert_eq!(picture["summary"]["fallbacks"], 0);
}

#[test]
fn servers_that_are_not_trusted_or_not_there_are_refused_in_one_line() {
    let work = Work::new();
    let served = serve(&work, "");
    let other = Work::new();
    let _other = serve(&other, "");
    let trust = other.path("id/certificate.pem");
    let words = format!(
        "run --connect {} --trust {} --bundle {} --data scenes:2@8 --cut c07",
        served.address,
        trust.display(),
        bundle()
    );
    let ran = work.run(&words);
    assert_eq!((ran.code, ran.error.lines().count()), (Some(1), 1), "{}", ran.error);
    assert!(ran.error.contains("certificate"), "{}", ran.error);
    for (words, part) in [
        ("--connect 127.0.0.1:9 --trust missing.pem --cut c07", "missing.pem"),
        ("--cut c07", "--connect"),
        ("--connect nowhere --trust id/certificate.pem --cut c07", "nowhere"),
    ] {
        let ran = work.run(&format!("run --bundle {} --data scenes:2@8 {words}", bundle()));
        assert_eq!(ran.code, Some(1), "{}", ran.error);
        assert!(ran.error.contains(part) && ran.error.lines().count() == 1, "{}", ran.error);
    }
}
