//! A log beside traffic generated from its fit, as plots.

use super::axis::{Affix, Axis};
use super::chart::{Chart, Panel, Series};
use super::ink::{self, Dash, Ink, Mark, Marker};
use super::{png, svg};
use crate::error::Result;

/// What is drawn of one side: the log, or what was generated.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// (Seconds since the first request, requests per second).
    pub rate: Vec<(f64, f64)>,
    /// (Percentile, requests in 10 s).
    pub counts: Vec<(f64, f64)>,
    /// (Percentile, tokens).
    pub input: Vec<(f64, f64)>,
    /// (Percentile, tokens).
    pub output: Vec<(f64, f64)>,
    /// (Percentile of conversations, turns).
    pub turns: Vec<(f64, f64)>,
    /// (Percentile of later turns, tokens that they add).
    pub new_input: Vec<(f64, f64)>,
    /// (Percentile of later turns, seconds before them).
    pub pauses: Vec<(f64, f64)>,
}

/// The plots' files, PNG and SVG: paths within the report's folder, and what is in them.
pub fn files(source: &str, real: &Side, generated: &Side) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for chart in charts(source, real, generated).iter().filter(|chart| chart.has_data()) {
        files.push((format!("{}.png", chart.name), png::write(chart)?));
        files.push((format!("{}.svg", chart.name), svg::write(chart)?.into_bytes()));
    }
    Ok(files)
}

fn charts(source: &str, real: &Side, generated: &Side) -> Vec<Chart> {
    let end = |points: &[(f64, f64)]| points.last().map_or(0.0, |point| point.0);
    let chart = |name, what: &str, x, panels| Chart {
        name,
        title: format!("{what} – {source}"),
        x,
        panels,
        has_legend: true,
        note: String::new(),
    };
    let percentile =
        |what: &str| Axis::tail(&format!("percentile of {what} (logarithmic towards 100 %)"), 99.9);
    let counts = panel("", "requests in 10 s", &real.counts, &generated.counts, 380);
    let lengths = vec![
        panel("Prompts", "tokens", &real.input, &generated.input, 260),
        panel("Answers", "tokens", &real.output, &generated.output, 260),
    ];
    let talk = vec![
        panel("Turns of a conversation", "turns", &real.turns, &generated.turns, 220),
        panel("New in a later prompt", "tokens", &real.new_input, &generated.new_input, 220),
        panel("Pause before a later turn", "seconds", &real.pauses, &generated.pauses, 220),
    ];
    let rate = panel("", "requests per second", &real.rate, &generated.rate, 380);
    vec![
        chart(
            "rate",
            "Rate over time",
            Axis::clock("time since the first request", end(&real.rate)),
            vec![rate],
        ),
        chart("counts", "Requests in 10 s", percentile("stretches of 10 s"), vec![counts]),
        chart("lengths", "Lengths by percentile", percentile("requests"), lengths),
        chart("conversations", "Conversations by percentile", percentile("conversations and turns"), talk),
    ]
}

fn panel(heading: &str, label: &str, real: &[(f64, f64)], generated: &[(f64, f64)], height: i32) -> Panel {
    let series = |name: &str, colour, width, dash, points: &[(f64, f64)]| Series {
        name: name.into(),
        ink: Ink { colour, mark: Mark::Line { width, dash, marker: Marker::None } },
        points: points.to_vec(),
        base: Vec::new(),
    };
    let most = real.iter().chain(generated).map(|point| point.1).fold(0.0, f64::max);
    Panel {
        heading: heading.into(),
        y: Axis::from_zero(label, most, 5, Affix::default()),
        series: vec![
            series("recorded", ink::GREY, 4, Dash::Solid, real),
            series("generated from the fit", ink::PALETTE[0], 2, Dash::Dashed, generated),
        ],
        height,
    }
}
