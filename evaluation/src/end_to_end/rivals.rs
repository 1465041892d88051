//! Rival codecs in place of our own.

use std::fmt;
use std::sync::Arc;

use aiflow_runtime::Tensor;
use aiflow_runtime::learning::NamedInputs;
use aiflow_runtime::tier::{Crossing, ModelParts, PartError, Place, TensorCodec};
use ndarray::{ArrayD, IxDyn};

use super::error::EndToEndError;
use super::policy::Policy;
use crate::rival::{Calibration, FeatureCodec, calibrate};

/// A rival as a tier uses it.
struct Rival(Box<dyn FeatureCodec>);

impl fmt::Debug for Rival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.name(), self.0.setting())
    }
}

impl TensorCodec for Rival {
    fn encode(&self, tensor: &Tensor) -> Option<Vec<u8>> {
        let values = tensor.as_standard_layout();
        self.0.encode(values.as_slice()?, tensor.shape()).ok()
    }

    fn decode(&self, bytes: &[u8], dims: &[usize]) -> Option<Tensor> {
        let values = self.0.decode(bytes, dims).ok()?;
        ArrayD::from_shape_vec(IxDyn(dims), values).ok()
    }
}

/// Returns the method of the bench that a policy sends with.
pub(super) fn method(policy: Policy) -> Option<&'static str> {
    match policy {
        Policy::FixedFloat => Some("raw-fp32"),
        Policy::FixedInt8 => Some("int8+lz4"),
        _ => None,
    }
}

/// Makes the codecs of a policy for the tensors of a place, calibrated on some inputs; nothing where
/// it uses our own.
pub(super) fn codecs(
    policy: Policy,
    parts: &ModelParts,
    place: Place,
    inputs: &[NamedInputs],
) -> Result<Option<Vec<Arc<dyn TensorCodec>>>, EndToEndError> {
    let Some(method) = method(policy) else { return Ok(None) };
    let head = |inputs: &NamedInputs| {
        let named: Vec<_> = inputs.iter().map(|(n, v)| (n.as_str(), v.clone())).collect();
        parts.head(&named, place)
    };
    let crossed: Vec<Crossing> = inputs.iter().map(head).collect::<Result<_, PartError>>()?;
    let mut found: Vec<Arc<dyn TensorCodec>> = Vec::new();
    for (index, dims) in parts.coder(place)?.dims().iter().enumerate() {
        let tensors = crossed.iter().filter_map(|crossing| crossing.tensors.get(index));
        let tensors: Vec<_> = tensors.map(|tensor| tensor.as_standard_layout()).collect();
        let values = tensors.iter().filter_map(|tensor| tensor.as_slice());
        let calibration = Calibration::new(values, dims)?;
        let codec = calibrate(method, &calibration)?.into_iter().next();
        let unknown = || crate::error::RivalError::UnknownMethod { name: method.to_owned() };
        found.push(Arc::new(Rival(codec.ok_or_else(unknown)?)));
    }
    Ok(Some(found))
}
