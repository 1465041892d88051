//! Arrays in files.

use std::path::Path;

use tempfile::tempdir;

use super::{grey, labels, name, refused};

fn npy(header: &str, content: &[u8]) -> Vec<u8> {
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", length.as_slice(), header.as_bytes(), content].concat()
}

fn header(descr: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n")
}

fn write(path: &Path, descr: &str, shape: &str, content: &[u8]) {
    std::fs::write(path, npy(&header(descr, shape), content)).unwrap();
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[test]
fn rows_are_inputs() {
    let folder = tempdir().unwrap();
    let (path, label_path) = (folder.path().join("x.npy"), folder.path().join("y.npy"));
    write(&path, "<f4", "(3, 2, 1)", &floats(&[1.0, 2.0, 3.0, 4.0, 5.0, -6.5]));
    write(&label_path, "|u1", "(3,)", &[7, 8, 9]);
    let plain = name("npy", &path);
    let set = grey(&format!("{plain}?labels={}&every=2", label_path.display())).unwrap();
    assert_eq!(labels(set.as_ref()), [7, 9].map(Some));
    let sample = set.sample(1).unwrap();
    assert_eq!((sample.label, sample.picture), (Some(9), None));
    assert_eq!(sample.input.shape(), [1, 2, 1]);
    assert_eq!(sample.input.as_slice().unwrap(), [5.0, -6.5]);
    assert_eq!(labels(grey(&(plain + "#test")).unwrap().as_ref()), [None]);
}

#[test]
fn every_element_type_is_read() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("x.npy");
    let cases: [(&str, Vec<u8>); 6] = [
        ("<f2", half::f16::from_f32(3.0).to_le_bytes().to_vec()),
        ("<f4", 3f32.to_le_bytes().to_vec()),
        ("<f8", 3f64.to_le_bytes().to_vec()),
        ("|u1", vec![3]),
        ("<i4", 3i32.to_le_bytes().to_vec()),
        ("<i8", 3i64.to_le_bytes().to_vec()),
    ];
    for (descr, content) in cases {
        write(&path, descr, "(1, 1)", &content);
        let sample = grey(&name("npy", &path)).unwrap().sample(0).unwrap();
        assert_eq!(sample.input.as_slice().unwrap(), [3.0], "{descr}");
    }
}

#[test]
fn every_truncation_and_flipped_bit_is_survived() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("x.npy");
    let whole = npy(&header("<f4", "(2, 3)"), &floats(&[0.5; 6]));
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        refused(&name("npy", &path));
    }
    for bit in 0..(whole.len() - 24) * 8 {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, damaged).unwrap();
        if let Ok(set) = grey(&name("npy", &path)) {
            assert!(set.sample(0).unwrap().input.len() <= 24);
        }
    }
}

#[test]
fn faults_of_headers_are_named() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("x.npy");
    let fortran = header("<f4", "(2,)").replace("False", "True");
    let many = "(1, 1, 1, 1, 1, 1, 1, 1, 1)";
    for (text, content, expected) in [
        (header(">f4", "(1,)"), 4, "little-endian"),
        (header("|O", "(1,)"), 4, "little-endian"),
        (fortran, 8, "Fortran order"),
        (header("<f4", "()"), 4, "without axes"),
        (header("<f4", many), 4, "more than 8 axes"),
        (header("<f4", "(2, 0)"), 0, "a row without elements"),
        (header("<f4", "(0, 4)"), 0, "has no sample"),
        (header("<f4", "(1, 18446744073709551615, 9)"), 4, "limit of"),
        (header("<f4", "(18446744073709551615, 1)"), 4, "ends after 4 bytes"),
        (header("<f4", "(1, -1)"), 4, "NumPy .npy format"),
        (header("<f4", "(1, 1)"), 5, "left over after the 4"),
        ("{}".to_owned(), 4, "NumPy .npy format"),
    ] {
        std::fs::write(&path, npy(&text, &vec![0; content])).unwrap();
        let error = refused(&name("npy", &path));
        assert!(error.contains(expected), "{text}: {error}");
    }
    std::fs::write(&path, b"\x93NUMPY\x09\x00\x00\x00").unwrap();
    assert!(refused(&name("npy", &path)).contains("this version of .npy"));
}

#[test]
fn faults_of_labels_are_named() {
    let folder = tempdir().unwrap();
    let (path, label_path) = (folder.path().join("x.npy"), folder.path().join("y.npy"));
    write(&path, "<f4", "(2, 1)", &floats(&[1.0, 2.0]));
    let set = format!("{}?labels={}", name("npy", &path), label_path.display());
    assert!(refused(&set).starts_with("cannot read "));
    write(&label_path, "|u1", "(3,)", &[1, 2, 3]);
    assert!(refused(&set).contains("3 labels belong to 2 samples"));
    write(&label_path, "<f4", "(2,)", &floats(&[1.0, 2.0]));
    assert!(refused(&set).contains("one whole number as a label"));
    write(&label_path, "<i4", "(2,)", &[1, 0, 0, 0, 255, 255, 255, 255]);
    assert!(refused(&set).contains("a negative label"));
}
