//! Bytes of frames per second, many frames at once (T1).

use std::time::Instant;

use bytes::Bytes;
use serde_json::json;
use tokio::task::JoinSet;

use crate::{Failure, Row, Servers, median, ours, processor_time, raw};

/// Frames under way at once.
const WINDOW: usize = 16;

/// Rounds that do not count.
const WARM_UP: usize = 5;

/// What a turn took.
struct Turn {
    seconds: f64,
    processor: f64,
}

async fn turn(work: impl Future<Output = Result<(), Failure>>) -> Result<Turn, Failure> {
    let (start, processor) = (Instant::now(), processor_time());
    work.await?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(Turn { seconds, processor: processor_time() - processor })
}

/// Frames of one size, as many at a time as fit a window, each answered before its worker sends the next.
async fn windowed<Asked>(
    count: usize,
    payload: &Bytes,
    ask: impl Fn(Bytes) -> Asked + Copy + Send + 'static,
) -> Result<(), Failure>
where
    Asked: Future<Output = Result<(), Failure>> + Send,
{
    let mut workers = JoinSet::new();
    for worker in 0..WINDOW {
        let payload = payload.clone();
        let share = count / WINDOW + usize::from(worker < count % WINDOW);
        workers.spawn(async move {
            for _ in 0..share {
                ask(payload.clone()).await?;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(done) = workers.join_next().await {
        done??;
    }
    Ok(())
}

/// The same without answers.
async fn one_way_turn(client: &raw::Client, payload: &Bytes, count: usize) -> Result<(), Failure> {
    let mut left = count;
    while left > 0 {
        let some = left.min(250);
        client.tell(payload, some as u8).await?;
        left -= some;
    }
    Ok(())
}

pub(crate) async fn measure(servers: &Servers, rounds: usize) -> Result<Vec<Row>, Failure> {
    let raw = raw::Client::connect(&servers.identity, servers.raw).await?;
    let ours = ours::Client::connect(&servers.identity, servers.ours).await?;
    let (raw, ours): (&_, &_) = (Box::leak(Box::new(raw)), Box::leak(Box::new(ours)));
    let mut rows = Vec::new();
    for (name, size, count) in
        [("4 KiB", 4 << 10, 1_000), ("64 KiB", 64 << 10, 160), ("1 MiB", 1 << 20, 16)]
    {
        let small = size < 64 << 10;
        let (goal, least) = if small { (">= 85 %", 0.85) } else { (">= 95 %", 0.95) };
        let payload = Bytes::from(vec![0x5a; size]);
        let mut ratios = Vec::new();
        let mut processor = Vec::new();
        let (mut best_ours, mut best_raw, mut best_one_way) = (f64::MAX, f64::MAX, f64::MAX);
        for round in 0..rounds + WARM_UP {
            let one_way = turn(one_way_turn(raw, &payload, count)).await?;
            let theirs = turn(windowed(count, &payload, |payload| raw.ask(payload))).await?;
            let own = turn(windowed(count, &payload, |payload| ours.ask(payload))).await?;
            // The first rounds fill caches and congestion windows.
            if round >= WARM_UP {
                ratios.push(theirs.seconds / own.seconds);
                processor.push(own.processor / theirs.processor);
                best_ours = best_ours.min(own.seconds);
                best_raw = best_raw.min(theirs.seconds);
                best_one_way = best_one_way.min(one_way.seconds);
            }
        }
        let rate = |seconds: f64| (size * count) as f64 * 8.0 / seconds / 1e6;
        let (ratio, processor) = (median(&mut ratios), median(&mut processor));
        let (own, theirs, one_way) = (rate(best_ours), rate(best_raw), rate(best_one_way));
        rows.push(Row {
            target: "T1",
            what: format!("goodput, frames of {name}, answered"),
            ours: format!("{own:.0} Mbit/s"),
            raw: format!("{theirs:.0} Mbit/s"),
            verdict: format!(
                "{:.1} % (best {:.1} %; processor time x{processor:.2}; raw one-way {one_way:.0})",
                ratio * 100.0,
                own / theirs * 100.0
            ),
            goal,
            met: ratio >= least,
            json: json!({
                "figure": "goodput", "frame_bytes": size, "ours_mbps": own, "raw_mbps": theirs,
                "raw_one_way_mbps": one_way, "median_ratio": ratio,
                "best_ratio": own / theirs, "processor_ratio": processor,
            }),
        });
    }
    Ok(rows)
}
