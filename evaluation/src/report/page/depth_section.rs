//! Ratio to the strongest rivals against the depth of the cut.

use super::markup::section;
use crate::curve::{Bound, INT_K, Study};
use crate::report::chart::{Guide, Line, Plot, Point, Scale, Spread, escape, legend_mark};
use crate::report::number;
use crate::report::series_style::{reader_name, style_of};
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
         every depth. Below the line at 1 the learned codec sends less.</p>\
         <div class=\"charts\">{}</div><ul class=\"legend\">{}</ul>",
        figures.concat(),
        legend.concat(),
    );
    section("depth", "From which depth on features win", &body)
}

fn depth_plot(study: &Study, target: &str) -> Plot {
    let lines: Vec<Line> = RIVALS
        .iter()
        .map(|rival| {
            let points = study.cuts.iter().filter_map(|cut| {
                let found = ratio_to(study, &cut.cut, rival, target)?;
                let bound = match found.bound {
                    Bound::Exact => "",
                    Bound::AtLeast => "at least ",
                    Bound::AtMost => "at most ",
                };
                Some(Point {
                    x: cut.flops_share,
                    y: found.ratio,
                    interval: found.ratio_low.zip(found.ratio_high),
                    title: format!(
                        "{} ({}): {bound}{} of {rival}",
                        cut.cut,
                        cut.shape,
                        number::ratio(found.ratio),
                    ),
                })
            });
            let style = style_of(rival, 0);
            Line { style, points: points.collect(), spread: Spread::Whiskers }
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
