//! Tickets that need no memory.

use std::time::{SystemTime, UNIX_EPOCH};

use aiflow_units::Micros;
use bytes::Bytes as Buffer;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::error::EncodeError;
use crate::negotiate::Policy;
use crate::wire::{MAX_TENANT, MAX_TICKET, ModelId, Replay, Wire, Writer};
use crate::{Code, Connection, PeerIdentity, Snapshot};

/// Seals what a server remembers of a session into the ticket that the client brings back, so that
/// any server with the same key can go on with the session, also after a restart.
///
/// A ticket is bound to the certificate of the client, if it showed one. Debug output leaves the
/// key out.
pub struct TicketKey {
    key: LessSafeKey,
    random: SystemRandom,
}

impl core::fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("TicketKey")
    }
}

/// What a ticket remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// How far the session was.
    pub snapshot: Snapshot,
    /// The model.
    pub model: ModelId,
    /// On whose behalf.
    pub tenant: String,
    /// Whether inference may happen twice.
    pub replay: Replay,
    /// A digest of what was served of the model; see [`served`].
    pub served: [u8; 32],
}

/// Returns a digest of what a policy serves of a model: a session goes on only where its operating
/// points still mean the same.
pub fn served(policy: &Policy, model: ModelId) -> [u8; 32] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    let served = policy.models.iter().filter(|served| served.model == model);
    for cut in served.flat_map(|served| &served.cuts) {
        context.update(&cut.cut.0.to_be_bytes());
        context.update(&(cut.codecs.len() as u64).to_be_bytes());
        for (codec, profile) in &cut.codecs {
            context.update(&codec.0.to_be_bytes());
            context.update(&[u8::from(profile.is_some())]);
            context.update(&profile.map_or([0; 32], |profile| profile.0));
        }
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// A ticket cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TicketError {
    /// The session has too many points for a ticket.
    #[error("the session takes {size} bytes in a ticket, which holds {}", MAX_TICKET)]
    TooLarge {
        /// The bytes that would be needed.
        size: usize,
    },
    /// The session cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The operating system has no randomness.
    #[error("the operating system gives no random numbers")]
    Random,
}

impl TicketKey {
    /// Takes a secret of 32 random bytes, which servers share that go on with each other's sessions.
    ///
    /// # Errors
    /// None is expected: every secret of this length is a key.
    pub fn new(secret: &[u8; 32]) -> Result<Self, TicketError> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, secret).map_err(|_| TicketError::Random)?;
        Ok(Self { key: LessSafeKey::new(key), random: SystemRandom::new() })
    }

    /// Draws a key, whose tickets end with this process.
    ///
    /// # Errors
    /// The operating system has no randomness.
    pub fn random() -> Result<Self, TicketError> {
        let mut secret = [0; 32];
        SystemRandom::new().fill(&mut secret).map_err(|_| TicketError::Random)?;
        Self::new(&secret)
    }

    /// Seals a ticket that is good for `lifetime`.
    ///
    /// # Errors
    /// The session does not fit into a ticket, or there is no randomness.
    pub fn seal(
        &self,
        remembered: &Remembered,
        identity: &PeerIdentity,
        lifetime: Micros,
    ) -> Result<Buffer, TicketError> {
        let mut writer = Writer::new();
        let expires = unix_seconds().saturating_add(lifetime.get() / 1_000_000);
        writer.varint("expires", expires);
        writer.u8(remembered.replay as u8);
        writer.raw(&remembered.model.0);
        writer.raw(&remembered.served);
        writer.blob("tenant", remembered.tenant.as_bytes(), MAX_TENANT);
        writer.raw(&remembered.snapshot.encode()?);
        let mut sealed = writer.finish()?.to_vec();
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(|_| TicketError::Random)?;
        let aad = Aad::from(context(identity));
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .map_err(|_| TicketError::Random)?;
        let size = NONCE_LEN + sealed.len();
        if size > MAX_TICKET {
            return Err(TicketError::TooLarge { size });
        }
        Ok([&nonce[..], &sealed].concat().into())
    }

    /// Opens a ticket that was sealed with this key for the same client.
    ///
    /// # Errors
    /// [`Code::TicketRefused`]: it was not, it is damaged, or it is too old.
    pub fn open(&self, ticket: &[u8], identity: &PeerIdentity) -> Result<Remembered, Code> {
        let refused = Code::TicketRefused;
        let (nonce, sealed) = ticket.split_first_chunk::<NONCE_LEN>().ok_or(refused)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let mut sealed = sealed.to_vec();
        let aad = Aad::from(context(identity));
        let plain = self.key.open_in_place(nonce, aad, &mut sealed).map_err(|_| refused)?;
        let (expires, remembered) = read(plain).map_err(|_| refused)?;
        if expires <= unix_seconds() { Err(refused) } else { Ok(remembered) }
    }
}

fn read(plain: &[u8]) -> Result<(u64, Remembered), crate::ProtocolError> {
    let mut reader = crate::wire::Reader::new(plain, Resumable::SECTION);
    let expires = reader.varint()?;
    let replay = match reader.u8()? {
        0 => Replay::Refused,
        _ => Replay::Harmless,
    };
    let model = ModelId(reader.array()?);
    let served = reader.array()?;
    let tenant = reader.text(MAX_TENANT)?;
    let snapshot = Snapshot::decode(reader.rest())?;
    Ok((expires, Remembered { snapshot, model, tenant, replay, served }))
}

/// The structure whose section tickets are described in.
type Resumable = crate::wire::Resume;

/// What a ticket is bound to: the protocol, and the client's certificate.
fn context(identity: &PeerIdentity) -> Vec<u8> {
    let certificate = identity.certificate.as_deref().unwrap_or_default();
    [Connection::PROTOCOL, certificate].concat()
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::negotiate::{ServedCut, ServedModel, Tenants};
    use crate::wire::{CodecId, CutId, ProfileHash};

    const MODEL: ModelId = ModelId([3; 32]);

    fn remembered() -> Remembered {
        // A snapshot as it is written: version, next 9, answered 7, epoch 2, active 1, one point,
        // one offer of two layers.
        let snapshot = Snapshot::decode(&[0, 9, 7, 2, 1, 1, 1, 1, 1, 2]).expect("a snapshot");
        let (tenant, replay) = ("plant".to_owned(), Replay::Harmless);
        Remembered { snapshot, model: MODEL, tenant, replay, served: [5; 32] }
    }

    fn of(certificate: &'static [u8]) -> PeerIdentity {
        let certificate = Some(Buffer::from_static(certificate));
        PeerIdentity { certificate, ..PeerIdentity::default() }
    }

    #[test]
    fn only_the_same_client_and_key_open_a_ticket() {
        let key = TicketKey::new(&[1; 32]).expect("a key");
        let hour = Micros::from_secs(3600);
        let ticket = key.seal(&remembered(), &of(b"one"), hour).expect("it fits");
        assert_eq!(key.open(&ticket, &of(b"one")), Ok(remembered()));
        let again = TicketKey::new(&[1; 32]).expect("a key");
        assert_eq!(again.open(&ticket, &of(b"one")), Ok(remembered()));
        let refused = Err(Code::TicketRefused);
        assert_eq!(key.open(&ticket, &of(b"two")), refused);
        let other = TicketKey::random().expect("randomness");
        assert_eq!(other.open(&ticket, &of(b"one")), refused);
        let late = key.seal(&remembered(), &of(b"one"), Micros::ZERO).expect("it fits");
        assert_eq!(key.open(&late, &of(b"one")), refused);
    }

    #[test]
    fn damaged_tickets_are_refused() {
        let key = TicketKey::new(&[1; 32]).expect("a key");
        let ticket = key.seal(&remembered(), &of(b"one"), Micros::from_secs(60)).expect("it fits");
        for length in 0..ticket.len() {
            assert_eq!(key.open(&ticket[..length], &of(b"one")), Err(Code::TicketRefused));
        }
        for bit in 0..ticket.len() * 8 {
            let mut damaged = ticket.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open(&damaged, &of(b"one")), Err(Code::TicketRefused));
        }
    }

    #[test]
    fn another_profile_is_another_service() {
        let policy = |profile| Policy {
            models: vec![ServedModel {
                model: MODEL,
                cuts: vec![ServedCut {
                    cut: CutId(1),
                    tensors: Vec::new(),
                    codecs: vec![(CodecId::AIFLOW, Some(ProfileHash([profile; 32])))],
                    tail: Micros::ZERO,
                }],
            }],
            tenants: Tenants::Any,
        };
        assert_eq!(served(&policy(1), MODEL), served(&policy(1), MODEL));
        assert_ne!(served(&policy(1), MODEL), served(&policy(2), MODEL));
        assert_ne!(served(&policy(1), MODEL), served(&policy(1), ModelId([4; 32])));
    }
}
