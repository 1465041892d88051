//! Descriptions of models that are known by the name of their file.

use super::Preprocess;

const PRESETS: [(&str, &str); 6] = [
    ("scenes-cnn", include_str!("../../../../models/scenes-cnn/scenes-cnn.toml")),
    ("resnet20-cifar10", include_str!("../../../../models/presets/resnet20-cifar10.toml")),
    ("resnet32-cifar10", include_str!("../../../../models/presets/resnet32-cifar10.toml")),
    (
        "mobilenet-v2-imagenet",
        include_str!("../../../../models/presets/mobilenet-v2-imagenet.toml"),
    ),
    (
        "squeezenet-1.1-imagenet",
        include_str!("../../../../models/presets/squeezenet-1.1-imagenet.toml"),
    ),
    ("yolox-nano-coco", include_str!("../../../../models/presets/yolox-nano-coco.toml")),
];

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|(name, _)| *name)
}

pub(super) fn find(name: &str) -> Option<Preprocess> {
    let (name, text) = PRESETS.iter().find(|(known, _)| *known == name)?;
    Some(Preprocess::from_toml(text, name).expect("presets are tested"))
}
