//! The secret that a device shows and a server asks for.

use std::path::Path;

use aiflow::transport::driver::ServerConfig;
use aiflow::transport::wire::{MAX_TOKEN, Token, TokenKind};
use aiflow::transport::{Code, PeerIdentity};
use anyhow::{Context as _, Result, bail};

/// Reads a secret from a file: what stands in it, without white space around it.
pub(crate) fn read(file: &Path) -> Result<Token> {
    let text = std::fs::read(file)
        .with_context(|| format!("cannot read the token in {}", file.display()))?;
    let secret = text.trim_ascii();
    if secret.is_empty() || secret.len() > MAX_TOKEN {
        bail!(
            "{} holds {} bytes; write a secret of 1 to {MAX_TOKEN} into it, such as 32 random \
             letters",
            file.display(),
            secret.len()
        );
    }
    Ok(Token { kind: TokenKind::Opaque, bytes: secret.to_vec().into() })
}

/// Lets a server turn away whoever does not show the secret.
pub(crate) fn ask(config: ServerConfig, secret: Token) -> ServerConfig {
    config.with_authorizer(move |_: &PeerIdentity, shown: Option<&Token>| match shown {
        Some(shown) if same(&shown.bytes, &secret.bytes) => Ok(()),
        _ => Err(Code::Unauthorized),
    })
}

/// Compares in a time that says nothing of where two secrets differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    let different = one.iter().zip(other).fold(0, |bits, (a, b)| bits | (a ^ b));
    one.len() == other.len() && std::hint::black_box(different) == 0
}
