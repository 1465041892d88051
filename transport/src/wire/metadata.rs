//! METADATA: what a server or a model is (`protocol.md` 6.3).

use super::tensor::MAX_DIMENSIONS;
use super::{ElementType, Limits, ModelId, Reader, Wire, Writer};
use crate::error::{ErrorKind, ProtocolError};

/// The most bytes of a name or version.
pub const MAX_NAME: usize = 256;
/// The most names in one list.
pub const MAX_NAMES: usize = 64;
/// The most inputs, and the most outputs.
pub const MAX_TENSOR_INFOS: usize = 64;

/// Asks what a server or a model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Metadata {
    /// The server.
    Server,
    /// A model.
    Model(ModelId),
}

impl Wire for Metadata {
    const SECTION: &'static str = "protocol.md 6.3";

    fn read(reader: &mut Reader<'_>, _: &Limits) -> Result<Self, ProtocolError> {
        let invalid = reader.error(ErrorKind::InvalidValue);
        match reader.varint()? {
            0 => Ok(Self::Server),
            1 => Ok(Self::Model(ModelId(reader.array()?))),
            _ => Err(invalid),
        }
    }

    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Server => writer.varint("scope", 0),
            Self::Model(model) => {
                writer.varint("scope", 1);
                writer.raw(&model.0);
            }
        }
    }
}

/// What a server is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerMetadata {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Names of extensions that it offers.
    pub extensions: Vec<String>,
    /// Models that it serves.
    pub models: Vec<ModelId>,
}

/// An input or output of a model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// The type of its elements.
    pub element: ElementType,
    /// Its dimensions, outermost first; `None` for one that may vary. At most 8.
    pub dims: Vec<Option<u32>>,
}

/// What a model is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelMetadata {
    /// The model.
    pub model: ModelId,
    /// Its name.
    pub name: String,
    /// Versions of it that are served.
    pub versions: Vec<String>,
    /// What runs it.
    pub platform: String,
    /// Its inputs.
    pub inputs: Vec<TensorInfo>,
    /// Its outputs.
    pub outputs: Vec<TensorInfo>,
}

/// What a server or a model is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetadataAnswer {
    /// The server.
    Server(ServerMetadata),
    /// A model.
    Model(ModelMetadata),
}

impl Wire for MetadataAnswer {
    const SECTION: &'static str = "protocol.md 6.3";

    fn read(reader: &mut Reader<'_>, limits: &Limits) -> Result<Self, ProtocolError> {
        let invalid = reader.error(ErrorKind::InvalidValue);
        match reader.varint()? {
            0 => Ok(Self::Server(ServerMetadata {
                name: reader.text(MAX_NAME)?,
                version: reader.text(MAX_NAME)?,
                extensions: read_names(reader)?,
                models: list(reader, MAX_NAMES, |reader| reader.array().map(ModelId))?,
            })),
            1 => Ok(Self::Model(ModelMetadata {
                model: ModelId(reader.array()?),
                name: reader.text(MAX_NAME)?,
                versions: read_names(reader)?,
                platform: reader.text(MAX_NAME)?,
                inputs: list(reader, MAX_TENSOR_INFOS, |r| TensorInfo::read(r, limits))?,
                outputs: list(reader, MAX_TENSOR_INFOS, |r| TensorInfo::read(r, limits))?,
            })),
            _ => Err(invalid),
        }
    }

    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Server(server) => {
                writer.varint("scope", 0);
                writer.blob("name", server.name.as_bytes(), MAX_NAME);
                writer.blob("version", server.version.as_bytes(), MAX_NAME);
                write_names(writer, &server.extensions);
                writer.count("models", server.models.len(), MAX_NAMES);
                server.models.iter().for_each(|model| writer.raw(&model.0));
            }
            Self::Model(model) => {
                writer.varint("scope", 1);
                writer.raw(&model.model.0);
                writer.blob("name", model.name.as_bytes(), MAX_NAME);
                write_names(writer, &model.versions);
                writer.blob("platform", model.platform.as_bytes(), MAX_NAME);
                for tensors in [&model.inputs, &model.outputs] {
                    writer.count("tensors", tensors.len(), MAX_TENSOR_INFOS);
                    tensors.iter().for_each(|tensor| tensor.write(writer));
                }
            }
        }
    }
}

impl Wire for TensorInfo {
    const SECTION: &'static str = "protocol.md 6.3";

    fn read(reader: &mut Reader<'_>, limits: &Limits) -> Result<Self, ProtocolError> {
        let name = reader.text(MAX_NAME)?;
        let element = ElementType::read(reader, limits)?;
        let dims = list(reader, MAX_DIMENSIONS, |reader| {
            let size = reader.varint_to(1 << 32)?;
            Ok(size.checked_sub(1).map(|size| size as u32))
        })?;
        Ok(Self { name, element, dims })
    }

    fn write(&self, writer: &mut Writer) {
        writer.blob("name", self.name.as_bytes(), MAX_NAME);
        self.element.write(writer);
        writer.count("dims", self.dims.len(), MAX_DIMENSIONS);
        for size in &self.dims {
            writer.varint("dim", size.map_or(0, |size| u64::from(size).saturating_add(1)));
        }
    }
}

fn read_names(reader: &mut Reader<'_>) -> Result<Vec<String>, ProtocolError> {
    list(reader, MAX_NAMES, |reader| reader.text(MAX_NAME))
}

fn write_names(writer: &mut Writer, names: &[String]) {
    writer.count("names", names.len(), MAX_NAMES);
    names.iter().for_each(|name| writer.blob("name", name.as_bytes(), MAX_NAME));
}

/// Reads a count and so many items; memory grows with the items, not with the count.
fn list<'a, T>(
    reader: &mut Reader<'a>,
    most: usize,
    mut item: impl FnMut(&mut Reader<'a>) -> Result<T, ProtocolError>,
) -> Result<Vec<T>, ProtocolError> {
    let count = reader.count(most)?;
    let mut items = Vec::new();
    for _ in 0..count {
        items.push(item(reader)?);
    }
    Ok(items)
}
