//! One ONNX file, parsed and named.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use prost::Message as _;
use prost::bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::ModelError;
use super::external::{self, Needed};
use super::proto::{GraphProto, ModelProto};
use super::scan::{Outline, outline};
use crate::digest::{Digest, ParseDigestError};

/// Names a model by its content: graph and weights.
///
/// It is the SHA-256 of the file. Where weights lie in files beside it, it is the SHA-256 of the
/// file followed by, for each such file in the order of their names: length of the name and name,
/// length of the content and content (lengths as 64-bit little-endian numbers).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelId(Digest);

impl ModelId {
    /// Wraps a digest that names a model.
    pub const fn new(digest: Digest) -> Self {
        Self(digest)
    }

    /// Returns the digest.
    pub const fn digest(&self) -> &Digest {
        &self.0
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ModelId {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// An ONNX file: its bytes, its parsed graph and its identity.
///
/// Cloning is cheap. The parsed weights are slices of the file's buffer, so the weights are held
/// once here, and once more in each engine that loads the model; drop the file after loading to
/// give its copy back.
#[derive(Clone)]
pub struct ModelFile {
    inner: Arc<Inner>,
}

struct Inner {
    origin: String,
    path: Option<PathBuf>,
    bytes: Bytes,
    proto: ModelProto,
    id: ModelId,
    /// Files beside the model that hold weights, as the model names them.
    external: Vec<String>,
}

impl ModelFile {
    /// Reads and checks the model at `path`.
    ///
    /// # Errors
    /// When the file is missing, no ONNX, cut short, or contradicts itself, and when weights that
    /// it keeps in other files are not there.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ModelError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|source| match source.kind() {
            ErrorKind::NotFound => ModelError::NotFound { path: path.to_owned() },
            _ => ModelError::Read { path: path.to_owned(), source },
        })?;
        Self::parse(Bytes::from(bytes), Some(path.to_owned()))
    }

    /// Checks a model that is in memory already.
    ///
    /// # Errors
    /// As [`open`](Self::open); weights in other files are always refused, since there is no
    /// folder to look for them in.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, ModelError> {
        Self::parse(Bytes::from(bytes), None)
    }

    fn parse(bytes: Bytes, path: Option<PathBuf>) -> Result<Self, ModelError> {
        let origin = match &path {
            Some(path) => path.display().to_string(),
            None => "the given bytes".to_owned(),
        };
        let foreign = |reason| ModelError::NotOnnx { origin: origin.clone(), reason };
        let present = bytes.len() as u64;
        match outline(&bytes) {
            Outline::Whole => {}
            Outline::Short { needed } => {
                return Err(ModelError::Truncated { origin, needed, present });
            }
            Outline::Foreign if bytes.is_empty() => return Err(foreign("it is empty")),
            Outline::Foreign => return Err(foreign("its bytes are not ONNX fields")),
        }
        let proto = ModelProto::decode(bytes.clone())
            .map_err(|_| foreign("a field inside it cannot be read"))?;
        let graph = match &proto.graph {
            Some(graph) if !graph.output.is_empty() => graph,
            Some(_) => return Err(foreign("its graph has no output")),
            None => return Err(foreign("it has no graph")),
        };
        if proto.opset_import.is_empty() {
            return Err(foreign("it names no operator set"));
        }
        let mut needed = Needed::new();
        external::collect(graph, &origin, &mut needed)?;
        let mut hash = Sha256::new_with_prefix(&bytes);
        external::hash(&needed, path.as_deref().and_then(Path::parent), &origin, &mut hash)?;
        let id = ModelId(Digest::from_bytes(hash.finalize().into()));
        let external = needed.into_keys().collect();
        Ok(Self { inner: Arc::new(Inner { origin, path, bytes, proto, id, external }) })
    }

    /// Returns the name of the content.
    pub fn id(&self) -> ModelId {
        self.inner.id
    }

    /// Returns the path that the model was opened from.
    pub fn path(&self) -> Option<&Path> {
        self.inner.path.as_deref()
    }

    /// Returns the path, or "the given bytes": what messages call this model.
    pub fn origin(&self) -> &str {
        &self.inner.origin
    }

    /// Returns the bytes of the file, without weights that lie in other files.
    pub fn bytes(&self) -> &[u8] {
        &self.inner.bytes
    }

    /// Returns the parsed file.
    pub fn proto(&self) -> &ModelProto {
        &self.inner.proto
    }

    /// Tells whether weights lie in files beside the model.
    pub fn has_external_data(&self) -> bool {
        !self.inner.external.is_empty()
    }

    /// Returns the files beside the model that hold weights: the name that the model gives each,
    /// and its path.
    pub fn external_files(&self) -> impl Iterator<Item = (&str, PathBuf)> {
        let folder = self.path().and_then(Path::parent).unwrap_or(Path::new(""));
        self.inner.external.iter().map(move |name| (name.as_str(), folder.join(name)))
    }

    /// Returns the main graph.
    pub(crate) fn graph_proto(&self) -> &GraphProto {
        // `parse` refuses a model without a graph; a default one would still only be empty.
        static EMPTY: std::sync::LazyLock<GraphProto> = std::sync::LazyLock::new(Default::default);
        self.inner.proto.graph.as_ref().unwrap_or(&EMPTY)
    }
}

impl fmt::Debug for ModelFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelFile")
            .field("origin", &self.inner.origin)
            .field("id", &self.inner.id)
            .finish_non_exhaustive()
    }
}

/// Bytes of an external file that are read at a time.
pub(super) const HASH_BLOCK: usize = 1 << 20;
