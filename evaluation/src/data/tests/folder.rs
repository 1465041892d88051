//! Folders of pictures.

use std::path::Path;

use image::{ImageBuffer, ImageFormat, Luma, Rgb};
use tempfile::{TempDir, tempdir};

use super::{grey, labels, name, refused};

fn write_grey(path: &Path, value: u8) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let picture = ImageBuffer::from_pixel(5, 3, Luma([value]));
    picture.save_with_format(path, ImageFormat::Png).unwrap();
}

fn with_table(table: &str) -> TempDir {
    let folder = tempdir().unwrap();
    for (file, value) in [("a.png", 10), ("b.PNG", 20), ("sub/c.png", 30)] {
        write_grey(&folder.path().join(file), value);
    }
    std::fs::write(folder.path().join("labels.tsv"), table).unwrap();
    folder
}

fn brightness(set: &dyn crate::data::Dataset) -> Vec<u8> {
    (0..set.len()).map(|index| set.sample(index).unwrap().picture.unwrap().pixels[0]).collect()
}

#[test]
fn a_table_gives_order_labels_and_names() {
    let folder = with_table("4\tn4\tsub/c.png\tkite\n\n0\tn0\ta.png\n4\tn4\tb.PNG\tkite\n");
    let set = grey(&name("imagefolder", folder.path())).unwrap();
    assert_eq!(labels(set.as_ref()), [4, 0, 4].map(Some));
    assert_eq!(brightness(set.as_ref()), [30, 10, 20]);
    assert_eq!(set.class_names(), ["n0", "", "", "", "kite"]);
    let odd = name("imagefolder", folder.path()) + "?class-every=8&class-offset=4";
    assert_eq!(brightness(grey(&odd).unwrap().as_ref()), [30, 20]);
}

#[test]
fn sub_folders_are_classes_and_a_flat_folder_has_none() {
    let folder = tempdir().unwrap();
    for (file, value) in [("b/2.png", 21), ("b/1.png", 11), ("a/9.png", 90), ("skip.txt.png", 1)] {
        write_grey(&folder.path().join(file), value);
    }
    std::fs::write(folder.path().join("a/notes.txt"), "no picture").unwrap();
    let all = grey(&name("imagefolder", folder.path())).unwrap();
    assert_eq!(labels(all.as_ref()), [0, 1, 1].map(Some));
    assert_eq!(brightness(all.as_ref()), [90, 11, 21]);
    assert_eq!(all.class_names(), ["a", "b"]);
    let part =
        |part: &str| grey(&format!("{}#{part}", name("imagefolder", folder.path()))).unwrap();
    assert_eq!(brightness(part("train").as_ref()), [90, 21]);
    assert_eq!(brightness(part("test").as_ref()), [11]);
    let flat = grey(&name("imagefolder", &folder.path().join("b"))).unwrap();
    assert_eq!(labels(flat.as_ref()), [None, None]);
    assert_eq!(flat.sample(0).unwrap().label, None);
}

#[test]
fn bad_tables_are_named_by_line() {
    let table = |text: &str| refused(&name("imagefolder", with_table(text).path()));
    for line in ["x\tn\ta.png", "1\tn", "-1\tn\ta.png", "1\tn\t../a.png", "1\tn\t/a.png", "1\tn\t"]
    {
        let error = table(&format!("0\tn\ta.png\n{line}\n"));
        assert!(error.contains("labels.tsv: line 2 is not"), "{line}: {error}");
    }
    assert!(table("99999999\tn\ta.png\n").contains("has label 99999999"));
    assert!(table("").contains("has no sample"));
    assert!(refused("imagefolder:no/such/folder").starts_with("cannot read no/such/folder"));
    let empty = tempdir().unwrap();
    assert!(refused(&name("imagefolder", empty.path())).contains("has no sample"));
}

#[test]
fn a_missing_or_damaged_picture_fails_alone() {
    let folder = with_table("0\tn\ta.png\n0\tn\tgone.png\n0\tn\tbad.png\n");
    std::fs::write(folder.path().join("bad.png"), "GIF, in truth").unwrap();
    let set = grey(&name("imagefolder", folder.path())).unwrap();
    assert!(set.sample(0).is_ok());
    let missing = set.sample(1).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read ") && missing.contains("gone.png"), "{missing}");
    let bad = set.sample(2).unwrap_err().to_string();
    assert!(bad.contains("bad.png") && bad.contains("convert the file"), "{bad}");
}

#[test]
fn no_truncation_or_flipped_bit_of_a_picture_panics() {
    let folder = tempdir().unwrap();
    let picture = ImageBuffer::from_fn(9, 7, |x, y| Rgb([x as u8 * 20, y as u8 * 30, 7]));
    for file in ["p.png", "p.jpg"] {
        let path = folder.path().join(file);
        picture.save(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let set = grey(&name("imagefolder", folder.path())).unwrap();
        assert!(set.sample(0).is_ok());
        for length in 0..whole.len().min(40) {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(set.sample(0).is_err(), "{file} of {length} bytes");
        }
        for bit in (0..whole.len() * 8).step_by(5) {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, damaged).unwrap();
            if let Ok(sample) = set.sample(0) {
                assert_eq!(sample.input.len(), 16);
            }
        }
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_picture_that_claims_absurd_sizes_is_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("p.png");
    write_grey(&path, 1);
    let mut bytes = std::fs::read(&path).unwrap();
    // The width of the IHDR chunk, and its checksum.
    bytes[16..20].copy_from_slice(&0x7fff_ffff_u32.to_be_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    std::fs::write(&path, bytes).unwrap();
    let error = grey(&name("imagefolder", folder.path())).unwrap().sample(0).unwrap_err();
    assert!(error.to_string().contains("p.png"), "{error}");
}
