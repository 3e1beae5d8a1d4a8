//! The safetensors format, through the `safetensors` crate: names, dtypes, shapes, raw bytes.

use crate::error::bail;
use crate::{Error, Result};
use base::DType;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;
use std::io::Write;
use std::ops::Range;

/// One tensor of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub dtype: DType,
    /// Its sizes; the elements are contiguous.
    pub shape: Vec<usize>,
    /// Where its bytes lie in the file.
    pub range: Range<usize>,
}

/// The `__metadata__` of a header: free text by key.
pub type Metadata = HashMap<String, String>;

/// A file's tensors, ordered by name, and its metadata.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    /// The tensors.
    pub entries: Vec<Entry>,
    /// What else the header says.
    pub metadata: Metadata,
}

/// Reads and checks the header of a whole file in memory (or mapped).
pub fn read(bytes: &[u8]) -> Result<Contents> {
    let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let mut contents = Contents {
        entries: Vec::with_capacity(tensors.len()),
        metadata: metadata.metadata().clone().unwrap_or_default(),
    };
    for (name, info) in metadata.tensors() {
        let (start, end) = info.data_offsets;
        // The header's own length is the first eight bytes.
        let range = 8 + header + start..8 + header + end;
        let dtype = from_file(info.dtype, &name)?;
        contents.entries.push(Entry { name, dtype, shape: info.shape.clone(), range });
    }
    contents.entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(contents)
}

/// One tensor to write: name, dtype, shape, contiguous little-endian bytes.
pub type Item<'a> = (&'a str, DType, &'a [usize], &'a [u8]);

/// Writes a file.
pub fn write(out: &mut dyn Write, tensors: &[Item<'_>], metadata: Option<Metadata>) -> Result<()> {
    let mut views = Vec::with_capacity(tensors.len());
    for &(name, dtype, shape, bytes) in tensors {
        let view = TensorView::new(to_file(dtype, name)?, shape.to_vec(), bytes);
        views.push((name, view.map_err(damaged)?));
    }
    out.write_all(&safetensors::serialize(views, metadata).map_err(damaged)?)?;
    Ok(())
}

const DTYPES: [(Dtype, DType); 11] = [
    (Dtype::BOOL, DType::Bool),
    (Dtype::U8, DType::U8),
    (Dtype::I8, DType::I8),
    (Dtype::I16, DType::I16),
    (Dtype::I32, DType::I32),
    (Dtype::I64, DType::I64),
    (Dtype::F16, DType::F16),
    (Dtype::BF16, DType::BF16),
    (Dtype::F32, DType::F32),
    (Dtype::F64, DType::F64),
    (Dtype::C64, DType::C64),
];

fn from_file(dtype: Dtype, name: &str) -> Result<DType> {
    match DTYPES.iter().find(|(file, _)| *file == dtype) {
        Some(&(_, ours)) => Ok(ours),
        None => bail!(
            Corrupt,
            "safetensors: tensor '{name}' has dtype {dtype:?}, which is not supported"
        ),
    }
}

fn to_file(dtype: DType, name: &str) -> Result<Dtype> {
    match DTYPES.iter().find(|(_, ours)| *ours == dtype) {
        Some(&(file, _)) => Ok(file),
        None => bail!(Corrupt, "safetensors: the format has no dtype for {dtype} tensor '{name}'"),
    }
}

fn damaged(error: impl std::fmt::Display) -> Error {
    Error::Corrupt(format!("safetensors: {error}"))
}
