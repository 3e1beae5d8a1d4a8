//! The safetensors door: round trips, and damage that must not panic.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may end where its expectation does not hold

use base::DType;
use io::safetensors::{read, write};
use proptest::prelude::*;
use std::collections::HashMap;

fn sample() -> Vec<u8> {
    let mut out = Vec::new();
    let floats: Vec<u8> = [1.0_f32, 2.0, 3.0, 4.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let tensors = [
        ("weight", DType::F32, &[2_usize, 2][..], &floats[..]),
        ("mask", DType::Bool, &[3], &[1, 0, 1]),
        ("step", DType::I64, &[], &[7, 0, 0, 0, 0, 0, 0, 0]),
        ("empty", DType::BF16, &[0, 5], &[]),
    ];
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    write(&mut out, &tensors, Some(metadata)).unwrap();
    out
}

#[test]
fn tensors_round_trip() {
    let bytes = sample();
    let contents = read(&bytes).unwrap();
    assert_eq!(contents.metadata["format"], "pt");
    let names: Vec<&str> = contents.entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["empty", "mask", "step", "weight"]);
    let weight = &contents.entries[3];
    assert_eq!((weight.dtype, &weight.shape[..]), (DType::F32, &[2, 2][..]));
    assert_eq!(bytes[weight.range.clone()][4..8], 2.0_f32.to_le_bytes());
    assert_eq!(bytes[contents.entries[1].range.clone()], [1, 0, 1]);
}

#[test]
fn what_the_format_cannot_hold_is_refused() {
    let text = |dtype, shape: &[usize], bytes: &[u8]| {
        write(&mut Vec::new(), &[("x", dtype, shape, bytes)], None).unwrap_err().to_string()
    };
    assert!(text(DType::C128, &[1], &[0; 16]).contains("no dtype for complex128 tensor 'x'"));
    assert!(text(DType::F32, &[2], &[0; 4]).starts_with("safetensors: "));
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = sample();
    for len in 0..bytes.len() {
        assert!(read(&bytes[..len]).is_err(), "{len} of {} bytes were accepted", bytes.len());
    }
}

proptest! {
    #[test]
    fn mutations_never_panic(at in any::<proptest::sample::Index>(), value: u8) {
        let mut bytes = sample();
        let at = at.index(bytes.len());
        bytes[at] = value;
        if let Ok(contents) = read(&bytes) {
            prop_assert!(contents.entries.iter().all(|entry| entry.range.end <= bytes.len()));
        }
    }
}
