//! A fit told as a scenario.

use std::fmt::Write as _;

use super::Fit;
use super::log::Log;
use super::rate::Rate;
use crate::client::lengths::Knots;

pub fn scenario(fit: &Fit, log: &Log, source: &str) -> String {
    let mut text = format!(
        "# What does traffic like that of {source} cost, and how is it served?\n\n\
         # Fitted by `tollgate fit` to {} requests ({} of them failed) in {} s.\n\n",
        log.rows,
        log.failed,
        log.seconds.len()
    );
    let secs = if log.seconds.is_empty() { 3600 } else { log.seconds.len() };
    put(&mut text, format_args!("duration = \"{secs}s\"\n\n"));
    match &fit.rate {
        Some(rate) => arrivals(&mut text, rate),
        None => text.push_str("# The log has no times: put the rate at which requests come.\n[arrivals]\nkind = \"poisson\"\nrate = 1\n\n"),
    }
    text.push_str("[[classes]]\nname = \"fitted\"\n");
    if let Some(correlation) = fit.correlation {
        put(&mut text, format_args!("length_correlation = {correlation}\n"));
    }
    if let Some(shared) = fit.shared {
        put(
            &mut text,
            format_args!("prefix = {{ share = {:.4}, groups = {} }}\n", shared.share, shared.groups),
        );
    }
    lengths(&mut text, "input", &fit.input);
    lengths(&mut text, "output", &fit.output);
    text.push_str(ENDPOINT);
    text
}

fn arrivals(text: &mut String, rate: &Rate) {
    put(text, format_args!("[arrivals]\nkind = \"modulated\"\nevery = \"{}s\"\n", rate.every_secs));
    if let Some(from) = rate.week_from_secs {
        put(
            text,
            format_args!(
                "repeat = true      # the 168 hours of a week from Monday 00:00 UTC on\nfrom = \"{from}s\" # when in that week the log begins\n"
            ),
        );
    }
    if let Some((every, phi, sigma)) = rate.drift {
        put(text, format_args!("drift = [{{ every = \"{every}s\", phi = {phi:.4}, sigma = {sigma:.4} }}]\n"));
    }
    if let Some((on, off)) = rate.bursts {
        put(text, format_args!("bursts = {{ on = \"{on:.3}s\", off = \"{off:.3}s\" }}\n"));
    }
    if rate.gap_cv != 1.0 {
        put(text, format_args!("gaps = {{ kind = \"gamma\", cv = {} }}\n", rate.gap_cv));
    }
    list(text, "rates", rate.rates.iter().map(|rate| digits(*rate)));
    text.push('\n');
}

fn lengths(text: &mut String, key: &str, knots: &Knots) {
    put(text, format_args!("[classes.{key}]\nkind = \"empirical\"\n"));
    list(text, "knots", knots.points().iter().map(|(share, tokens)| format!("[{share}, {tokens}]")));
}

/// A list over lines that fit a screen.
fn list(text: &mut String, key: &str, items: impl Iterator<Item = String>) {
    put(text, format_args!("{key} = ["));
    let mut width = WIDTH;
    for item in items {
        if width + item.len() + 2 > WIDTH {
            text.push_str("\n   ");
            width = 3;
        }
        put(text, format_args!(" {item},"));
        width += item.len() + 2;
    }
    text.push_str("\n]\n");
}

/// To four digits: more no log tells.
fn digits(number: f64) -> String {
    let places = if number > 0.0 { 3 - libm::floor(libm::log10(number)) as i32 } else { 0 };
    let text = format!("{number:.*}", places.clamp(0, 12) as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

fn put(text: &mut String, what: std::fmt::Arguments) {
    text.write_fmt(what).expect("a String takes all that is written");
}

const WIDTH: usize = 110;

const ENDPOINT: &str = r#"
# Stands in for your own: who serves it, what is allowed there, how fast it answers and what it charges.
[[endpoints]]
name = "first-choice"
provider = "openai"
model = "gpt-6-sol"
url = "mock"
latency = { kind = "lognormal", ttft_median = "450ms", ttft_sigma = 0.4, per_1k_input = "30ms", itl = "12ms" }
price = { input = "2", cache_read = "0.20", output = "10" }
"#;
