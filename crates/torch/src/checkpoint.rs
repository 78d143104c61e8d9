//! Tensors in safetensors files, which are written atomically.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use scour_core::write_atomically;
use tch::{Device, Kind, Tensor};

use crate::memory::contiguous;

/// A checkpoint file that cannot be read, written or used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The file is not a safetensors file, or holds something unexpected.
    #[error("{path}: not a usable safetensors file: {message}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

impl CheckpointError {
    /// The message without the file's name.
    pub fn why(&self) -> String {
        match self {
            Self::Io { source, .. } => source.to_string(),
            Self::Invalid { message, .. } => format!("not a usable safetensors file: {message}"),
        }
    }
}

fn kind_of(dtype: Dtype) -> Option<Kind> {
    Some(match dtype {
        Dtype::F32 => Kind::Float,
        Dtype::F64 => Kind::Double,
        Dtype::F16 => Kind::Half,
        Dtype::BF16 => Kind::BFloat16,
        Dtype::I64 => Kind::Int64,
        Dtype::I32 => Kind::Int,
        Dtype::U8 => Kind::Uint8,
        Dtype::BOOL => Kind::Bool,
        _ => return None,
    })
}

fn dtype_of(kind: Kind) -> Option<Dtype> {
    Some(match kind {
        Kind::Float => Dtype::F32,
        Kind::Double => Dtype::F64,
        Kind::Half => Dtype::F16,
        Kind::BFloat16 => Dtype::BF16,
        Kind::Int64 => Dtype::I64,
        Kind::Int => Dtype::I32,
        Kind::Uint8 => Dtype::U8,
        Kind::Bool => Dtype::BOOL,
        _ => return None,
    })
}

/// The number of bytes that hold the header's length, and the alignment of the header's own length.
const ALIGNMENT: usize = 8;

/// The bytes of a safetensors file; the same content gives the same bytes. The crate `safetensors` keeps metadata in a
/// hash map, whose order changes from run to run. It therefore writes the tensors only, and this function adds the sorted
/// metadata to the header.
fn serialize(
    views: Vec<(&str, TensorView)>,
    metadata: &BTreeMap<&str, &str>,
) -> Result<Vec<u8>, safetensors::SafeTensorError> {
    let bare = safetensors::serialize(views, None)?;
    if metadata.is_empty() {
        return Ok(bare);
    }
    let (length, _) = SafeTensors::read_metadata(&bare)?;
    let (header, data) = bare[ALIGNMENT..].split_at(length);
    let tensors = header.trim_ascii().strip_prefix(b"{").unwrap_or_default();
    let mut header = br#"{"__metadata__":"#.to_vec();
    header.extend(serde_json::to_vec(metadata)?);
    if tensors != b"}" {
        header.push(b',');
    }
    header.extend(tensors);
    header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(data);
    Ok(file)
}

/// Writes named tensors and text metadata to `path` through a temporary file in the same folder. The same content gives
/// the same bytes in any order of the arguments.
pub fn save_tensors(
    path: &Path,
    tensors: &[(String, Tensor)],
    metadata: &[(&str, String)],
) -> Result<(), CheckpointError> {
    let invalid = |message: String| CheckpointError::Invalid { path: path.into(), message };
    let mut bytes: Vec<(&str, Dtype, Vec<usize>, Vec<u8>)> = vec![];
    for (name, tensor) in tensors {
        let tensor = contiguous(&tensor.detach().to_device(Device::Cpu));
        let dtype =
            dtype_of(tensor.kind()).ok_or_else(|| invalid(format!("`{name}` is {:?}", tensor.kind())))?;
        let mut data = vec![0u8; tensor.numel() * tensor.kind().elt_size_in_bytes()];
        if !data.is_empty() {
            tensor.copy_data_u8(&mut data, tensor.numel());
        }
        bytes.push((name, dtype, tensor.size().iter().map(|&d| d as usize).collect(), data));
    }
    let mut views = vec![];
    for (name, dtype, shape, data) in &bytes {
        let view =
            TensorView::new(*dtype, shape.clone(), data).map_err(|error| invalid(error.to_string()))?;
        views.push((*name, view));
    }
    let metadata = metadata.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let data = serialize(views, &metadata).map_err(|error| invalid(error.to_string()))?;
    let io = |source| CheckpointError::Io { path: path.into(), source };
    write_atomically(path, &data).map_err(io)
}

/// Reads all tensors of a file onto a device, in the file's order.
pub fn load_tensors(path: &Path, device: Device) -> Result<Vec<(String, Tensor)>, CheckpointError> {
    let data = std::fs::read(path).map_err(|source| CheckpointError::Io { path: path.into(), source })?;
    let invalid = |message: String| CheckpointError::Invalid { path: path.into(), message };
    let file = SafeTensors::deserialize(&data).map_err(|error| invalid(error.to_string()))?;
    let mut tensors = vec![];
    let mut views = file.tensors();
    // The crate returns them in the order of a hash map; the order of their data is that of the file.
    views.sort_by_key(|(name, view)| (view.data().as_ptr() as usize, view.data().len(), name.clone()));
    for (name, view) in views {
        let kind = kind_of(view.dtype()).ok_or_else(|| invalid(format!("`{name}` is {:?}", view.dtype())))?;
        let shape: Vec<i64> = view.shape().iter().map(|&d| d as i64).collect();
        let tensor = Tensor::f_from_data_size(view.data(), &shape, kind)
            .map_err(|error| invalid(format!("`{name}`: {error}")))?;
        tensors.push((name, tensor.to_device(device)));
    }
    Ok(tensors)
}

/// Reads the text metadata of a file.
pub fn read_metadata(path: &Path) -> Result<HashMap<String, String>, CheckpointError> {
    let data = std::fs::read(path).map_err(|source| CheckpointError::Io { path: path.into(), source })?;
    let (_, header) = SafeTensors::read_metadata(&data)
        .map_err(|error| CheckpointError::Invalid { path: path.into(), message: error.to_string() })?;
    Ok(header.metadata().clone().unwrap_or_default())
}
