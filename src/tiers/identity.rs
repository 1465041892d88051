//! Certificates of servers, and whom a device believes.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use aiflow::transport::driver::{ClientConfig, EarlyData, Identity, Qlog, Roots};
use anyhow::{Context as _, Result, bail};

/// Name of the certificate in the folder of an identity: what clients are given with --trust.
const CERTIFICATE: &str = "certificate.pem";
/// Name of the private key in the folder of an identity. It never leaves the server.
const KEY: &str = "key.pem";

/// Opens the identity in a folder; makes one that vouches for itself where there is none.
///
/// Returns it with the path of the certificate and whether it was made now.
pub(crate) fn open(folder: &Path, names: &[String]) -> Result<(Identity, PathBuf, bool)> {
    let (certificate, key) = (folder.join(CERTIFICATE), folder.join(KEY));
    let made = match (certificate.is_file(), key.is_file()) {
        (true, true) => false,
        (false, false) => {
            make(folder, &certificate, &key, names)?;
            true
        }
        (true, false) => bail!("{} is missing beside the certificate", key.display()),
        (false, true) => bail!("{} is missing beside the key", certificate.display()),
    };
    let read = |path: &Path| {
        fs::read(path)
            .with_context(|| format!("cannot read {}; it belongs to --identity", path.display()))
    };
    let identity = Identity::from_pem(&read(&certificate)?, &read(&key)?);
    let identity = identity.with_context(|| format!("the identity in {}", folder.display()))?;
    Ok((identity, certificate, made))
}

fn make(folder: &Path, certificate: &Path, key: &Path, names: &[String]) -> Result<()> {
    let made = rcgen::generate_simple_self_signed(names.to_vec())
        .context("no certificate can be made with these names")?;
    fs::create_dir_all(folder).with_context(|| {
        format!("cannot make {}; give --identity a folder that can be written", folder.display())
    })?;
    // The key first: a certificate without its key would be taken for a broken identity.
    write_new(key, made.signing_key.serialize_pem().as_bytes(), Secret::Yes)?;
    write_new(certificate, made.cert.pem().as_bytes(), Secret::No)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Secret {
    Yes,
    No,
}

fn write_new(path: &Path, bytes: &[u8], secret: Secret) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(if secret == Secret::Yes { 0o600 } else { 0o644 });
    }
    #[cfg(not(unix))]
    let _ = secret;
    let written = options.open(path).and_then(|mut file| file.write_all(bytes));
    written.with_context(|| {
        format!("cannot write {}; give --identity a folder that can be written", path.display())
    })
}

/// Prepares connections to servers that show a certificate from a file, or one that such a
/// certificate signed; their events go to `qlog`.
pub(crate) fn client(trust: &Path, qlog: Option<&Qlog>) -> Result<ClientConfig> {
    let text = match fs::read(trust) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "{} does not exist; copy certificate.pem from the folder that the server names with \
             --identity",
            trust.display()
        ),
        Err(error) => {
            return Err(error).with_context(|| {
                format!("cannot read {}; give --trust a certificate.pem", trust.display())
            });
        }
    };
    let roots = Roots::from_pem(&text).with_context(|| {
        format!("{} is no certificate; give --trust a certificate.pem", trust.display())
    })?;
    let config = ClientConfig::new(&roots, None, EarlyData::Refused)?;
    Ok(match qlog {
        Some(qlog) => config.with_qlog(qlog.clone()),
        None => config,
    })
}
