//! The frozen vectors of the specification: reading their text format, and checking one case.

mod protocol;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use aiflow::codec::bitstream::{Frame, FrameForm, Reader};
use aiflow::codec::error::DecodeError;
use aiflow::codec::lossless::decode_lossless;
use aiflow::codec::rans::{CdfSet, CdfTable, Lanes, RansDecoder};
use aiflow::codec::{DecodeLimits, Decoder, Dims, ElementType, Profile};
use anyhow::{Context as _, Result, anyhow, bail, ensure};

use crate::files;

/// One case of a file: its name and its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) name: String,
    fields: BTreeMap<String, String>,
}

/// Reads all cases of a file.
pub(crate) fn parse(text: &str) -> Result<Vec<Case>> {
    let mut cases: Vec<Case> = Vec::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            cases.push(Case { name: name.to_owned(), ..Case::default() });
            continue;
        }
        let field = line.split_once('=').zip(cases.last_mut());
        let ((key, value), case) = field.with_context(|| format!("line {number}: no field"))?;
        case.fields.insert(key.trim().to_owned(), value.trim().to_owned());
    }
    Ok(cases)
}

/// Checks a case of an area; `None` for an area that this program has no check for. Files that
/// cases name lie in the area `profile` of `folder`.
pub(crate) fn check(folder: &Path, area: &str, case: &Case) -> Option<Result<()>> {
    Some(match area {
        "profile" => profile(folder, case),
        "levels" => levels(folder, case),
        "varint" => varint(case),
        "rans" => rans(case),
        "tables" => tables(case),
        "frame" => frame(case),
        "lossless" => lossless(case),
        "protocol" => protocol::check(case),
        _ => return None,
    })
}

fn varint(case: &Case) -> Result<()> {
    let bytes = case.bytes("bytes")?;
    let mut reader = Reader::new(&bytes, "vectors");
    case.compare(reader.varint_u64(), &case.number::<u64>("value"))
}

fn rans(case: &Case) -> Result<()> {
    let payload = case.bytes("payload")?;
    let count: usize = case.number("lanes")?;
    let lanes = Lanes::ALL.into_iter().find(|lanes| lanes.count() == count);
    let lanes = lanes.context("`lanes` is not 1, 4 or 32")?;
    if case.get("counts").is_some() {
        let decoded = RansDecoder::new(&payload, lanes).and_then(|mut decoder| {
            let values: Vec<u32> = case
                .list("counts")
                .unwrap_or_default()
                .into_iter()
                .map(|n| decoder.bits(n))
                .collect();
            decoder.finish().map(|()| values)
        });
        return case.compare(decoded, &case.list("values"));
    }
    let set = case.tables()?;
    let contexts: Vec<u16> = case.list("contexts")?;
    let decoded = RansDecoder::new(&payload, lanes).and_then(|mut decoder| {
        let mut symbols = vec![0; contexts.len()];
        decoder.decode_batch(&set, &contexts, &mut symbols)?;
        decoder.finish().map(|()| symbols)
    });
    case.compare(decoded, &case.list::<u8>("symbols"))
}

fn tables(case: &Case) -> Result<()> {
    let bytes = case.bytes("bytes")?;
    let mut reader = Reader::new(&bytes, "vectors");
    let read = CdfSet::read(&mut reader, &DecodeLimits::default());
    case.compare(read, &case.tables())
}

fn frame(case: &Case) -> Result<()> {
    let bytes = case.bytes("bytes")?;
    let limits = DecodeLimits::default();
    let whole = Frame::parse(&bytes, case.form()?, &limits);
    if case.get("error").is_some() {
        return case.compare(whole.map(|_| ()), &Ok(()));
    }
    if case.get("stopped").is_some() {
        case.refused("stopped", whole.map(|_| ()))?;
    }
    let found = Frame::parse_prefix(&bytes, case.form()?, &limits)?.frame;
    let header = found.header();
    ensure!(header.mode.name() == case.text("mode")?, "mode {}", header.mode.name());
    ensure!(header.coder.name() == case.text("coder")?, "coder {}", header.coder.name());
    ensure!(header.rate_index == case.number::<u8>("q")?, "q {}", header.rate_index);
    let layers = case.text("layers")?.split_whitespace().map(from_hex);
    ensure!(found.layers() == layers.collect::<Result<Vec<_>>>()?, "other layers");
    if let Some(tensor) = header.tensor {
        ensure!(tensor.version.to_string() == case.text("version")?, "version {}", tensor.version);
        ensure!(tensor.element.name() == case.text("type")?, "type {}", tensor.element.name());
        ensure!(tensor.dims.as_slice() == case.list::<usize>("dims")?, "other dims");
        ensure!(tensor.profile.to_string() == case.text("profile")?, "profile {}", tensor.profile);
    }
    Ok(())
}

fn lossless(case: &Case) -> Result<()> {
    let bytes = case.bytes("bytes")?;
    let limits = DecodeLimits::default();
    let dims = Dims::new(&case.list::<usize>("dims")?)?;
    let all = [ElementType::F32, ElementType::F16, ElementType::Bf16];
    let wanted = case.text("type")?;
    let element = all.into_iter().find(|element| element.name() == wanted);
    let element = element.context("`type` is no element type")?;
    let elements = Frame::parse(&bytes, case.form()?, &limits)
        .and_then(|frame| decode_lossless(&frame, element, &dims, &limits));
    case.compare(elements, &case.bytes("elements"))
}

fn profile(folder: &Path, case: &Case) -> Result<()> {
    let mut bytes = case.file(folder)?;
    if case.get("cut").is_some() {
        bytes.truncate(case.number("cut")?);
    }
    if case.get("flip").is_some() {
        let bit: usize = case.number("flip")?;
        let byte = bytes.get_mut(bit / 8).context("`flip` lies behind the end")?;
        *byte ^= 1 << (bit % 8);
    }
    let read = Profile::from_bytes(&bytes, &DecodeLimits::default());
    if case.get("error").is_some() {
        return case.refused("error", read.map(|_| ()));
    }
    let read = read?;
    ensure!(read.id().to_string() == case.text("sha256")?, "sha256 {}", read.id());
    ensure!(read.dims().as_slice() == case.list::<usize>("dims")?, "other dims");
    let rates = read.rates().map(|rate| rate.get());
    ensure!(rates.collect::<Vec<u8>>() == case.list::<u8>("rates")?, "other rates");
    ensure!(read.to_bytes() == bytes, "is stored in other bytes");
    Ok(())
}

fn levels(folder: &Path, case: &Case) -> Result<()> {
    let bytes = case.bytes("bytes")?;
    let limits = DecodeLimits::default();
    let profile = Profile::from_bytes(&case.file(folder)?, &limits)?;
    let mut decoder = Decoder::new(Arc::new(profile), limits);
    if case.form()? == FrameForm::Session {
        let dims = Dims::new(&case.list::<usize>("dims")?)?;
        decoder = decoder.with_session(dims, ElementType::F32);
    }
    let mut values = Vec::new();
    let info = decoder.decode_prefix(&bytes, &mut values);
    if case.get("error").is_some() {
        return case.refused("error", info.map(|_| ()));
    }
    let present = info?.layers;
    ensure!(present == case.number::<u8>("present")?, "{present} layers");
    let expected: Vec<f32> = case.list("values")?;
    ensure!(values.len() == expected.len(), "{} values", values.len());
    let largest = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let off = |(value, expected): (&f32, &f32)| (value - expected).abs() > TOLERANCE * largest;
    ensure!(!values.iter().zip(&expected).any(off), "values beyond the tolerance");
    if case.get("integers").is_some() {
        let mut integers = Vec::new();
        decoder.decode_integers(&bytes, &mut integers)?;
        ensure!(integers == case.list::<i32>("integers")?, "other integers");
    }
    Ok(())
}

impl Case {
    /// Reads the profile that the case names.
    fn file(&self, folder: &Path) -> Result<Vec<u8>> {
        let name = self.text("file")?;
        ensure!(!name.contains(['/', '\\']), "`file` is no plain name");
        let limit = DecodeLimits::default().max_profile_bytes() as u64;
        files::read(&folder.join("profile").join(name), limit)
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.fields.get(key).map(String::as_str)
    }

    fn text(&self, key: &str) -> Result<&str> {
        self.get(key).with_context(|| format!("the case has no `{key}`"))
    }

    fn number<T: std::str::FromStr>(&self, key: &str) -> Result<T> {
        let text = self.text(key)?;
        text.parse().map_err(|_| anyhow!("`{key}` is no number that fits: {text}"))
    }

    fn list<T: std::str::FromStr>(&self, key: &str) -> Result<Vec<T>> {
        Ok(self.lists(key)?.into_iter().flatten().collect())
    }

    /// Numbers separated by blanks, lists of them by semicolons; `-` stands for none.
    fn lists<T: std::str::FromStr>(&self, key: &str) -> Result<Vec<Vec<T>>> {
        let number = |word: &str| {
            word.parse().map_err(|_| anyhow!("`{key}` holds {word}, which is no number that fits"))
        };
        match self.text(key)? {
            "-" => Ok(Vec::new()),
            text => text.split(';').map(|l| l.split_whitespace().map(number).collect()).collect(),
        }
    }

    fn bytes(&self, key: &str) -> Result<Vec<u8>> {
        from_hex(self.text(key)?)
    }

    fn tables(&self) -> Result<CdfSet> {
        let lists = self.lists::<u16>("tables")?;
        let tables: Result<Vec<_>, _> = lists.iter().map(|table| CdfTable::new(table)).collect();
        Ok(CdfSet::new(tables?)?)
    }

    fn form(&self) -> Result<FrameForm> {
        match self.text("form")? {
            "session" => Ok(FrameForm::Session),
            "self-contained" => Ok(FrameForm::SelfContained),
            other => bail!("`form` is {other}"),
        }
    }

    /// Compares with the error that the case asks for, else with `expected`.
    fn compare<T: PartialEq>(
        &self,
        found: Result<T, DecodeError>,
        expected: &Result<T>,
    ) -> Result<()> {
        if self.get("error").is_some() {
            return self.refused("error", found.map(|_| ()));
        }
        let found = found?;
        match expected {
            Ok(expected) => ensure!(found == *expected, "decodes to something else"),
            Err(error) => bail!("{error}"),
        }
        Ok(())
    }

    fn refused(&self, key: &str, found: Result<(), DecodeError>) -> Result<()> {
        let expected = self.text(key)?;
        match found {
            Ok(()) => bail!("is not refused, as `{expected}`"),
            Err(error) => {
                let found = format!("{} {}", error.kind.name(), error.offset);
                ensure!(found == expected, "refused as `{found}`, not as `{expected}`");
                Ok(())
            }
        }
    }
}

/// Two digits for each byte; `-` stands for none.
fn from_hex(text: &str) -> Result<Vec<u8>> {
    if text == "-" {
        return Ok(Vec::new());
    }
    let digits = text.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8));
    let digits = digits.collect::<Option<Vec<u8>>>().context("a byte is no hexadecimal number")?;
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => Ok(high << 4 | low),
        _ => bail!("half a byte at the end"),
    });
    pairs.collect()
}

/// What `codec.md` 10 allows values to differ by, relative to the largest magnitude.
const TOLERANCE: f32 = 1e-4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_read_and_checked() {
        let text = "# remark\n[right]\nbytes = 8001\nvalue = 128\n\n[wrong]\nbytes = 01\nvalue = 2\n\
                    [refused]\nbytes = 80\nerror = truncated 1\n";
        let cases = parse(text).expect("a file in good order");
        let results: Vec<bool> = cases
            .iter()
            .filter_map(|case| check(Path::new(""), "varint", case))
            .map(|r| r.is_ok())
            .collect();
        assert_eq!(results, [true, false, true]);
        assert!(check(Path::new(""), "poetry", &cases[0]).is_none());
    }

    #[test]
    fn faults_in_files_are_named() {
        assert!(parse("bytes = 00").expect_err("no case").to_string().contains("line 1"));
        assert!(parse("[a]\nbytes").expect_err("no value").to_string().contains("line 2"));
        assert!(from_hex("0").is_err() && from_hex("0g").is_err());
        assert_eq!(from_hex("-").expect("none"), Vec::<u8>::new());
    }
}
