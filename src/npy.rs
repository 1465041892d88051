//! Tensors as `.npy` files, the format that every numeric library reads.

use std::path::Path;

use anyhow::Result;

use crate::files;

/// Writes a tensor of 32-bit floats, row by row.
pub(crate) fn write(path: &Path, dims: &[usize], values: &[f32]) -> Result<()> {
    files::write(path, &to_bytes(dims, values))
}

fn to_bytes(dims: &[usize], values: &[f32]) -> Vec<u8> {
    let sizes = dims.iter().map(|size| format!("{size},")).collect::<Vec<_>>().join(" ");
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({sizes}), }}");
    // The format wants the data to start at a multiple of 64 and the header to end its line.
    let unpadded = PREAMBLE.len() + 2 + header.len() + 1;
    header.push_str(&" ".repeat(unpadded.next_multiple_of(64) - unpadded));
    header.push('\n');
    let mut bytes = PREAMBLE.to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

/// Magic number and version 1.0.
const PREAMBLE: [u8; 8] = *b"\x93NUMPY\x01\x00";

#[cfg(test)]
mod tests {
    use super::*;
    use aiflow::evaluation::data;

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("t.npy");
        let values: Vec<f32> = (0..24).map(|i| i as f32 / 7.0).collect();
        write(&path, &[1, 2, 3, 4], &values).expect("a folder that exists");
        let spec = format!("npy:{}#all", path.display()).parse().expect("a data set");
        let set = data::open(&spec, None).expect("a file in good order");
        let read = set.sample(0).expect("one row").input;
        assert_eq!(read.shape(), [1, 2, 3, 4]);
        assert!(read.iter().eq(&values));
    }

    #[test]
    fn data_starts_at_a_multiple_of_64() {
        for rank in 0..9 {
            assert_eq!(to_bytes(&vec![1; rank], &[]).len() % 64, 0, "rank {rank}");
        }
    }
}
