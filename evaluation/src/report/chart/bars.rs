//! Horizontal bars with their figures.

use std::fmt::Write;

use super::escape;

/// One labelled bar.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bar {
    pub(crate) label: String,
    /// Length; a negative one points to the left.
    pub(crate) value: f64,
    /// Figure written beside it.
    pub(crate) text: String,
    pub(crate) title: String,
}

const WIDTH: f64 = 520.0;
const ROW: f64 = 26.0;
const LABEL_WIDTH: f64 = 128.0;
const TEXT_WIDTH: f64 = 66.0;

/// Draws bars that share one scale, zero included.
pub(crate) fn bars(description: &str, bars: &[Bar]) -> String {
    let low = bars.iter().map(|bar| bar.value).fold(0.0, f64::min);
    let high = bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
    let left_room = if low < 0.0 { TEXT_WIDTH } else { 0.0 };
    let start = LABEL_WIDTH + left_room;
    let scale = (WIDTH - start - TEXT_WIDTH) / (high - low).max(1e-9);
    let zero = start - low * scale;
    let height = ROW * bars.len() as f64 + 8.0;
    let mut out = String::new();
    let _ = write!(
        out,
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">",
        escape(description),
    );
    for (i, bar) in bars.iter().enumerate() {
        let y = 4.0 + ROW * i as f64;
        let length = bar.value.abs() * scale;
        let x = if bar.value < 0.0 { zero - length } else { zero };
        let class = if bar.value < 0.0 { "bar worse" } else { "bar" };
        let (text_x, anchor) = match bar.value < 0.0 {
            true => (x - 6.0, "end"),
            false => (x + length + 6.0, "start"),
        };
        let middle = y + ROW / 2.0 + 4.0;
        let _ = write!(
            out,
            "<g><title>{}</title>\
             <text class=\"bar-label\" x=\"{:.1}\" y=\"{middle:.1}\" text-anchor=\"end\">{}</text>\
             <rect class=\"{class}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"2\"/>\
             <text class=\"bar-text\" x=\"{text_x:.1}\" y=\"{middle:.1}\" text-anchor=\"{anchor}\">{}</text></g>",
            escape(&bar.title),
            LABEL_WIDTH - 10.0,
            escape(&bar.label),
            y + 4.0,
            length.max(1.0),
            ROW - 8.0,
            escape(&bar.text),
        );
    }
    let _ = write!(
        out,
        "<line class=\"axis\" x1=\"{zero:.1}\" y1=\"0\" x2=\"{zero:.1}\" y2=\"{height}\"/></svg>"
    );
    out
}
