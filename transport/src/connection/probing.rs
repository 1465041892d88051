//! Padding that finds out what the channel carries beyond what frames need.

use aiflow_units::{BitRate, Bytes, Micros, Timestamp};
use bytes::Bytes as Buffer;

use super::inbound::Inbound;
use super::lifecycle::stream_type;
use super::timers::Timer;
use super::{Connection, Direction, End, Priority, Stream};
use crate::channel::Estimate;
use crate::schedule::{Content, Outgoing, Rank};
use crate::wire::{ChannelLevel, Limit, PADDING_BYTE, Probe, StreamType};
use crate::{CallError, Code};

/// Padding that is being sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Padding {
    stream: Stream,
    /// The rate of everything together.
    target: BitRate,
    left: Bytes,
    began: Timestamp,
    until: Timestamp,
    /// What had been sent when it began.
    sent_before: Bytes,
    pushed: Bytes,
}

impl Connection {
    /// Asks the peer for padding, so that its estimate of the channel towards this side can rise.
    /// What comes is dropped; the peer sends less than asked where its own caps say so.
    ///
    /// # Errors
    /// The peers did not agree on probes, the last one is too recent, or the probe cannot be
    /// written.
    pub fn probe(&mut self, probe: Probe, now: Timestamp) -> Result<(), CallError> {
        self.may_probe("probe", self.last_asked, now)?;
        let outgoing =
            Outgoing::new(Direction::Bi, Rank::timeless(Priority::Request), Content::Other)
                .with_chunk(stream_type(StreamType::Probe))
                .with_chunk(probe.encode()?)
                .with_fin();
        let stream = self.scheduler.open(outgoing);
        self.inbound.insert(stream, Inbound::Padding);
        self.last_asked = Some(now);
        Ok(())
    }

    /// Sends padding, so that the estimate of the channel towards the peer can rise: at the lowest
    /// priority and under congestion control, at no more than twice the present rate, for at most
    /// 1 s, and never more than a twentieth of all bytes of the connection or 64 KiB. Nothing is sent where
    /// these caps leave nothing.
    ///
    /// # Errors
    /// The peers did not agree on probes, or the last one is too recent.
    pub fn pad(&mut self, probe: Probe, now: Timestamp) -> Result<(), CallError> {
        self.may_probe("pad", self.last_padded, now)?;
        let Some((target, cap)) = self.probe_caps(&probe, now) else { return Ok(()) };
        let outgoing = Outgoing::uni(Rank::timeless(Priority::Padding), Content::Padding)
            .with_chunk(stream_type(StreamType::Padding));
        let stream = self.scheduler.open(outgoing);
        self.begin_padding(stream, target, cap, probe.duration, now);
        Ok(())
    }

    /// Returns whether padding is being sent.
    pub const fn is_padding(&self) -> bool {
        self.padding.is_some()
    }

    fn may_probe(
        &self,
        call: &'static str,
        last: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), CallError> {
        self.require_open(call)?;
        if self.report_interval(ChannelLevel::Probe).is_none() {
            return Err(CallError::NotNegotiated("channel level 2 (probes)"));
        }
        let interval = self.allowed.probe_interval();
        let recent = last.is_some_and(|last| now.since(last) < interval);
        if recent || self.padding.is_some() { Err(CallError::TooSoon(call)) } else { Ok(()) }
    }

    /// The peer asks for padding.
    pub(super) fn peer_probes(&mut self, stream: Stream, probe: Probe, now: Timestamp) {
        self.inbound.remove(&stream);
        let interval = self.limits().get(Limit::ProbeInterval);
        let interval = Micros::from_millis(interval);
        let recent = self.last_padded.is_some_and(|last| now.since(last) < interval);
        let agreed = self.report_interval(ChannelLevel::Probe).is_some();
        let code = match () {
            () if !agreed => Some(Code::Unsupported),
            () if recent || self.padding.is_some() => {
                if !self.floods.probes.take(now) {
                    self.overload(Limit::ProbeInterval);
                    return;
                }
                Some(Code::ExcessiveLoad)
            }
            () => None,
        };
        let caps = self.probe_caps(&probe, now);
        match (code, caps) {
            (Some(code), _) => {
                self.stats.refusals += 1;
                self.scheduler.reset(stream, code);
            }
            // There is room for nothing: an empty answer.
            (None, None) => self.send_answer(stream, Buffer::new(), End::Fin),
            (None, Some((target, cap))) => {
                let rank = Rank::timeless(Priority::Padding);
                self.scheduler.answer(stream, Outgoing::answer(rank, Content::Padding));
                self.begin_padding(stream, target, cap, probe.duration, now);
            }
        }
    }

    /// Returns the rate and the bytes that the caps leave of a probe.
    fn probe_caps(&self, probe: &Probe, now: Timestamp) -> Option<(BitRate, Bytes)> {
        let Estimate { p50, delivery_rate, .. } = self.estimator.estimate(now);
        let current = p50.max(delivery_rate).max(LEAST_RATE).get();
        let target = probe.target.get().min(current.saturating_mul(2));
        let bytes = self.sent_bytes().saturating_add(self.stats.payload_received).get();
        let share = (bytes / 20).max(FREE.get()).saturating_sub(self.stats.padding_bytes.get());
        let cap = probe.cap.get().min(share);
        (cap > 0).then_some((BitRate::bits_per_second(target), Bytes::new(cap)))
    }

    fn begin_padding(
        &mut self,
        stream: Stream,
        target: BitRate,
        cap: Bytes,
        duration: Micros,
        now: Timestamp,
    ) {
        let until = now.after(duration.min(Probe::MOST_DURATION));
        let sent_before = self.sent_bytes();
        let (left, pushed) = (cap, Bytes::ZERO);
        let padding = Padding { stream, target, left, began: now, until, sent_before, pushed };
        self.padding = Some(padding);
        self.last_padded = Some(now);
        self.padding_due(now);
    }

    /// Adds the padding that the target leaves room for, beside what frames took.
    pub(super) fn padding_due(&mut self, now: Timestamp) {
        let Some(mut padding) = self.padding else { return };
        let stream = padding.stream;
        if now >= padding.until || padding.left == Bytes::ZERO {
            self.end_padding();
            return;
        }
        let passed = now.since(padding.began).saturating_add(TICK);
        let used = self.sent_bytes().saturating_sub(padding.sent_before);
        let room = padding.target.bytes_in(passed);
        let room = room.saturating_sub(used).saturating_sub(padding.pushed);
        let size = room.min(padding.left);
        // What waits already would go out later than it is meant to.
        if size > Bytes::ZERO && !self.scheduler.is_waiting(stream) {
            let size = size.get().min(ZEROS.len() as u64);
            self.scheduler.push(stream, Buffer::from_static(ZEROS).slice(..size as usize));
            padding.pushed = padding.pushed.saturating_add(Bytes::new(size));
            padding.left = padding.left.saturating_sub(Bytes::new(size));
        }
        self.padding = Some(padding);
        self.timers.set(Timer::Probe, now.after(TICK));
    }

    /// Ends the padding that is being sent.
    pub(super) fn end_padding(&mut self) {
        self.timers.clear(Timer::Probe);
        let Some(padding) = self.padding.take() else { return };
        // What waits is of no use any more.
        if self.scheduler.is_waiting(padding.stream) {
            self.scheduler.reset(padding.stream, Code::NoError);
        } else {
            self.scheduler.finish(padding.stream);
        }
    }

    /// Ends the padding if it goes over a stream.
    pub(super) fn padding_stopped(&mut self, stream: Stream) {
        if self.padding.is_some_and(|padding| padding.stream == stream) {
            self.end_padding();
        }
    }

    fn sent_bytes(&self) -> Bytes {
        self.stats.frame_bytes.saturating_add(self.stats.other_bytes)
    }
}

/// How often padding is added.
const TICK: Micros = Micros::from_millis(5);
/// The most padding that is added at a time.
const ZEROS: &[u8] = &[PADDING_BYTE; 64 * 1024];
/// Padding that needs no other bytes beside it.
const FREE: Bytes = Bytes::from_kib(64);
/// What is taken for the present rate as long as nothing is known of it.
const LEAST_RATE: BitRate = BitRate::kilobits_per_second(256);
