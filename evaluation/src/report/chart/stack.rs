//! Horizontal bars of several pieces.

use std::fmt::Write;

use super::escape;

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stack {
    pub(crate) label: String,
    /// Length and number of the colour of each piece, with what is written under the pointer.
    pub(crate) pieces: Vec<(f64, usize, String)>,
    /// Figure written beside it.
    pub(crate) text: String,
}

const WIDTH: f64 = 760.0;
const ROW: f64 = 26.0;
const LABEL_WIDTH: f64 = 168.0;
const TEXT_WIDTH: f64 = 80.0;

/// Draws bars that share one scale.
pub(crate) fn stacks(description: &str, stacks: &[Stack]) -> String {
    let length = |stack: &Stack| stack.pieces.iter().map(|piece| piece.0).sum::<f64>();
    let longest = stacks.iter().map(length).fold(0.0, f64::max);
    let scale = (WIDTH - LABEL_WIDTH - TEXT_WIDTH) / longest.max(1e-9);
    let height = ROW * stacks.len() as f64 + 8.0;
    let mut out = String::new();
    let _ = write!(
        out,
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">",
        escape(description),
    );
    for (row, stack) in stacks.iter().enumerate() {
        let y = 4.0 + ROW * row as f64;
        let middle = y + ROW / 2.0 + 4.0;
        let _ = write!(
            out,
            "<text class=\"bar-label\" x=\"{:.1}\" y=\"{middle:.1}\" text-anchor=\"end\">{}</text>",
            LABEL_WIDTH - 10.0,
            escape(&stack.label),
        );
        let mut x = LABEL_WIDTH;
        for (length, colour, title) in &stack.pieces {
            let _ = write!(
                out,
                "<rect class=\"piece-{colour}\" x=\"{x:.2}\" y=\"{:.1}\" width=\"{:.2}\" height=\"{:.1}\">\
                 <title>{}</title></rect>",
                y + 4.0,
                length * scale,
                ROW - 8.0,
                escape(title),
            );
            x += length * scale;
        }
        let _ = write!(
            out,
            "<text class=\"bar-text\" x=\"{:.1}\" y=\"{middle:.1}\">{}</text>",
            x + 6.0,
            escape(&stack.text),
        );
    }
    out.push_str("</svg>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_lie_side_by_side() {
        let pieces = vec![(1.0, 0, "one".to_owned()), (3.0, 2, "three".to_owned())];
        let drawn = stacks("test", &[Stack { label: "a<b".into(), pieces, text: "4".into() }]);
        assert!(drawn.contains("a&lt;b") && drawn.contains("piece-2"));
        let widths: Vec<f64> = drawn
            .split("width=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next()?.parse().ok())
            .collect();
        assert_eq!(widths.len(), 2);
        assert!((widths[1] / widths[0] - 3.0).abs() < 0.01);
    }
}
