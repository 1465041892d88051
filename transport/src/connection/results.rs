//! Results: what is answered to frames, on both sides.

use aiflow_units::{Bytes, Micros, Timestamp};
use bytes::Bytes as Buffer;

use super::arrival::Arrival;
use super::frame::join;
use super::head::Head;
use super::inbound::Inbound;
use super::pieces::Pieces;
use super::sending::outcome_of;
use super::states::{SessionAction, SessionInput};
use super::{Connection, End, Event, Outcome, Priority, Reply, RequestId, Side, Stream, Timings};
use crate::error::{ErrorKind, ProtocolError};
use crate::schedule::{Content, Outgoing, Rank};
use crate::wire::{
    ChannelLevel, ControlMessage, FrameReport, Limit, ResultFlags, ResultHeader, StreamType,
    Wire as _,
};
use crate::{CallError, Code};

impl Connection {
    /// Answers a frame. What still arrives of it is refused, unless the flags say that a better
    /// result follows.
    ///
    /// # Errors
    /// The frame was answered, lost or cancelled, its base is not whole, the result is larger than
    /// the peer allows, or the peer does not read the results that wait: then giving the frame up
    /// with [`Connection::fail`] is all that is left.
    pub fn reply(
        &mut self,
        request: RequestId,
        reply: Reply,
        now: Timestamp,
    ) -> Result<(), CallError> {
        let arrival = self.arrivals.get(&request).ok_or(CallError::UnknownRequest)?;
        if arrival.delivered == 0 {
            return Err(CallError::WrongState { call: "reply", state: "base not whole" });
        }
        let (asked, limit) = (reply.payload.len() as u64, Limit::FrameBytes);
        let allowed = self.allowed.get(limit);
        if asked > allowed {
            return Err(CallError::LimitReached { limit, asked, allowed });
        }
        self.check_results(reply.payload.len())?;
        let provisional = reply.flags.contains(ResultFlags::PROVISIONAL);
        self.send_result(request, Code::NoError, reply, now)?;
        if !provisional {
            self.count_result(request, Code::NoError);
            self.drop_arrival(request, Code::TooLate);
        }
        Ok(())
    }

    /// Gives a frame up: its request fails with `code`, which says why ([`Code::DecodeFailed`],
    /// [`Code::TooLate`], [`Code::Superseded`], [`Code::ExcessiveLoad`] and so on).
    ///
    /// # Errors
    /// The frame was answered, lost or cancelled, or `code` says that nothing is wrong.
    pub fn fail(
        &mut self,
        request: RequestId,
        code: Code,
        now: Timestamp,
    ) -> Result<(), CallError> {
        if !self.arrivals.contains_key(&request) || code == Code::NoError {
            return Err(CallError::UnknownRequest);
        }
        // A peer that reads no results does not get to know why.
        if self.check_results(0).is_ok() {
            self.send_result(request, code, Reply::default(), now)?;
        }
        self.count_result(request, code);
        self.drop_arrival(request, code);
        Ok(())
    }

    /// Checks whether one more result may wait to be sent.
    fn check_results(&self, size: usize) -> Result<(), CallError> {
        let streams = self.allowed.get(Limit::Streams);
        let waiting = self.scheduler.len() as u64;
        let bytes = self.scheduler.backlog().total.get().saturating_add(size as u64);
        let queue = self.config.queue.get();
        for (limit, asked, allowed) in
            [(Limit::Streams, waiting, streams), (Limit::BufferedBytes, bytes, queue)]
        {
            if asked > allowed {
                return Err(CallError::LimitReached { limit, asked, allowed });
            }
        }
        Ok(())
    }

    fn count_result(&mut self, request: RequestId, code: Code) {
        let Some(session) = self.sessions.get_mut(&request.session) else { return };
        match code {
            Code::NoError => session.counters.results += 1,
            Code::DecodeFailed => session.counters.damaged += 1,
            Code::TooLate | Code::DeadlineExceeded => session.counters.late += 1,
            Code::Cancelled | Code::Superseded => session.counters.cancelled += 1,
            _ => {}
        }
    }

    /// The application did not answer a frame in time.
    pub(super) fn unanswered_frame(&mut self, request: RequestId, now: Timestamp) {
        // The frame is there, and nothing in the answer can be too large.
        let failed = self.fail(request, Code::Timeout, now);
        debug_assert!(failed.is_ok(), "{failed:?}");
        let (code, partial) = (Code::Timeout, Vec::new());
        self.events.push_back(Event::FrameLost { request, code, partial });
    }

    pub(super) fn send_result(
        &mut self,
        request: RequestId,
        status: Code,
        reply: Reply,
        now: Timestamp,
    ) -> Result<(), CallError> {
        let Some(arrival) = self.arrivals.get(&request) else {
            return Err(CallError::UnknownRequest);
        };
        let Timings { wait, decode, infer } = reply.timings;
        let header = ResultHeader {
            session: request.session,
            epoch: arrival.header.epoch,
            sequence: request.sequence,
            status,
            flags: reply.flags,
            layers: reply.layers,
            wait,
            decode,
            infer,
            length: Bytes::of_len(reply.payload.len()),
        };
        let report = FrameReport { wait, decode, infer, ..frame_report(request, arrival, status) };
        let arrived = arrival.arrived;
        // What fits into a packet beside its header is cheaper to copy than to hand out by itself.
        let (near, far) = match reply.payload {
            payload if payload.len() <= NEAR => (payload, Buffer::new()),
            payload => (Buffer::new(), payload),
        };
        let head = self.notepad.write(|writer| {
            writer.varint("stream type", StreamType::Result.number());
            header.write(writer);
            writer.raw(&near);
        })?;
        let outgoing = Outgoing::uni(Rank::timeless(Priority::Request), Content::Result)
            .with_chunk(head)
            .with_chunk(far)
            .with_fin();
        self.scheduler.open(outgoing);
        if !reply.flags.contains(ResultFlags::PROVISIONAL) {
            self.report_frame(report, arrived, now);
        }
        Ok(())
    }

    /// Reports how a frame arrived, not more often than channel reports are sent.
    pub(super) fn report_frame(
        &mut self,
        mut report: FrameReport,
        arrived: Timestamp,
        now: Timestamp,
    ) {
        let Some(interval) = self.report_interval(ChannelLevel::Report) else { return };
        if self.is_stuck() {
            return;
        }
        let Some(session) = self.sessions.get_mut(&report.session) else { return };
        if let Some((previous, at)) = session.reported {
            if now.since(at) < interval {
                return;
            }
            report.since_previous = arrived.since(previous);
        }
        session.reported = Some((arrived, now));
        self.say_plain(&ControlMessage::FrameReport(report));
    }

    /// Reads the header of a result.
    pub(super) fn result_head(
        &mut self,
        stream: Stream,
        mut head: Head,
        mut data: Buffer,
        end: End,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        let Some(header) = head.push::<ResultHeader>(&mut data, self.limits())? else {
            if end == End::Fin {
                return Err(format(ErrorKind::Truncated));
            }
            self.inbound.insert(stream, Inbound::ResultHead { head });
            return Ok(());
        };
        let action = self.session_input(header.session, SessionInput::Result)?;
        let request = RequestId::new(header.session, header.sequence);
        if action != SessionAction::Apply || !self.pending.contains_key(&request) {
            self.scheduler.stop(stream, Code::TooLate);
            return Ok(());
        }
        self.result_data(stream, header, Pieces::default(), data, end, now)
    }

    /// Takes bytes of a result.
    pub(super) fn result_data(
        &mut self,
        stream: Stream,
        header: ResultHeader,
        mut pieces: Pieces,
        data: Buffer,
        end: End,
        _: Timestamp,
    ) -> Result<(), ProtocolError> {
        let (before, size) = (pieces.length(), Bytes::of_len(data.len()));
        let length = before.saturating_add(size);
        if length > header.length {
            return Err(format(ErrorKind::TrailingBytes));
        }
        if end == End::Open {
            pieces.push(data);
            self.buffered = self.buffered.saturating_add(size);
            self.inbound.insert(stream, Inbound::Result { header, pieces });
            if self.buffered > self.limits().buffered_bytes() {
                self.overload(Limit::BufferedBytes);
            }
            return Ok(());
        }
        if length < header.length {
            return Err(format(ErrorKind::Truncated));
        }
        self.buffered = self.buffered.saturating_sub(before);
        // Nearly always a result comes in one piece.
        let payload = if before == Bytes::ZERO {
            data
        } else {
            pieces.push_last(data);
            join(&pieces.take())
        };
        let request = RequestId::new(header.session, header.sequence);
        let ResultHeader { wait, decode, infer, layers, flags, .. } = header;
        let timings = Timings { wait, decode, infer };
        let reply = Reply { payload, layers, flags, timings };
        match header.status {
            Code::NoError if flags.contains(ResultFlags::PROVISIONAL) => {
                if self.pending.contains_key(&request) {
                    self.events.push_back(Event::Provisional { request, reply });
                }
            }
            Code::NoError => self.end_request(request, Outcome::Result(reply)),
            code => self.end_request(request, outcome_of(code)),
        }
        Ok(())
    }

    /// The server abandoned a result.
    pub(super) fn result_reset(&mut self, header: &ResultHeader, pieces: &Pieces, code: Code) {
        self.buffered = self.buffered.saturating_sub(pieces.length());
        let request = RequestId::new(header.session, header.sequence);
        if self.side == Side::Client {
            self.end_request(request, outcome_of(code));
        }
    }
}

/// Says how a frame arrived.
pub(super) fn frame_report(request: RequestId, arrival: &Arrival, status: Code) -> FrameReport {
    FrameReport {
        session: request.session,
        sequence: request.sequence,
        layers: arrival.delivered,
        since_previous: Micros::ZERO,
        transfer: arrival.whole_at.since(arrival.arrived),
        wait: Micros::ZERO,
        decode: Micros::ZERO,
        infer: Micros::ZERO,
        status,
    }
}

fn format(kind: ErrorKind) -> ProtocolError {
    ProtocolError::new(kind, 0, "protocol.md 7.2")
}

/// Results up to this size are copied behind their headers.
const NEAR: usize = 256;
