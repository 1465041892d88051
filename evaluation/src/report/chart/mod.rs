//! Small SVG charts, drawn as text: axes, lines, bands, marks and bars.

mod bars;
mod plot;
mod scale;
mod stack;

pub(crate) use bars::{Bar, bars};
pub(crate) use plot::{Guide, Join, Line, Plot, Point, Spread, legend_line, legend_mark};
pub(crate) use scale::Scale;
pub(crate) use stack::{Stack, stacks};

/// Escapes text for HTML and SVG, in content and in quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
