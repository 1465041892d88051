//! Files of fixed records: CIFAR-10 and IDX.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::{TempDir, tempdir};

use super::{grey, labels, name, refused};

fn cifar(batches: &[(&str, &[u8])]) -> TempDir {
    let folder = tempdir().unwrap();
    for (file, labels) in batches {
        let record = |label: u8| [vec![label], vec![label; 1024], vec![0; 2048]].concat();
        let records: Vec<u8> = labels.iter().flat_map(|&label| record(label)).collect();
        std::fs::write(folder.path().join(file), records).unwrap();
    }
    folder
}

#[test]
fn cifar_reads_the_files_of_a_part() {
    let folder = cifar(&[
        ("data_batch_1.bin", &[1, 2, 3]),
        ("data_batch_3.bin", &[4]),
        ("test_batch.bin", &[5, 6]),
    ]);
    let open = |part: &str| grey(&format!("{}{part}", name("cifar10", folder.path()))).unwrap();
    assert_eq!(labels(open("#train").as_ref()), [1, 2, 3, 4].map(Some));
    assert_eq!(labels(open("#test").as_ref()), [5, 6].map(Some));
    assert_eq!(labels(open("").as_ref()), [1, 2, 3, 4, 5, 6].map(Some));
    assert_eq!(super::super::shared_samples(open("#train").as_ref(), open("").as_ref()), 4);
    assert_eq!(super::super::shared_samples(open("#train").as_ref(), open("#test").as_ref()), 0);
    let picture = open("#test").sample(1).unwrap().picture.unwrap();
    assert_eq!(picture.pixels, [2; 16], "six of red are two of grey");
}

#[test]
fn cifar_refuses_every_truncation_and_wrong_labels() {
    let folder = cifar(&[("test_batch.bin", &[7])]);
    let file = folder.path().join("test_batch.bin");
    let whole = std::fs::read(&file).unwrap();
    let set = name("cifar10", folder.path()) + "#test";
    for length in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
        std::fs::write(&file, &whole[..length]).unwrap();
        let error = refused(&set);
        assert!(error.contains(&format!("{length} bytes are no whole number of records")));
    }
    std::fs::write(&file, [whole.as_slice(), &[10], &whole[1..]].concat()).unwrap();
    let error = refused(&set);
    assert!(error.contains("sample 1 has label 10, the classes end at 9"), "{error}");
    let error = refused(&(name("cifar10", folder.path()) + "#train"));
    assert!(error.starts_with("cannot read ") && error.contains("data_batch_1.bin"), "{error}");
}

fn idx(dims: &[u32], content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dims.len() as u8];
    bytes.extend(dims.iter().flat_map(|dim| dim.to_be_bytes()));
    bytes.extend(content);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn write_pair(folder: &Path, prefix: &str, pictures: &[u8], labels: &[u8]) {
    std::fs::write(folder.join(format!("{prefix}-images-idx3-ubyte.gz")), pictures).unwrap();
    std::fs::write(folder.join(format!("{prefix}-labels-idx1-ubyte.gz")), labels).unwrap();
}

#[test]
fn fashion_mnist_reads_packed_and_plain_files() {
    let folder = tempdir().unwrap();
    let pictures: Vec<u8> = (0..48).collect();
    let test = (idx(&[3, 4, 4], &pictures), idx(&[3], &[9, 0, 4]));
    write_pair(folder.path(), "t10k", &gzip(&test.0), &gzip(&test.1));
    write_pair(folder.path(), "train", &idx(&[1, 4, 4], &[77; 16]), &idx(&[1], &[1]));
    let all = grey(&name("fashion-mnist", folder.path())).unwrap();
    assert_eq!(labels(all.as_ref()), [1, 9, 0, 4].map(Some));
    assert_eq!(all.origin(1).unwrap().index, 0);
    let test = grey(&(name("fashion-mnist", folder.path()) + "#test?offset=2")).unwrap();
    assert_eq!(test.sample(0).unwrap().picture.unwrap().pixels, pictures[32..]);
    assert_eq!(test.class_names()[4], "coat");
}

#[test]
fn fashion_mnist_refuses_every_truncation() {
    let folder = tempdir().unwrap();
    let (pictures, labels) = (gzip(&idx(&[2, 2, 2], &[5; 8])), gzip(&idx(&[2], &[1, 2])));
    let set = name("fashion-mnist", folder.path()) + "#test";
    for length in 0..pictures.len() {
        write_pair(folder.path(), "t10k", &pictures[..length], &labels);
        refused(&set);
    }
    for length in 0..labels.len() {
        write_pair(folder.path(), "t10k", &pictures, &labels[..length]);
        refused(&set);
    }
    write_pair(folder.path(), "t10k", &pictures, &labels);
    assert_eq!(grey(&set).unwrap().len(), 2);
    for bit in 0..pictures.len() * 8 {
        let mut damaged = pictures.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        write_pair(folder.path(), "t10k", &damaged, &labels);
        // A flip in the header of gzip (time, system) may change nothing.
        if let Ok(set) = grey(&set) {
            assert_eq!(set.sample(1).unwrap().picture.unwrap().pixels, [5; 16], "bit {bit}");
        }
    }
}

#[test]
fn fashion_mnist_names_what_is_wrong() {
    let folder = tempdir().unwrap();
    let good = (idx(&[2, 2, 2], &[5; 8]), idx(&[2], &[1, 2]));
    let huge = idx(&[u32::MAX; 3], &[]);
    let flat = idx(&[2, 0, 9], &[]);
    let long = idx(&[2, 2, 2], &[5; 9]);
    let set = name("fashion-mnist", folder.path()) + "#test";
    for (pictures, labels, expected) in [
        (&good.0, &idx(&[3], &[1, 2, 3]), "3 labels belong to 2 samples"),
        (&good.0, &idx(&[2], &[1, 10]), "sample 1 has label 10"),
        (&good.0, &good.0, "not a file in IDX format"),
        (&vec![0x1f, 0x8b, 8, 0, 1], &good.1, "the gzip stream is damaged"),
        (&huge, &good.1, "ends after 0 bytes where its header promises"),
        (&long, &good.1, "left over after the 8"),
        (&flat, &good.1, "a picture with no pixels is not supported"),
    ] {
        write_pair(folder.path(), "t10k", pictures, labels);
        let error = refused(&set);
        assert!(error.contains(expected) && error.contains("ubyte.gz"), "{error}");
    }
}
