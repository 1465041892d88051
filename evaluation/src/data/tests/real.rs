//! Real files, where `AIFLOW_DATA` names the folder that holds them.

use std::io::Write as _;
use std::path::PathBuf;

use crate::data::{Preprocess, open, shared_samples};

/// Returns the folder of real data, or says on standard error that `test` is skipped.
pub(super) fn folder(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("AIFLOW_DATA").map(PathBuf::from);
    if folder.is_none() {
        // Not a macro: what those print, the harness keeps for tests that fail.
        let _ = writeln!(std::io::stderr(), "skipped: {test}, AIFLOW_DATA is not set");
    }
    folder
}

#[test]
fn cifar10_has_ten_balanced_classes() {
    let Some(data) = folder("cifar10_has_ten_balanced_classes") else { return };
    let preset = Preprocess::preset("resnet20-cifar10").unwrap();
    let name = format!("cifar10:{}", data.join("cifar10").display());
    let train = open(&format!("{name}#train").parse().unwrap(), Some(&preset)).unwrap();
    let test = open(&format!("{name}#test").parse().unwrap(), Some(&preset)).unwrap();
    assert!(test.len() >= 1000 && train.len() >= test.len());
    assert_eq!(shared_samples(train.as_ref(), test.as_ref()), 0);
    let mut counts = [0; 10];
    for index in 0..test.len() {
        counts[test.label(index).unwrap().unwrap()] += 1;
    }
    assert!(counts.iter().all(|&count| count * 13 > test.len()), "{counts:?}");
}

#[test]
fn fashion_mnist_is_whole() {
    let Some(data) = folder("fashion_mnist_is_whole") else { return };
    let text = "input = 'x'\nsize = [28, 28]\nchannels = 'grey'";
    let preprocess = Preprocess::from_toml(text, "test").unwrap();
    let name = format!("fashion-mnist:{}#test", data.join("fashion-mnist").display());
    let set = open(&name.parse().unwrap(), Some(&preprocess)).unwrap();
    assert_eq!(set.len(), 10_000);
    let sample = set.sample(9_999).unwrap();
    assert_eq!(sample.input.shape(), [1, 1, 28, 28]);
    assert!(sample.input.iter().any(|&value| value > 0.5));
}

#[test]
fn halves_of_the_classes_of_imagenet_samples_are_disjoint() {
    let test = "halves_of_the_classes_of_imagenet_samples_are_disjoint";
    let Some(data) = folder(test) else { return };
    let preset = Preprocess::preset("mobilenet-v2-imagenet").unwrap();
    let folder = data.join("imagenet-samples");
    let half = |offset: usize| {
        let options = format!("class-every=8&class-offset={offset}");
        let name = format!("imagefolder:{}?{options}", folder.display());
        open(&name.parse().unwrap(), Some(&preset)).unwrap()
    };
    let (even, odd) = (half(0), half(4));
    assert_eq!((even.len(), odd.len()), (125, 125));
    assert_eq!(shared_samples(even.as_ref(), odd.as_ref()), 0);
    let sample = odd.sample(0).unwrap();
    assert_eq!(sample.label, Some(5), "class 4 and the background before it");
    assert_eq!(sample.input.shape(), [1, 3, 224, 224]);
    assert!(sample.input.iter().all(|value| (-1.0..=1.0).contains(value)));
}
