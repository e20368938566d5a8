//! How well a fit fits, told in Markdown and drawn in plots.

use std::fmt::Write as _;

use super::comparison::Comparison;
use super::length::Histogram;
use super::log::Log;
use super::{Fit, counts};
use crate::error::Result;
use crate::report::fit::{Side, files};

/// The report's files: paths within its folder, and what is in them.
pub fn write(fit: &Fit, log: &Log, comparison: &Comparison, source: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let real = side(&log.seconds, &log.input, &log.output);
    let sample = &comparison.sample;
    let generated = side(&sample.seconds, &sample.input, &sample.output);
    let mut all = files(source, &real, &generated)?;
    let plots: Vec<&str> = all.iter().filter_map(|(name, _)| name.strip_suffix(".svg")).collect();
    let text = markdown(fit, log, comparison, source, &plots);
    all.push(("fit.md".into(), text.into_bytes()));
    Ok(all)
}

/// What the fit is, and how near generated traffic comes to the log.
pub fn markdown(fit: &Fit, log: &Log, comparison: &Comparison, source: &str, plots: &[&str]) -> String {
    let mut text = format!("# How well the fit fits {source}\n\n");
    let misses = comparison.misses();
    let verdict = if misses.is_empty() {
        format!(
            "Traffic generated from the fit (mean over {} seeds) is within every bound.",
            comparison.seeds
        )
    } else {
        format!("This log resists the fit in: {}.", misses.join(", "))
    };
    put(
        &mut text,
        format_args!("{verdict}\n\n| figure | recorded | generated | difference |\n|---|---:|---:|---:|\n"),
    );
    for ((name, real), (_, generated)) in
        comparison.real.figures().into_iter().zip(comparison.generated.figures())
    {
        if is_told(name, log) {
            put(
                &mut text,
                format_args!(
                    "| {name} | {} | {} | {} |\n",
                    number(real),
                    number(generated),
                    difference(name, real, generated)
                ),
            );
        }
    }
    let [input, output, tens] = comparison.distances;
    put(
        &mut text,
        format_args!(
            "\n| Kolmogorov-Smirnov distance (one seed) | |\n|---|---:|\n| prompt tokens | {input:.4} |\n| answer tokens | {output:.4} |\n"
        ),
    );
    if !log.seconds.is_empty() {
        put(&mut text, format_args!("| requests in 10 s | {tens:.4} |\n"));
    }
    text.push_str("\nBounds: dispersions and the peak minute 15 %, percentiles of lengths 5 %, the shared part 3 points.\n\n## The fit\n\n");
    parameters(&mut text, fit, log);
    for plot in plots {
        put(&mut text, format_args!("\n![{plot}]({plot}.svg)\n"));
    }
    text
}

fn parameters(text: &mut String, fit: &Fit, log: &Log) {
    match &fit.rate {
        None => text.push_str("- The log has no times: its rate is not fitted.\n"),
        Some(rate) => {
            put(text, format_args!("- Rate: a curve of {} bins of {} s", rate.rates.len(), rate.every_secs));
            put(
                text,
                format_args!(
                    "; gaps with a coefficient of variation of {}, the rate taken out.\n",
                    rate.gap_cv
                ),
            );
            if let Some((every, phi, sigma)) = rate.drift {
                put(
                    text,
                    format_args!(
                        "- Drift of the log-rate: AR(1) in steps of {every} s, phi {phi:.3}, sigma {sigma:.3}.\n"
                    ),
                );
            }
            if let Some((on, off)) = rate.bursts {
                put(text, format_args!("- Bursts of {on:.1} s on average, silences of {off:.1} s.\n"));
            }
        }
    }
    if let Some(tick) = log.tick_secs {
        put(
            text,
            format_args!(
                "- The log's clock steps by {tick} s; requests were spread within each step, so what happens within it is not known.\n"
            ),
        );
    }
    if log.failed > 0 {
        put(
            text,
            format_args!("- {} requests failed: they count as arrivals, their lengths do not.\n", log.failed),
        );
    }
    match fit.correlation {
        Some(correlation) => put(
            text,
            format_args!("- Prompt and answer lengths are drawn together, rank correlation {correlation}.\n"),
        ),
        None => text.push_str("- Prompt and answer lengths are drawn independently.\n"),
    }
    if let Some(shared) = fit.shared {
        put(
            text,
            format_args!(
                "- Prompts share {:.1} % of their tokens with one of {} groups; when in the log a group comes back is not kept.\n",
                shared.share * 100.0,
                shared.groups
            ),
        );
    }
    if log.tenants.len() > 1 {
        let mut volumes: Vec<u64> = log.tenants.values().copied().collect();
        volumes.sort_unstable_by(|a, b| b.cmp(a));
        let all: u64 = volumes.iter().sum();
        let top = |count: usize| 100.0 * volumes.iter().take(count).sum::<u64>() as f64 / all as f64;
        put(
            text,
            format_args!(
                "- Tenants: {}; the largest sends {:.1} %, the largest five {:.1} %, the largest twenty {:.1} %. The scenario has one class for all.\n",
                volumes.len(),
                top(1),
                top(5),
                top(20)
            ),
        );
    }
    if !log.sessions.is_empty() {
        let requests: u64 = log.sessions.values().sum();
        put(
            text,
            format_args!(
                "- Conversations: {}, with {:.1} requests on average",
                log.sessions.len(),
                requests as f64 / log.sessions.len() as f64
            ),
        );
        let mut thoughts = log.thoughts.clone();
        thoughts.sort_by(f64::total_cmp);
        match (thoughts.get(thoughts.len() / 2), thoughts.get(thoughts.len() * 9 / 10)) {
            (Some(p50), Some(p90)) => {
                put(text, format_args!("; think time p50 {p50:.1} s, p90 {p90:.1} s.\n"))
            }
            _ => text.push_str(".\n"),
        }
    }
}

/// Whether the log tells the figure at all.
fn is_told(name: &str, log: &Log) -> bool {
    match name {
        "shared part of prompts" => log.shared_tokens.is_some(),
        "rank correlation" | "requests" => true,
        _ if name.starts_with("prompt") || name.starts_with("answer") => true,
        _ => !log.seconds.is_empty(),
    }
}

fn difference(name: &str, real: f64, generated: f64) -> String {
    match name {
        "shared part of prompts" => format!("{:+.1} points", (generated - real) * 100.0),
        "rank correlation" => format!("{:+.3}", generated - real),
        _ if real > 0.0 => format!("{:+.1} %", (generated / real - 1.0) * 100.0),
        _ => String::new(),
    }
}

fn number(number: f64) -> String {
    let decimals = if number.abs() < 10.0 { 3 } else { 1 };
    format!("{number:.decimals$}")
}

fn side(seconds: &[u32], input: &Histogram, output: &Histogram) -> Side {
    let width = (seconds.len() / POINTS).max(1).next_multiple_of(10);
    let rate = counts::bins(seconds, width).into_iter().enumerate();
    let rate = rate.map(|(nth, count)| ((nth as f64 + 0.5) * width as f64, count / width as f64));
    let mut tens = Histogram::default();
    seconds.chunks_exact(10).for_each(|ten| tens.add(ten.iter().sum()));
    Side {
        rate: rate.collect(),
        counts: percentiles(&tens),
        input: percentiles(input),
        output: percentiles(output),
    }
}

/// Percentiles up to 99.9, as points.
fn percentiles(lengths: &Histogram) -> Vec<(f64, f64)> {
    if lengths.total() == 0 {
        return Vec::new();
    }
    let shares: Vec<f64> =
        (0..100).map(|percent| f64::from(percent) / 100.0).chain([0.995, 0.998, 0.999]).collect();
    let tokens = lengths.quantiles(&shares);
    shares.iter().zip(tokens).map(|(share, tokens)| (share * 100.0, f64::from(tokens))).collect()
}

fn put(text: &mut String, what: std::fmt::Arguments) {
    text.write_fmt(what).expect("a String takes all that is written");
}

/// Points of the rate's line, about.
const POINTS: usize = 300;
