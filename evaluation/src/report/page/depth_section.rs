//! Ratio to the strongest rivals against the depth of the cut.

use super::markup::section;
use crate::curve::{Bound, INT_K, Study};
use crate::report::chart::{Guide, Join, Line, Plot, Point, Scale, Spread, escape, legend_mark};
use crate::report::number;
use crate::report::series_style::{Mark, SeriesStyle, reader_name, style_of};
use crate::report::words::ratio_to;

const RIVALS: [&str; 2] = ["webp-input", INT_K];

/// Builds the two charts, at equal agreement and at equal KL; empty without ratios.
pub(crate) fn depth_section(study: &Study) -> String {
    if study.ratios.is_empty() {
        return String::new();
    }
    let figures: Vec<String> = [
        ("bytes_at_95_agreement", "At 95 % agreement"),
        ("bytes_at_kl_0_03", "At a KL divergence of 0.03"),
    ]
    .iter()
    .map(|(target, caption)| {
        let plot = depth_plot(study, target);
        format!("<figure><figcaption>{caption}</figcaption>{}</figure>", plot.svg())
    })
    .collect();
    let legend: Vec<String> = RIVALS
        .iter()
        .map(|rival| {
            let mark = legend_mark(style_of(rival, 0));
            format!("<li>{mark}against {}</li>", escape(&reader_name(rival)))
        })
        .collect();
    let body = format!(
        "<p>Bytes of the learned codec divided by those of a rival at equal quality, for cuts at \
         every depth. Below the line at 1 the learned codec sends less. Hollow marks are \
         bounds: ▲ at least, ▼ at most.</p>\
         <div class=\"charts\">{}</div><ul class=\"legend\">{}</ul>",
        figures.concat(),
        legend.concat(),
    );
    section("depth", "From which depth on features win", &body)
}

fn depth_plot(study: &Study, target: &str) -> Plot {
    let lines: Vec<Line> = RIVALS
        .iter()
        .flat_map(|rival| {
            [
                (Bound::Exact, style_of(rival, 0)),
                (Bound::AtLeast, SeriesStyle { mark: Mark::Triangle, ..style_of(rival, 0) }),
                (Bound::AtMost, SeriesStyle { mark: Mark::Down, ..style_of(rival, 0) }),
            ]
            .map(|(bound, style)| ratio_line(study, rival, target, bound, style))
        })
        .collect();
    let ends = lines.iter().flat_map(|line| &line.points).flat_map(|point| {
        let (low, high) = point.interval.unwrap_or((point.y, point.y));
        [low, point.y, high]
    });
    Plot {
        description: "Ratio of bytes to each rival against the share of operations".to_owned(),
        x_label: "share of the operations before the cut".to_owned(),
        x: Scale::Even { low: -0.02, high: 1.02 },
        y: Scale::log_around(ends.chain([1.1])),
        guides: vec![Guide { y: 1.0, label: "equal".to_owned() }],
        lines,
    }
}

/// Joins the exact ratios to one rival; bounds stand alone.
fn ratio_line(study: &Study, rival: &str, target: &str, bound: Bound, style: SeriesStyle) -> Line {
    let (words, join) = match bound {
        Bound::Exact => ("", Join::Line),
        Bound::AtLeast => ("at least ", Join::Bounds),
        Bound::AtMost => ("at most ", Join::Bounds),
    };
    let points = study.cuts.iter().filter_map(|cut| {
        let found = ratio_to(study, &cut.cut, rival, target).filter(|r| r.bound == bound)?;
        let ratio = number::ratio(found.ratio);
        Some(Point {
            x: cut.flops_share,
            y: found.ratio,
            interval: found.ratio_low.zip(found.ratio_high),
            title: format!("{} ({}): {words}{ratio} of {rival}", cut.cut, cut.shape),
        })
    });
    Line { style, points: points.collect(), spread: Spread::Whiskers, join }
}
