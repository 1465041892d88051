//! Names of data sets: `kind:path#part?option=value&option=value`.

#![cfg_attr(not(test), deny(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used))]

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::error::{DataError, SpecProblem};
use super::selection::Selection;

/// The name of a data set, understood but not opened.
///
/// | name | samples |
/// |---|---|
/// | `cifar10:DIR` | records of `data_batch_*.bin` (train) and `test_batch.bin` (test) |
/// | `fashion-mnist:DIR` | IDX files, gzip: `train-*` and `t10k-*` |
/// | `imagefolder:DIR` | JPEG and PNG files; class from `labels.tsv`, else from the sub-folder |
/// | `npy:FILE` | rows of an array, each an input of the model; `?labels=FILE` for their labels |
/// | `scenes:COUNT@SEED` | procedural pictures, see [`crate::scenes`] |
///
/// `#train`, `#test` or `#all` chooses a part. Where a kind knows no parts of its own
/// (`imagefolder`, `npy`), `#train` is every second sample from the first and `#test` the others, so
/// that the two never overlap; `scenes` has no parts, another seed is another set.
///
/// After `?` stand, joined by `&` and applied in this order:
/// `class-every=N` and `class-offset=K` keep the samples whose label is K, K+N, K+2N, ... ;
/// `shuffle=SEED` mixes them; `offset=K` and `every=N` keep the K-th, then each N-th;
/// `limit=N` keeps the first N. The last `?` of a name starts the options, and the last `#` before
/// it the part where only letters follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSpec {
    text: String,
    pub(super) source: Source,
    pub(super) part: Option<Part>,
    pub(super) selection: Selection,
    pub(super) labels: Option<PathBuf>,
}

/// Which part of a data set is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// For learning and calibration.
    Train,
    /// For measuring.
    Test,
    /// Both.
    All,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Cifar10(PathBuf),
    FashionMnist(PathBuf),
    ImageFolder(PathBuf),
    Npy(PathBuf),
    Scenes { count: usize, seed: u64 },
}

/// The largest set of procedural pictures; ten million of them take about an hour to draw.
const MOST_SCENES: usize = 10_000_000;

impl DataSpec {
    /// Chooses a part where the name chose none and the kind has parts.
    ///
    /// Learning passes [`Part::Train`] and measuring [`Part::Test`], so that the same name can be
    /// given to both without an overlap.
    pub fn or_part(mut self, part: Part) -> DataSpec {
        if self.part.is_none() && !matches!(self.source, Source::Scenes { .. }) {
            self.part = Some(part);
            let (path, options) = split_options(&self.text);
            let options = options.map(|options| format!("?{options}")).unwrap_or_default();
            self.text = format!("{path}#{part}{options}");
        }
        self
    }
}

impl fmt::Display for DataSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Train => "train",
            Part::Test => "test",
            Part::All => "all",
        })
    }
}

impl FromStr for DataSpec {
    type Err = DataError;

    fn from_str(text: &str) -> Result<DataSpec, DataError> {
        let wrong = |problem| DataError::Spec { spec: text.to_owned(), problem };
        let unknown = || DataError::UnknownKind { spec: text.to_owned() };
        let (kind, rest) = text.split_once(':').ok_or_else(unknown)?;
        let (rest, options) = split_options(rest);
        let (path, part) = split_part(rest);
        let part = part.map(parse_part).transpose().map_err(wrong)?;
        let source = match kind {
            "cifar10" => Source::Cifar10(path.into()),
            "fashion-mnist" => Source::FashionMnist(path.into()),
            "imagefolder" => Source::ImageFolder(path.into()),
            "npy" => Source::Npy(path.into()),
            "scenes" => {
                if part.is_some() {
                    return Err(wrong(SpecProblem::NoParts));
                }
                let numbers = path.split_once('@').and_then(|(count, seed)| {
                    Some((count.parse::<usize>().ok()?, seed.parse::<u64>().ok()?))
                });
                let (count, seed) = numbers
                    .filter(|&(count, _)| count <= MOST_SCENES)
                    .ok_or_else(|| wrong(SpecProblem::Scenes { most: MOST_SCENES }))?;
                Source::Scenes { count, seed }
            }
            _ => return Err(unknown()),
        };
        if path.is_empty() {
            return Err(wrong(SpecProblem::NoPath));
        }
        let mut spec = DataSpec {
            text: text.to_owned(),
            source,
            part,
            selection: Selection::default(),
            labels: None,
        };
        for option in options.into_iter().flat_map(|options| options.split('&')) {
            spec.set(option).map_err(wrong)?;
        }
        Ok(spec)
    }
}

impl DataSpec {
    fn set(&mut self, option: &str) -> Result<(), SpecProblem> {
        let unknown = || SpecProblem::Option { option: option.to_owned() };
        let (name, value) = option.split_once('=').ok_or_else(unknown)?;
        if name == "labels" && matches!(self.source, Source::Npy(_)) {
            self.labels = Some(value.into());
            return Ok(());
        }
        let slot = match name {
            "every" | "limit" | "class-every" => 1,
            "offset" | "class-offset" | "shuffle" => 0,
            _ => return Err(unknown()),
        };
        let number = value.parse::<u64>().ok().filter(|&number| number >= slot);
        let number = number.ok_or_else(|| SpecProblem::Value { option: option.to_owned() })?;
        let size = usize::try_from(number).unwrap_or(usize::MAX);
        let selection = &mut self.selection;
        match name {
            "every" => selection.every = size,
            "limit" => selection.limit = size,
            "class-every" => selection.class_every = size,
            "offset" => selection.offset = size,
            "class-offset" => selection.class_offset = size,
            _ => selection.shuffle = Some(number),
        }
        Ok(())
    }
}

fn split_options(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once('?') {
        Some((path, options)) => (path, Some(options)),
        None => (text, None),
    }
}

fn split_part(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once('#') {
        Some((path, part)) if part.chars().all(char::is_alphabetic) => (path, Some(part)),
        _ => (text, None),
    }
}

fn parse_part(part: &str) -> Result<Part, SpecProblem> {
    match part {
        "train" => Ok(Part::Train),
        "test" => Ok(Part::Test),
        "all" => Ok(Part::All),
        _ => Err(SpecProblem::Part { part: part.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> DataSpec {
        text.parse().expect("a name in good order")
    }

    fn problem(text: &str) -> String {
        text.parse::<DataSpec>().expect_err("a name with a fault").to_string()
    }

    #[test]
    fn reads_path_part_and_options() {
        let spec = parse("imagefolder:/a/b#c/d#test?every=2&offset=1&limit=9&shuffle=7");
        assert_eq!(spec.source, Source::ImageFolder("/a/b#c/d".into()));
        assert_eq!(spec.part, Some(Part::Test));
        let selection = &spec.selection;
        assert_eq!((selection.every, selection.offset, selection.limit), (2, 1, 9));
        assert_eq!(selection.shuffle, Some(7));
        let scenes = parse("scenes:300@18446744073709551615?class-every=3&class-offset=2");
        assert_eq!(scenes.source, Source::Scenes { count: 300, seed: u64::MAX });
        assert_eq!((scenes.selection.class_every, scenes.selection.class_offset), (3, 2));
        assert_eq!(parse("npy:x.npy?labels=y.npy").labels, Some("y.npy".into()));
    }

    #[test]
    fn a_default_part_is_written_into_the_name_once() {
        let spec = parse("cifar10:C:/d?limit=5").or_part(Part::Train);
        assert_eq!(spec.to_string(), "cifar10:C:/d#train?limit=5");
        assert_eq!(parse(&spec.to_string()), spec);
        assert_eq!(spec.clone().or_part(Part::Test), spec);
        assert_eq!(parse("scenes:1@2").or_part(Part::Test).to_string(), "scenes:1@2");
    }

    #[test]
    fn faults_are_named() {
        assert!(problem("/some/folder").contains("unknown data set `/some/folder`"));
        assert!(problem("mnist:x").contains("imagefolder:DIR"));
        assert!(problem("cifar10:").contains("path after the colon"));
        assert!(problem("cifar10:#test").contains("path after the colon"));
        assert!(problem("cifar10:d#valid").contains("unknown part `valid`"));
        assert!(problem("scenes:5").contains("scenes:COUNT@SEED"));
        assert!(problem("scenes:5@-1").contains("scenes:COUNT@SEED"));
        assert!(problem("scenes:99999999999@1").contains("at most 10000000"));
        assert!(problem("scenes:5@1#test").contains("another seed"));
        assert!(problem("cifar10:d?ever=2").contains("unknown option `ever=2`"));
        assert!(problem("cifar10:d?labels=x").contains("unknown option `labels=x`"));
        assert!(problem("cifar10:d?every=0").contains("option `every=0`"));
        assert!(problem("cifar10:d?limit=many").contains("option `limit=many`"));
    }
}
