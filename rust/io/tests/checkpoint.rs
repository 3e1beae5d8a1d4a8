//! Checkpoints: PyTorch's own file, our own, and both of them damaged in every way.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may end where its expectation does not hold

use io::pickle::{self, Step};
use io::zip::{ALIGNMENT, Archive, Writer};
use io::{Error, Source, checkpoint};
use proptest::prelude::*;

const REFERENCE: &[u8] = include_bytes!("data/reference.pt");

fn open(bytes: &[u8]) -> io::Result<Archive> {
    checkpoint::open(Source::memory(bytes.to_vec()))
}

fn sample() -> Vec<u8> {
    let mut bytes = Vec::new();
    checkpoint::write(&mut bytes, "model", b"\x80\x02N.", &[&[1; 100], &[], &[2; 64]]).unwrap();
    bytes
}

#[test]
fn a_file_of_pytorch_is_read() {
    let archive = open(REFERENCE).unwrap();
    assert_eq!(archive.read("version").unwrap(), b"3\n");
    let floats = archive.read("data/0").unwrap();
    let floats: Vec<f32> =
        floats.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    assert_eq!(floats, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);

    let data = archive.read("data.pkl").unwrap();
    let plan = pickle::read(&data, &|_| true).unwrap();
    let globals: Vec<String> = plan
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::Global { module, name } => Some(format!("{module}.{name}")),
            _ => None,
        })
        .collect();
    assert_eq!(
        globals,
        [
            "torch._utils._rebuild_tensor_v2",
            "torch.FloatStorage",
            "collections.OrderedDict",
            "torch.BFloat16Storage",
            "torch._utils._rebuild_parameter",
            "torch.Size",
            "torch.int8",
            "builtins.set",
        ]
    );
    let storages = plan.steps.iter().filter(|step| matches!(step, Step::Persistent(_))).count();
    assert_eq!(storages, 5, "x and its view share key 0 but ask for it twice");
    assert!(plan.steps.contains(&Step::BigInt(&[0, 0, 0, 0, 0, 0, 0, 0, 64])));
    assert!(plan.steps.contains(&Step::Str("häuser")));
    assert!(matches!(plan.steps[plan.root as usize], Step::Dict));
}

#[test]
fn a_written_file_is_read_back_and_aligned() {
    let bytes = sample();
    let archive = open(&bytes).unwrap();
    assert_eq!(archive.read("data.pkl").unwrap(), b"\x80\x02N.");
    assert_eq!(archive.read("data/0").unwrap(), [1; 100]);
    assert_eq!(archive.read("data/1").unwrap(), b"");
    assert_eq!(archive.read("data/2").unwrap(), [2; 64]);
    assert_eq!(archive.size("data/0").unwrap(), 100);
    assert_eq!(archive.read(".data/serialization_id").unwrap().len(), 40);
    let names: Vec<&str> = archive.names().collect();
    assert_eq!(names.first(), Some(&"data.pkl"));
    assert_eq!(names.len(), 9);
    let at = bytes.windows(100).position(|window| window == [1; 100]).unwrap();
    assert_eq!(at as u64 % ALIGNMENT, 0);
    assert_eq!(bytes, sample(), "equal contents give equal files");
}

#[test]
fn a_mapped_record_lies_where_the_directory_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.pt");
    std::fs::write(&path, sample()).unwrap();
    let archive = checkpoint::open(Source::open(&path, true).unwrap()).unwrap();
    let (mapping, range) = archive.map("data/2").unwrap().unwrap();
    assert_eq!(range.len(), 64);
    assert_eq!(range.start as u64 % ALIGNMENT, 0);
    assert!(range.end <= mapping.len());
    assert_eq!(sample()[range], [2; 64]);
    let unmapped = checkpoint::open(Source::open(&path, false).unwrap()).unwrap();
    assert!(unmapped.map("data/2").unwrap().is_none());
}

fn corrupt(result: io::Result<impl std::fmt::Debug>) -> String {
    match result.unwrap_err() {
        Error::Corrupt(text) => text,
        other => panic!("another error: {other:?}"),
    }
}

#[test]
fn damage_is_named() {
    let bytes = sample();
    assert!(corrupt(open(&[])).contains("failed finding central directory"));
    assert!(corrupt(open(&bytes[..bytes.len() - 5])).contains("failed finding central directory"));
    assert!(corrupt(open(b"no archive at all")).contains("failed finding central directory"));

    let mut flipped = bytes.clone();
    let at = bytes.windows(100).position(|window| window == [1; 100]).unwrap();
    flipped[at + 50] ^= 1;
    let archive = open(&flipped).unwrap();
    assert!(corrupt(archive.read("data/0")).contains("record 'data/0' is damaged"));
    assert!(corrupt(archive.read_into("data/0", &mut [0; 100])).contains("record 'data/0'"));
    assert!(archive.read("data/2").is_ok(), "other records are unharmed");
    assert!(corrupt(archive.read_into("data/2", &mut [0; 63])).contains("64 bytes, expected 63"));
    let missing = corrupt(archive.read("data/9"));
    assert!(missing.starts_with("PytorchStreamReader failed locating file data/9: file not found"));
}

#[test]
fn files_that_mean_something_else_are_refused() {
    let with = |name: &str, data: &[u8]| {
        let mut writer = Writer::new(Vec::new(), "archive");
        writer.add("data.pkl", b"N.").unwrap();
        writer.add(name, data).unwrap();
        open(&writer.finish().unwrap())
    };
    assert!(corrupt(with("constants.pkl", b"")).contains("TorchScript"));
    assert!(corrupt(with("byteorder", b"big")).contains("big-endian"));
    assert!(corrupt(with("data.pkl", b"N.")).contains("is there twice"));
}

/// Opening and reading everything either works or gives an error.
fn read_all(bytes: &[u8]) -> bool {
    let Ok(archive) = open(bytes) else {
        return false;
    };
    let names: Vec<String> = archive.names().map(str::to_string).collect();
    let intact = names.iter().filter(|name| archive.read(name).is_ok()).count() == names.len();
    if let Ok(data) = archive.read("data.pkl") {
        let _ = pickle::read(&data, &|_| true);
    }
    intact
}

#[test]
fn every_truncation_is_an_error() {
    for bytes in [REFERENCE.to_vec(), sample()] {
        assert!(read_all(&bytes));
        for len in 0..bytes.len() {
            assert!(!read_all(&bytes[..len]), "{len} of {} bytes were accepted", bytes.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn mutations_never_panic(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        near_end: bool,
    ) {
        let mut bytes = REFERENCE.to_vec();
        let first = if near_end { bytes.len() - 900 } else { 0 };
        for (index, value) in changes {
            let at = first + index.index(bytes.len() - first);
            bytes[at] = value;
        }
        read_all(&bytes);
    }

    #[test]
    fn spliced_files_never_panic(cut in 0..REFERENCE.len(), from in 0..REFERENCE.len()) {
        let mut bytes = REFERENCE[..cut].to_vec();
        bytes.extend_from_slice(&REFERENCE[from..]);
        read_all(&bytes);
    }
}
