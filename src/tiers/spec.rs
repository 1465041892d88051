//! What is handed over, as flags say it.

use std::str::FromStr;

use aiflow::runtime::bundle::{
    CodingEffort, FeatureCoding, FrameRate, PictureCoding, PictureFormat,
};
use aiflow::runtime::cut::CutId;
use aiflow::runtime::tier::net::Then;

/// How tensors are coded: `lossless`, or a rate index, with `fast` behind it for the fast effort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coding(pub(crate) FeatureCoding);

impl FromStr for Coding {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "lossless" {
            return Ok(Self(FeatureCoding::Lossless));
        }
        let (number, effort) = match text.strip_suffix("fast") {
            Some(number) => (number, CodingEffort::Fast),
            None => (text, CodingEffort::High),
        };
        let number = number.strip_prefix('q').unwrap_or(number);
        let rate_index = number.parse().ok().filter(|rate: &u8| *rate <= 63);
        let rate_index =
            rate_index.ok_or("write a rate index from 0 to 63 such as 24, 24fast, or lossless")?;
        let rate = FrameRate::Fixed;
        Ok(Self(FeatureCoding::Learned { rate_index, effort, rate }))
    }
}

/// What an edge does: `answer`, `forward`, `quicker`, or a cut with its coding such as `c07@24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Onward(pub(crate) Then);

impl FromStr for Onward {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "answer" => return Ok(Self(Then::Answer)),
            "forward" => return Ok(Self(Then::Forward)),
            "quicker" => return Ok(Self(Then::Quicker)),
            _ => {}
        }
        let (cut, coding) = text.split_once('@').unwrap_or((text, "lossless"));
        let cut: Result<CutId, _> = cut.parse();
        let to = cut.map_err(|_| "write answer, forward, quicker, c07@24 or c07@lossless")?;
        let coding = coding.parse::<Coding>()?.0;
        Ok(Self(Then::Compute { to, coding }))
    }
}

/// A picture coding: `png`, `jpeg:90`, `webp:80`, or `webp:80/0` with libwebp's effort behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Upload(pub(crate) PictureCoding);

impl FromStr for Upload {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || "write png, jpeg:80, webp:80 or webp:80/4".to_owned();
        let number = |text: &str, most: u8| {
            text.parse().ok().filter(|number: &u8| *number <= most).ok_or_else(wrong)
        };
        let (format, settings) = text.split_once(':').unwrap_or((text, ""));
        let (format, quality, effort) = match (format, settings.split_once('/')) {
            ("png", None) if text == "png" => (PictureFormat::Png, None, None),
            ("jpeg", None) => (PictureFormat::Jpeg, Some(number(settings, 100)?), None),
            ("webp", None) => (PictureFormat::Webp, Some(number(settings, 100)?), Some(6)),
            ("webp", Some((quality, effort))) => {
                (PictureFormat::Webp, Some(number(quality, 100)?), Some(number(effort, 6)?))
            }
            _ => return Err(wrong()),
        };
        Ok(Self(PictureCoding { format, quality, effort }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_say_what_is_handed_over() {
        assert_eq!("lossless".parse(), Ok(Coding(FeatureCoding::Lossless)));
        let fast: Coding = "q12fast".parse().expect("a coding");
        assert!(matches!(
            fast.0,
            FeatureCoding::Learned { rate_index: 12, effort: CodingEffort::Fast, .. }
        ));
        assert!("64".parse::<Coding>().is_err() && "".parse::<Coding>().is_err());
        assert_eq!("forward".parse(), Ok(Onward(Then::Forward)));
        let part: Onward = "c07@24".parse().expect("a part");
        assert!(matches!(part.0, Then::Compute { to, .. } if to == CutId::listed(7)));
        assert!("7".parse::<Onward>().is_err());
        let upload: Upload = "webp:80".parse().expect("a picture");
        assert_eq!(upload.0.quality, Some(80));
        let png: Upload = "png".parse().expect("a picture");
        assert_eq!((png.0.format, png.0.quality), (PictureFormat::Png, None));
        let quick: Upload = "webp:80/0".parse().expect("a picture");
        assert_eq!((quick.0.quality, quick.0.effort), (Some(80), Some(0)));
        for wrong in ["webp:101", "webp:80/7", "webp", "png:3", "png:", "jpeg:80/1", "gif:80"] {
            assert!(wrong.parse::<Upload>().is_err(), "{wrong}");
        }
    }
}
