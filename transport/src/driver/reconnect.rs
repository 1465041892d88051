//! Going on after a connection was lost.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use aiflow_units::Micros;
use bytes::Bytes as Buffer;

use super::{ClientConfig, ConnectError, Endpoint, Peer, Session, SessionError};
use crate::wire::{EarlyFrames, Open, Ticket};
use crate::{Code, Snapshot};

/// What is needed to go on with a session over another connection.
#[derive(Debug, Clone)]
pub struct Resumption {
    snapshot: Snapshot,
    ticket: Ticket,
    expires: Instant,
}

impl Resumption {
    pub(super) fn new(snapshot: Snapshot, ticket: Ticket, left: Micros) -> Self {
        Self { snapshot, ticket, expires: Instant::now() + left.to_duration() }
    }

    /// Returns how far the session was.
    pub const fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Returns whether the server will no longer take it.
    pub fn is_expired(&self) -> bool {
        Instant::now() >= self.expires
    }

    pub(super) fn ticket(&self) -> Buffer {
        self.ticket.ticket.clone()
    }

    pub(super) const fn early(&self) -> EarlyFrames {
        self.ticket.early
    }
}

/// How long to wait between attempts to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Micros,
    most: Micros,
    attempts: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Micros::from_millis(100), most: Micros::from_secs(10), attempts: u32::MAX }
    }
}

impl Backoff {
    /// Sets the pause after the first failure; each further one doubles it. Default: 100 ms.
    #[must_use]
    pub fn with_first(mut self, pause: Micros) -> Self {
        self.first = pause;
        self
    }

    /// Sets the longest pause. Default: 10 s.
    #[must_use]
    pub fn with_most(mut self, pause: Micros) -> Self {
        self.most = pause;
        self
    }

    /// Sets how often to try in a row. Default: for ever.
    #[must_use]
    pub fn with_attempts(mut self, most: u32) -> Self {
        self.attempts = most;
        self
    }

    /// Returns the pause after so many failures: between half of it and all of it, by chance, so
    /// that the clients of a server that was restarted do not come back all at once.
    fn pause(&self, failures: u32) -> Duration {
        let doubled = self.first.get().saturating_mul(1 << failures.saturating_sub(1).min(32));
        let longest = doubled.min(self.most.get());
        let chance = RandomState::new().hash_one(failures) % 1024;
        Duration::from_micros(longest / 2 + longest / 2 * chance / 1023)
    }
}

/// How a session came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Restored {
    /// It is the one from before.
    Kept,
    /// It goes on over a new connection, in the epoch in which it was left.
    Resumed,
    /// It was opened anew.
    Opened,
}

/// A session that outlives its connections.
///
/// Nothing runs in the background: [`Reconnecting::session`] returns the session, and restores it
/// first if its connection was lost. Call it before each frame.
#[derive(Debug)]
pub struct Reconnecting {
    endpoint: Endpoint,
    address: SocketAddr,
    name: String,
    config: ClientConfig,
    open: Open,
    backoff: Backoff,
    current: Option<(Peer, Session)>,
}

/// A session cannot be restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconnectError {
    /// There is no connection to the server.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server does not grant the session.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl Reconnecting {
    /// Will connect to a server, whose certificate must be good for `name`, and ask for the session
    /// that `open` describes.
    pub fn new(
        endpoint: Endpoint,
        address: SocketAddr,
        name: &str,
        config: ClientConfig,
        open: Open,
    ) -> Self {
        let (name, backoff) = (name.to_owned(), Backoff::default());
        Self { endpoint, address, name, config, open, backoff, current: None }
    }

    /// Sets how long to wait between attempts. Default: [`Backoff::default`].
    #[must_use]
    pub fn with_backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Returns the peer of the last session.
    pub fn peer(&self) -> Option<&Peer> {
        self.current.as_ref().map(|(peer, _)| peer)
    }

    /// Returns the session, restored if need be: resumed where the server gave a ticket that it
    /// still takes, else opened anew. Failures of the network and an overloaded server are waited
    /// out; cancelling the call is safe.
    ///
    /// # Errors
    /// The peers do not fit together (certificate, version, model, profile), or so many attempts
    /// failed as the backoff allows.
    pub async fn session(&mut self) -> Result<(Session, Restored), ReconnectError> {
        if let Some((_, session)) = &self.current
            && session.ended().is_none()
        {
            return Ok((session.clone(), Restored::Kept));
        }
        let mut failures = 0;
        loop {
            let error = match self.restore().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            failures += 1;
            if !is_transient(&error) || failures >= self.backoff.attempts {
                return Err(error);
            }
            let pause = retry_after(&error).max(self.backoff.pause(failures));
            tracing::info!(%error, failures, pause_ms = pause.as_millis(), "trying again");
            tokio::time::sleep(pause).await;
        }
    }

    async fn restore(&mut self) -> Result<(Session, Restored), ReconnectError> {
        let left = self.current.as_ref().and_then(|(_, session)| session.resumption());
        let peer = self.endpoint.connect(self.address, &self.name, &self.config).await?;
        if let Some(left) = left.filter(|left| !left.is_expired()) {
            match peer.resume(&left).await {
                Ok(session) => {
                    self.current = Some((peer, session.clone()));
                    return Ok((session, Restored::Resumed));
                }
                Err(error) if is_forgotten(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let session = peer.open(self.open.clone()).await?;
        self.current = Some((peer, session.clone()));
        Ok((session, Restored::Opened))
    }
}

/// Says whether only the session is gone, so that it can be opened anew.
fn is_forgotten(error: &SessionError) -> bool {
    let codes = [Code::TicketRefused, Code::SessionUnknown, Code::EpochUnknown, Code::NotReady];
    matches!(error, SessionError::Ended { code, .. } if codes.contains(code))
}

fn is_transient(error: &ReconnectError) -> bool {
    match error {
        ReconnectError::Connect(error) => error.is_transient(),
        ReconnectError::Session(SessionError::Connection(error)) => error.is_transient(),
        ReconnectError::Session(SessionError::Ended { retry_after, .. }) => {
            *retry_after > Micros::ZERO
        }
        ReconnectError::Session(SessionError::Call(_)) => false,
    }
}

fn retry_after(error: &ReconnectError) -> Duration {
    match error {
        ReconnectError::Session(SessionError::Ended { retry_after, .. }) => {
            retry_after.to_duration()
        }
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::ConnectionError;

    #[test]
    fn pauses_double_to_their_limit() {
        let backoff = Backoff::default().with_most(Micros::from_secs(1));
        for (failures, most) in [(1, 100), (2, 200), (4, 800), (5, 1000), (60, 1000)] {
            let pause = backoff.pause(failures).as_millis();
            assert!((most / 2..=most).contains(&pause), "{failures}: {pause} ms");
        }
    }

    #[test]
    fn only_what_can_pass_is_tried_again() {
        let lost = ConnectError::Connection(ConnectionError::Silence);
        assert!(is_transient(&lost.into()));
        let ended = |retry_after| SessionError::Ended {
            session: crate::wire::SessionId(1),
            code: Code::ExcessiveLoad,
            retry_after,
        };
        assert!(is_transient(&ended(Micros::from_secs(2)).into()));
        assert_eq!(retry_after(&ended(Micros::from_secs(2)).into()), Duration::from_secs(2));
        assert!(!is_transient(&ended(Micros::ZERO).into()));
    }
}
