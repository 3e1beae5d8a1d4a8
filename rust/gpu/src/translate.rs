//! Checks shader text without a GPU: parsed, validated and translated to SPIR-V, Metal and HLSL, which
//! has no cooperative matrices.

use crate::shader::Variant;
use naga::valid::{Capabilities, ValidationFlags, Validator};

/// Parses, validates and translates; the error names the stage and shows the text.
pub fn translate(variant: &Variant) -> Result<(), String> {
    let text = variant.text();
    let fail = |stage: &str, why: String| format!("{stage}: {why}\n{text}");
    let module =
        naga::front::wgsl::parse_str(&text).map_err(|e| fail("wgsl", e.emit_to_string(&text)))?;
    let capabilities = Capabilities::IMMEDIATES
        | Capabilities::SHADER_INT64
        | Capabilities::SHADER_FLOAT16_IN_FLOAT32
        | Capabilities::SHADER_FLOAT16
        | Capabilities::COOPERATIVE_MATRIX;
    let info = Validator::new(ValidationFlags::all(), capabilities)
        .validate(&module)
        .map_err(|e| fail("validation", e.emit_to_string(&text)))?;
    let spv = naga::back::spv::Options::default();
    naga::back::spv::write_vec(&module, &info, &spv, None)
        .map_err(|e| fail("spv", e.to_string()))?;
    metal(&module, &info).map_err(|e| fail("msl", e))?;
    if text.contains("coopMultiplyAdd") {
        return Ok(());
    }
    direct3d(&module, &info).map_err(|e| fail("hlsl", e))
}

fn metal(module: &naga::Module, info: &naga::valid::ModuleInfo) -> Result<(), String> {
    let options = naga::back::msl::Options {
        lang_version: (2, 4),
        fake_missing_bindings: true,
        ..Default::default()
    };
    naga::back::msl::write_string(module, info, &options, &Default::default())
        .map(drop)
        .map_err(|e| e.to_string())
}

fn direct3d(module: &naga::Module, info: &naga::valid::ModuleInfo) -> Result<(), String> {
    let options = naga::back::hlsl::Options {
        shader_model: naga::back::hlsl::ShaderModel::V6_0,
        fake_missing_bindings: true,
        immediates_target: Some(naga::back::hlsl::BindTarget::default()),
        ..Default::default()
    };
    let mut text = String::new();
    naga::back::hlsl::Writer::new(&mut text, &options, &Default::default())
        .write(module, info, None)
        .map(drop)
        .map_err(|e| e.to_string())
}
