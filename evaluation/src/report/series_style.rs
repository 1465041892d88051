//! How each method looks: the same in every chart of a page.
//!
//! Colours come from the palette of Okabe and Ito, which colour-blind readers can tell apart;
//! marks and dashes differ as well, so that no chart depends on colour.

use crate::curve::INT_K;
use crate::rival::{Family, family};

/// Shape of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Circle,
    Square,
    Triangle,
    Diamond,
    Cross,
    Plus,
    Down,
}

/// Look of one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SeriesStyle {
    /// Class of the style sheet, which sets the colour for the light and the dark scheme.
    pub(crate) class: &'static str,
    pub(crate) mark: Mark,
    /// SVG dash pattern; empty for a solid line.
    pub(crate) dash: &'static str,
    pub(crate) weight: f64,
}

const fn style(class: &'static str, mark: Mark, dash: &'static str, weight: f64) -> SeriesStyle {
    SeriesStyle { class, mark, dash, weight }
}

/// Returns the look of a method; `variant` counts the learned methods of a chart from 0.
pub(crate) fn style_of(method: &str, variant: usize) -> SeriesStyle {
    match method {
        INT_K => style("c-int", Mark::Square, "", 1.6),
        "kvtc" => style("c-kvtc", Mark::Triangle, "", 1.6),
        "turboquant" => style("c-turbo", Mark::Down, "", 1.6),
        "clip-ecsq" => style("c-ecsq", Mark::Diamond, "", 1.6),
        "webp-input" => style("c-webp", Mark::Cross, "6 3", 1.6),
        "jpeg-input" => style("c-jpeg", Mark::Plus, "2 3", 1.6),
        _ if family(method) == Family::Int => style("c-int", Mark::Square, "", 1.0),
        _ => match variant % 4 {
            0 => style("c-learned", Mark::Circle, "", 2.8),
            1 => style("c-learned2", Mark::Circle, "6 3", 2.0),
            2 => style("c-learned3", Mark::Square, "2 3", 1.8),
            _ => style("c-learned4", Mark::Diamond, "8 3 2 3", 1.8),
        },
    }
}

/// Returns the name of a method for a reader.
pub(crate) fn reader_name(method: &str) -> String {
    match method {
        INT_K => "int-k: best of int8 to int2, any clip, lz4 or zstd".to_owned(),
        "kvtc" => "kvtc: KLT + integer bits + DEFLATE".to_owned(),
        "turboquant" => "turboquant: rotation + Lloyd-Max".to_owned(),
        "clip-ecsq" => "clip-ecsq: clip + ECSQ + arithmetic coder".to_owned(),
        "webp-input" => "webp-input: the picture as WebP".to_owned(),
        "jpeg-input" => "jpeg-input: the picture as JPEG".to_owned(),
        other => other.to_owned(),
    }
}
