//! What this machine offers.

use super::{LoadError, OrtEngine, RtenEngine};

/// Whether an engine can be used, and how to get it otherwise.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct EngineStatus {
    /// Name of the engine.
    pub name: &'static str,
    /// Version, when it is available.
    pub version: Option<String>,
    /// Whether it can be used.
    pub available: bool,
    /// Where it was found, or why it cannot be used.
    pub detail: String,
    /// What to do to get it; empty when it is available.
    pub how_to_get: &'static str,
}

/// A feature of the processor that makes engines or the codec faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct CpuFeature {
    /// Name, as compilers call it.
    pub name: &'static str,
    /// Whether this processor has it.
    pub present: bool,
}

/// Looks for engines. The library of ONNX Runtime is really loaded, so what is listed as available
/// works.
pub fn discover() -> Vec<EngineStatus> {
    let built_in = EngineStatus {
        name: RtenEngine::NAME,
        version: Some(RtenEngine::VERSION.to_owned()),
        available: true,
        detail: "built in".to_owned(),
        how_to_get: "",
    };
    vec![built_in, onnx_runtime()]
}

fn onnx_runtime() -> EngineStatus {
    match OrtEngine::open() {
        Ok(engine) => {
            let path = engine.library();
            let found = super::ort::candidates().into_iter().find(|found| found.path == path);
            let because = found.map(|found| format!(" ({})", found.because)).unwrap_or_default();
            EngineStatus {
                name: OrtEngine::NAME,
                version: Some(engine.version().to_owned()),
                available: true,
                detail: format!("{}{because}", path.display()),
                how_to_get: "",
            }
        }
        Err(error) => EngineStatus {
            name: OrtEngine::NAME,
            version: None,
            available: false,
            detail: match error {
                LoadError::Unavailable { detail, .. } => detail,
                other => other.to_string(),
            },
            how_to_get: OrtEngine::HOW_TO_GET,
        },
    }
}

/// Lists the features of this processor that matter here; none on processors not known here.
pub fn cpu_features() -> Vec<CpuFeature> {
    #[cfg(target_arch = "aarch64")]
    use std::arch::is_aarch64_feature_detected as detected;
    #[cfg(target_arch = "x86_64")]
    use std::arch::is_x86_feature_detected as detected;
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    macro_rules! look_for {
        ($($name:tt),*) => {
            vec![$(CpuFeature { name: $name, present: detected!($name) }),*]
        };
    }
    #[cfg(target_arch = "x86_64")]
    return look_for!(
        "sse4.1",
        "avx",
        "avx2",
        "fma",
        "f16c",
        "bmi2",
        "avx512f",
        "avx512bw",
        "avx512vnni"
    );
    #[cfg(target_arch = "aarch64")]
    return look_for!("neon", "dotprod", "fp16", "i8mm", "sve");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    Vec::new()
}
