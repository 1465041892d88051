//! Every loader with good, damaged and hostile files.

mod fixed;
mod folder;
mod models;
mod npy;
mod real;

use std::path::Path;

use super::{DataError, Dataset, Preprocess, open};

/// Opens a set for a model that takes pictures of any size as 4x4 grey.
fn grey(name: &str) -> Result<Box<dyn Dataset>, DataError> {
    let text = "input = 'x'\nsize = [4, 4]\nfit = 'stretch'\nchannels = 'grey'";
    open(&name.parse()?, Some(&Preprocess::from_toml(text, "test")?))
}

/// Returns the text of the error of a set that must not open.
fn refused(name: &str) -> String {
    grey(name).map(|set| set.len()).expect_err("a set that does not open").to_string()
}

fn labels(set: &dyn Dataset) -> Vec<Option<usize>> {
    (0..set.len()).map(|index| set.label(index).expect("a label in range")).collect()
}

fn name(kind: &str, path: &Path) -> String {
    format!("{kind}:{}", path.display())
}

#[test]
fn scenes_are_a_data_set() {
    let preset = Preprocess::preset("scenes-cnn").unwrap();
    let set = open(&"scenes:24@5?limit=13".parse().unwrap(), Some(&preset)).unwrap();
    assert_eq!((set.len(), set.name()), (13, "scenes:24@5?limit=13"));
    assert_eq!(set.class_names().len(), 12);
    let sample = set.sample(12).unwrap();
    let picture = sample.picture.unwrap();
    assert_eq!(picture, crate::scenes::Scenes::new(13, 5).picture(12));
    assert_eq!(sample.label, Some(crate::scenes::Scenes::new(13, 5).label(12)));
    let first = f32::from(picture.pixels[0]);
    assert_eq!(sample.input.first(), Some(&((first / 255.0 - 0.5) / 0.25)));
    let beyond = set.sample(13).unwrap_err().to_string();
    assert_eq!(beyond, "data set `scenes:24@5?limit=13` has 13 samples, there is no sample 13");
}

#[test]
fn an_empty_set_is_refused() {
    assert!(refused("scenes:0@1").contains("`scenes:0@1` has no sample"));
    assert!(refused("scenes:10@1?offset=10").contains("has no sample"));
}

#[test]
fn pictures_need_a_preprocessing() {
    let error = open(&"scenes:1@1".parse().unwrap(), None).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("put a file MODEL.toml beside MODEL.onnx"));
}

#[test]
fn labels_the_model_does_not_know_are_refused() {
    let text = "input = 'x'\nsize = [48, 48]\nclasses = 12\nlabel-offset = 1";
    let preprocess = Preprocess::from_toml(text, "test").unwrap();
    let set = open(&"scenes:12@1".parse().unwrap(), Some(&preprocess)).unwrap();
    let failed: Vec<String> = (0..12)
        .filter_map(|index| set.sample(index).err())
        .map(|error| error.to_string())
        .collect();
    assert_eq!(failed.len(), 1);
    assert!(failed[0].contains("has label 12, the classes end at 11"), "{}", failed[0]);
}

#[test]
fn shared_samples_are_counted() {
    let count = |a: &str, b: &str| {
        super::shared_samples(grey(a).unwrap().as_ref(), grey(b).unwrap().as_ref())
    };
    assert_eq!(count("scenes:10@1", "scenes:30@1"), 10);
    assert_eq!(count("scenes:10@1", "scenes:10@2"), 0);
    assert_eq!(count("scenes:10@1?every=2", "scenes:10@1?every=2&offset=1"), 0);
    assert_eq!(count("scenes:10@1?every=2", "scenes:10@1?every=3"), 2);
}
