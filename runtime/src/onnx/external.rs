//! Weights that lie in files beside the model.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::proto::{GraphProto, TensorProto};
use super::tensor::{self, TensorData};
use super::{ModelError, model};

/// The external files of a model: name as written in the model, and how many bytes it must hold.
pub(super) type Needed = BTreeMap<String, Requirement>;

/// What the model expects of one external file.
pub(super) struct Requirement {
    /// A weight that lies there, for messages.
    pub(super) tensor: String,
    /// Bytes up to the end of the last weight.
    pub(super) bytes: u64,
}

/// Checks every weight of `graph` and of the bodies in it, and collects the external files.
pub(super) fn collect(
    graph: &GraphProto,
    origin: &str,
    needed: &mut Needed,
) -> Result<(), ModelError> {
    let sparse = graph.sparse_initializer.iter().filter_map(|s| s.values.as_ref());
    for weight in graph.initializer.iter().chain(sparse) {
        note(weight, origin, needed)?;
    }
    for attribute in graph.node.iter().flat_map(|node| &node.attribute) {
        for constant in attribute.t.iter().chain(&attribute.tensors) {
            note(constant, origin, needed)?;
        }
        for body in attribute.g.iter().chain(&attribute.graphs) {
            collect(body, origin, needed)?;
        }
    }
    Ok(())
}

fn note(weight: &TensorProto, origin: &str, needed: &mut Needed) -> Result<(), ModelError> {
    let tensor = || weight.name.clone().unwrap_or_default();
    let data = tensor::check(weight).map_err(|reason| ModelError::Tensor {
        origin: origin.to_owned(),
        tensor: tensor(),
        reason,
    })?;
    if data == TensorData::Inline {
        return Ok(());
    }
    let find = |key: &str| {
        let entry = weight.external_data.iter().find(|e| e.key.as_deref() == Some(key));
        entry.and_then(|e| e.value.as_deref())
    };
    let file = find("location").unwrap_or_default().to_owned();
    let refuse = |reason| ModelError::ExternalData {
        origin: origin.to_owned(),
        tensor: tensor(),
        file: file.clone(),
        reason,
    };
    if !stays_inside(&file) {
        return Err(refuse(
            "which is not a path inside the model's folder; export the model again",
        ));
    }
    let number = |key| find(key).map(str::parse::<u64>).transpose();
    let offset = number("offset").map_err(|_| refuse("at an offset that is no number"))?;
    let length = number("length").map_err(|_| refuse("with a length that is no number"))?;
    let size = tensor::byte_length(weight);
    if length.is_some() && size.is_some() && length != size {
        return Err(refuse("with another length than its dimensions say; export the model again"));
    }
    let bytes = offset.unwrap_or(0).checked_add(length.or(size).unwrap_or(0));
    let bytes = bytes.ok_or_else(|| refuse("at an offset beyond every file"))?;
    let entry = needed.entry(file).or_insert(Requirement { tensor: tensor(), bytes });
    if bytes > entry.bytes {
        *entry = Requirement { tensor: tensor(), bytes };
    }
    Ok(())
}

/// Tells whether a path names a file under the folder it is relative to.
fn stays_inside(path: &str) -> bool {
    !path.is_empty()
        && Path::new(path)
            .components()
            .all(|c| matches!(c, Component::Normal(_) | Component::CurDir))
}

/// Feeds the external files into the hash that names the model.
pub(super) fn hash(
    needed: &Needed,
    folder: Option<&Path>,
    origin: &str,
    hash: &mut Sha256,
) -> Result<(), ModelError> {
    for (name, requirement) in needed {
        let refuse = |reason| ModelError::ExternalData {
            origin: origin.to_owned(),
            tensor: requirement.tensor.clone(),
            file: name.clone(),
            reason,
        };
        let folder = folder.ok_or_else(|| {
            refuse("but the model was given as bytes, without a folder; open it by its path")
        })?;
        let path: PathBuf = folder.join(name);
        let absent = "which is missing: put it beside the model";
        let mut file = File::open(&path).map_err(|_| refuse(absent))?;
        let length = file.metadata().map_err(|_| refuse(absent))?.len();
        if length < requirement.bytes {
            return Err(refuse("which is too short to hold it: copy that file again"));
        }
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
        hash.update(length.to_le_bytes());
        let mut block = vec![0; model::HASH_BLOCK];
        loop {
            let read = file.read(&mut block).map_err(|_| refuse("which cannot be read"))?;
            if read == 0 {
                break;
            }
            hash.update(block.get(..read).unwrap_or_default());
        }
    }
    Ok(())
}
