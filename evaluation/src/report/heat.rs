//! Grids of coloured cells.

use std::fmt::Write;

use super::chart::escape;

/// What colours a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shade {
    /// Nothing is sent.
    Still,
    /// The whole input is sent.
    Whole,
    /// A cut at this share of the depth, 0 to 1.
    Depth(f64),
    /// A ratio: white at 1, the darker the smaller.
    Ratio(f64),
}

impl Shade {
    /// Returns the colour, for legends.
    pub(crate) fn fill(self) -> String {
        colours(self).0
    }
}

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HeatCell {
    pub(crate) shade: Shade,
    pub(crate) text: String,
    /// A second, smaller line.
    pub(crate) below: String,
    pub(crate) outlined: bool,
    /// Text that appears under the pointer.
    pub(crate) title: String,
}

/// Something measured, on top of the grid; places are in cells from the lower left corner.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HeatPoint {
    /// Where it lies from left to right: from, middle, to.
    pub(crate) across: [f64; 3],
    pub(crate) up: f64,
    pub(crate) label: String,
    /// Text that appears under the pointer.
    pub(crate) title: String,
}

/// A grid with its axes; rows from the bottom.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Heat {
    pub(crate) description: String,
    /// Width of the drawing; texts keep their size, so a narrow one shows them larger.
    pub(crate) width: f64,
    pub(crate) points: Vec<HeatPoint>,
    pub(crate) across: String,
    pub(crate) up: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<String>,
    pub(crate) cells: Vec<HeatCell>,
}

/// Width of a grid that has the page for itself.
pub(crate) const WIDTH: f64 = 1040.0;
const LEFT: f64 = 74.0;
const TOP: f64 = 6.0;
const BOTTOM: f64 = 52.0;
const ROW: f64 = 30.0;

impl Heat {
    /// Draws the grid as an SVG element that scales with the page.
    pub(crate) fn svg(&self) -> String {
        let (columns, rows) = (self.columns.len().max(1), self.rows.len());
        let width = self.width;
        let cell = (width - LEFT - 4.0) / columns as f64;
        let height = TOP + ROW * rows as f64 + BOTTOM;
        let mut out = String::new();
        let label = escape(&self.description);
        let _ = write!(
            out,
            "<svg class=\"chart heat\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{label}\">"
        );
        for (index, own) in self.cells.iter().enumerate() {
            let (column, row) = (index % columns, index / columns);
            let x = LEFT + cell * column as f64;
            let y = TOP + ROW * (rows.saturating_sub(row + 1)) as f64;
            draw(&mut out, own, (x, y), cell);
        }
        // Outlines last: neighbours would paint over them.
        for (index, _) in self.cells.iter().enumerate().filter(|(_, own)| own.outlined) {
            let (column, row) = (index % columns, index / columns);
            let x = LEFT + cell * column as f64;
            let y = TOP + ROW * (rows.saturating_sub(row + 1)) as f64;
            let _ = write!(
                out,
                "<rect class=\"outline\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
                x + 1.0,
                y + 1.0,
                cell - 2.0,
                ROW - 2.0
            );
        }
        self.draw_axes(&mut out, cell, height);
        for (index, point) in self.points.iter().enumerate() {
            mark(&mut out, point, cell, TOP + ROW * rows as f64, index % 2 == 1);
        }
        out.push_str("</svg>");
        out
    }

    fn draw_axes(&self, out: &mut String, cell: f64, height: f64) {
        let rows = self.rows.len();
        for (row, label) in self.rows.iter().enumerate() {
            let y = TOP + ROW * (rows - row) as f64 - ROW / 2.0 + 4.0;
            let _ = write!(
                out,
                "<text class=\"tick\" x=\"{:.1}\" y=\"{y:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                escape(label)
            );
        }
        let base = TOP + ROW * rows as f64;
        for (column, label) in self.columns.iter().enumerate() {
            let x = LEFT + cell * (column as f64 + 0.5);
            let _ = write!(
                out,
                "<text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                base + 16.0,
                escape(label)
            );
        }
        let middle = TOP + ROW * rows as f64 / 2.0;
        let _ = write!(
            out,
            "<text class=\"label\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
             <text class=\"label\" transform=\"translate(13 {middle:.1}) rotate(-90)\" \
             text-anchor=\"middle\">{}</text>",
            LEFT + (self.width - LEFT) / 2.0,
            height - 10.0,
            escape(&self.across),
            escape(&self.up),
        );
    }
}

/// Draws a point with its span; its label stands above, or below.
fn mark(out: &mut String, point: &HeatPoint, cell: f64, base: f64, below: bool) {
    let [from, x, to] = point.across.map(|across| LEFT + cell * across);
    let y = base - ROW * point.up;
    let label = if below { y + 20.0 } else { y - 10.0 };
    let _ = write!(
        out,
        "<g class=\"spot\"><title>{}</title><path d=\"M{from:.1} {y:.1}H{to:.1}\"/>\
         <circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5.5\"/>\
         <text x=\"{x:.1}\" y=\"{label:.1}\" text-anchor=\"middle\">{}</text></g>",
        escape(&point.title),
        escape(&point.label),
    );
}

fn draw(out: &mut String, own: &HeatCell, (x, y): (f64, f64), width: f64) {
    let (fill, ink) = colours(own.shade);
    let _ = write!(
        out,
        "<g><title>{}</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" \
         fill=\"{fill}\"/>",
        escape(&own.title),
        width - 1.0,
        ROW - 1.0,
    );
    let middle = x + width / 2.0;
    let up = if own.below.is_empty() { 4.0 } else { -2.0 };
    let text = |out: &mut String, class: &str, y: f64, words: &str| {
        let _ = write!(
            out,
            "<text class=\"{class}\" x=\"{middle:.1}\" y=\"{y:.1}\" text-anchor=\"middle\" \
             style=\"fill:{ink}\">{}</text>",
            escape(words)
        );
    };
    if !own.text.is_empty() {
        text(out, "cell", y + ROW / 2.0 + up, &own.text);
    }
    if !own.below.is_empty() {
        text(out, "cell-below", y + ROW / 2.0 + 10.0, &own.below);
    }
    out.push_str("</g>");
}

/// Fill and ink of a shade. They are the same in the light and the dark scheme: a map is read by its
/// colours, and every cell brings its own ink.
fn colours(shade: Shade) -> (String, &'static str) {
    match shade {
        Shade::Still => ("#d9dcdf".to_owned(), DARK),
        Shade::Whole => ("#f2c46d".to_owned(), DARK),
        Shade::Depth(share) => {
            // From a light to a dark blue-green, in steps that also differ in grey.
            let share = share.clamp(0.0, 1.0);
            let mix = |from: f64, to: f64| (from + (to - from) * share).round() as u8;
            let ink = if share > 0.45 { LIGHT } else { DARK };
            (
                format!(
                    "#{:02x}{:02x}{:02x}",
                    mix(190.0, 20.0),
                    mix(228.0, 62.0),
                    mix(228.0, 110.0)
                ),
                ink,
            )
        }
        Shade::Ratio(ratio) => {
            let gain = ((1.0 - ratio) / 0.6).clamp(0.0, 1.0);
            let mix = |from: f64, to: f64| (from + (to - from) * gain).round() as u8;
            let ink = if gain > 0.5 { LIGHT } else { DARK };
            (
                format!("#{:02x}{:02x}{:02x}", mix(246.0, 0.0), mix(247.0, 84.0), mix(248.0, 60.0)),
                ink,
            )
        }
    }
}

const DARK: &str = "#15191d";
const LIGHT: &str = "#ffffff";
