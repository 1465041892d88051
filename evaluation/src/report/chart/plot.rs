//! Lines, bands and marks in a frame of two axes.

use std::fmt::Write;

use super::escape;
use super::scale::Scale;
use crate::report::series_style::{Mark, SeriesStyle};

/// One marked point.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
    /// Ends of the interval of `y`, drawn where the line has a band or whiskers.
    pub(crate) interval: Option<(f64, f64)>,
    /// Text that appears under the pointer.
    pub(crate) title: String,
}

/// Points of one series, by rising `x`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) style: SeriesStyle,
    pub(crate) points: Vec<Point>,
    pub(crate) spread: Spread,
    pub(crate) join: Join,
}

/// Whether neighbouring points are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Join {
    Line,
    /// Connected, and too many to be marked.
    Bare,
    /// Hollow marks alone: values that are only bounds.
    Bounds,
}

/// How the intervals of a line are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spread {
    None,
    Band,
    Whiskers,
}

/// A horizontal line at a value that matters.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Guide {
    pub(crate) y: f64,
    pub(crate) label: String,
}

/// A chart of lines.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plot {
    /// What the chart shows, for readers who cannot see it.
    pub(crate) description: String,
    pub(crate) x_label: String,
    pub(crate) x: Scale,
    pub(crate) y: Scale,
    pub(crate) guides: Vec<Guide>,
    pub(crate) lines: Vec<Line>,
}

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 330.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 46.0;
const INNER_WIDTH: f64 = WIDTH - LEFT - RIGHT;
const INNER_HEIGHT: f64 = HEIGHT - TOP - BOTTOM;

impl Plot {
    /// Draws the chart as an SVG element that scales with the page.
    pub(crate) fn svg(&self) -> String {
        let mut out = String::new();
        let label = escape(&self.description);
        let _ = write!(
            out,
            "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{label}\">"
        );
        self.draw_axes(&mut out);
        // A nested element clips what runs out of the frame, without ids to keep apart.
        let _ = write!(
            out,
            "<svg x=\"{LEFT}\" y=\"{TOP}\" width=\"{INNER_WIDTH}\" height=\"{INNER_HEIGHT}\" \
             viewBox=\"{LEFT} {TOP} {INNER_WIDTH} {INNER_HEIGHT}\">"
        );
        for line in &self.lines {
            self.draw_band(&mut out, line);
        }
        for line in &self.lines {
            self.draw_path(&mut out, line);
        }
        out.push_str("</svg>");
        for line in &self.lines {
            self.draw_marks(&mut out, line);
        }
        out.push_str("</svg>");
        out
    }

    fn px(&self, x: f64) -> f64 {
        LEFT + INNER_WIDTH * self.x.place(x)
    }

    fn py(&self, y: f64) -> f64 {
        TOP + INNER_HEIGHT * (1.0 - self.y.place(y))
    }

    fn draw_axes(&self, out: &mut String) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for tick in self.x.ticks(0.09) {
            let x = LEFT + INNER_WIDTH * tick.at;
            let _ = write!(
                out,
                "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\"/>\
                 <text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                bottom + 17.0,
                escape(&tick.label),
            );
        }
        for tick in self.y.ticks(0.065) {
            let y = TOP + INNER_HEIGHT * (1.0 - tick.at);
            let _ = write!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 7.0,
                y + 4.2,
                escape(&tick.label),
            );
        }
        for guide in self.guides.iter().filter(|guide| self.y.contains(guide.y)) {
            let y = self.py(guide.y);
            let _ = write!(
                out,
                "<line class=\"guide\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\"/>\
                 <text class=\"guide-label\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                LEFT + 4.0,
                y - 4.0,
                escape(&guide.label),
            );
        }
        let _ = write!(
            out,
            "<line class=\"axis\" x1=\"{LEFT}\" y1=\"{bottom}\" x2=\"{right}\" y2=\"{bottom}\"/>\
             <text class=\"label\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            LEFT + INNER_WIDTH / 2.0,
            HEIGHT - 8.0,
            escape(&self.x_label),
        );
    }

    fn draw_band(&self, out: &mut String, line: &Line) {
        let ends: Vec<(f64, f64, f64)> = line
            .points
            .iter()
            .filter_map(|p| {
                p.interval.map(|(low, high)| (self.px(p.x), self.py(low), self.py(high)))
            })
            .collect();
        if line.spread != Spread::Band || ends.len() < 2 {
            return;
        }
        let upper = ends.iter().map(|(x, _, high)| format!("{x:.1},{high:.1}"));
        let lower = ends.iter().rev().map(|(x, low, _)| format!("{x:.1},{low:.1}"));
        let corners: Vec<String> = upper.chain(lower).collect();
        let class = line.style.class;
        let _ = write!(out, "<polygon class=\"band {class}\" points=\"{}\"/>", corners.join(" "));
    }

    fn draw_path(&self, out: &mut String, line: &Line) {
        let SeriesStyle { class, dash, weight, .. } = line.style;
        if line.points.len() > 1 && line.join != Join::Bounds {
            let path: Vec<String> = line
                .points
                .iter()
                .map(|point| format!("{:.1},{:.1}", self.px(point.x), self.py(point.y)))
                .collect();
            let _ = write!(
                out,
                "<polyline class=\"line {class}\" stroke-width=\"{weight}\" \
                 stroke-dasharray=\"{dash}\" points=\"{}\"/>",
                path.join(" "),
            );
        }
        if line.spread == Spread::Whiskers {
            for point in &line.points {
                let Some((low, high)) = point.interval else { continue };
                let (x, low, high) = (self.px(point.x), self.py(low), self.py(high));
                let _ = write!(
                    out,
                    "<line class=\"line {class}\" stroke-width=\"1.2\" x1=\"{x:.1}\" \
                     y1=\"{low:.1}\" x2=\"{x:.1}\" y2=\"{high:.1}\"/>"
                );
            }
        }
    }

    fn draw_marks(&self, out: &mut String, line: &Line) {
        for point in line.points.iter().filter(|_| line.join != Join::Bare) {
            if self.x.contains(point.x) && self.y.contains(point.y) {
                let (x, y) = (self.px(point.x), self.py(point.y));
                let hollow = if line.join == Join::Bounds { " hollow" } else { "" };
                let _ = write!(
                    out,
                    "<g class=\"mark {}{hollow}\">{}<title>{}</title></g>",
                    line.style.class,
                    shape(line.style.mark, x, y, 4.0),
                    escape(&point.title),
                );
            }
        }
    }
}

/// Draws the piece of line with its mark that stands in a legend.
pub(crate) fn legend_mark(style: SeriesStyle) -> String {
    let SeriesStyle { class, mark, dash, weight } = style;
    format!(
        "<svg class=\"swatch\" viewBox=\"0 0 34 14\" aria-hidden=\"true\">\
         <line class=\"line {class}\" stroke-width=\"{weight}\" stroke-dasharray=\"{dash}\" \
         x1=\"1\" y1=\"7\" x2=\"33\" y2=\"7\"/><g class=\"mark {class}\">{}</g></svg>",
        shape(mark, 17.0, 7.0, 4.2),
    )
}

/// Draws the piece of line that stands in the legend of charts without marks.
pub(crate) fn legend_line(style: SeriesStyle) -> String {
    let SeriesStyle { class, dash, weight, .. } = style;
    format!(
        "<svg class=\"swatch\" viewBox=\"0 0 34 14\" aria-hidden=\"true\">\
         <line class=\"line {class}\" stroke-width=\"{weight}\" stroke-dasharray=\"{dash}\" \
         x1=\"1\" y1=\"7\" x2=\"33\" y2=\"7\"/></svg>"
    )
}

fn shape(mark: Mark, x: f64, y: f64, r: f64) -> String {
    let polygon = |corners: &[(f64, f64)]| {
        let corners: Vec<String> =
            corners.iter().map(|(dx, dy)| format!("{:.1},{:.1}", x + dx, y + dy)).collect();
        format!("<polygon points=\"{}\"/>", corners.join(" "))
    };
    match mark {
        Mark::Circle => format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r}\"/>"),
        Mark::Square => {
            polygon(&[(-r, -r), (r, -r), (r, r), (-r, r)].map(|(a, b)| (0.85 * a, 0.85 * b)))
        }
        Mark::Triangle => polygon(&[(0.0, -1.2 * r), (1.1 * r, 0.8 * r), (-1.1 * r, 0.8 * r)]),
        Mark::Down => polygon(&[(0.0, 1.2 * r), (1.1 * r, -0.8 * r), (-1.1 * r, -0.8 * r)]),
        Mark::Diamond => {
            polygon(&[(0.0, -1.3 * r), (1.1 * r, 0.0), (0.0, 1.3 * r), (-1.1 * r, 0.0)])
        }
        Mark::Cross => format!(
            "<path class=\"open\" d=\"M{:.1} {:.1}L{:.1} {:.1}M{:.1} {:.1}L{:.1} {:.1}\"/>",
            x - r,
            y - r,
            x + r,
            y + r,
            x - r,
            y + r,
            x + r,
            y - r,
        ),
        Mark::Plus => format!(
            "<path class=\"open\" d=\"M{:.1} {y:.1}H{:.1}M{x:.1} {:.1}V{:.1}\"/>",
            x - r,
            x + r,
            y - r,
            y + r,
        ),
    }
}
