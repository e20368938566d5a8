//! How well a fit fits, told in Markdown and drawn in plots.

use std::fmt::Write as _;

use super::comparison::{Comparison, Shape, bound};
use super::conversations::Figures;
use super::length::Histogram;
use super::log::Log;
use super::rate::Rate;
use super::sessions::{Part, why_not};
use super::tenants::Tenants;
use super::{Fit, counts};
use crate::error::Result;
use crate::report::fit::{Side, files};

/// The report's files: paths within its folder, and what is in them.
pub fn write(fit: &Fit, log: &Log, comparison: &Comparison, source: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let has_sessions = fit.has_sessions();
    let mut all = files(source, &side(log, has_sessions), &side(&comparison.sample, has_sessions))?;
    let plots: Vec<&str> = all.iter().filter_map(|(name, _)| name.strip_suffix(".svg")).collect();
    let text = markdown(fit, log, comparison, source, &plots);
    all.push(("fit.md".into(), text.into_bytes()));
    Ok(all)
}

/// What the fit is, and how near generated traffic comes to the log.
pub fn markdown(fit: &Fit, log: &Log, comparison: &Comparison, source: &str, plots: &[&str]) -> String {
    let mut text = format!("# How well the fit fits {source}\n\n");
    let verdict = verdict(comparison);
    put(&mut text, format_args!("{verdict}\n"));
    figures(&mut text, &comparison.real, &comparison.generated);
    if !comparison.distances.is_empty() {
        text.push_str("\n| Kolmogorov-Smirnov distance (one seed) | |\n|---|---:|\n");
    }
    for (name, distance) in &comparison.distances {
        put(&mut text, format_args!("| {name} | {distance:.4} |\n"));
    }
    text.push_str(
        "\nBounds: percentiles of all prompts and answers 5 %, the shared part 3 points (within 5 min: 5 points), the rank correlation 0.05, \
         all else 15 %; (!) is beyond.\n\n## The fit\n\n",
    );
    if !fit.parts.is_empty() {
        text.push_str("- Those that send most are classes of their own, each fitted by itself: see below.\n");
    }
    parameters(&mut text, fit, log, None);
    if fit.has_sessions() {
        percentiles_table(&mut text, log, &comparison.sample);
    }
    tenants(&mut text, log);
    apart(&mut text, fit, log, comparison);
    for plot in plots {
        put(&mut text, format_args!("\n![{plot}]({plot}.svg)\n"));
    }
    text
}

fn verdict(comparison: &Comparison) -> String {
    let (misses, seeds) = (comparison.misses(), comparison.seeds);
    let missing = comparison.parts.iter().filter(|part| !part.misses().is_empty());
    let missing: Vec<&str> = missing.map(|part| &*part.name).collect();
    let whole = match &misses[..] {
        [] if missing.is_empty() => {
            return format!(
                "Traffic generated from the fit (mean over {seeds} seeds) is within every bound."
            );
        }
        [] => format!("All traffic generated from the fit (mean over {seeds} seeds) is within every bound"),
        misses => format!("This log resists the fit in: {}", misses.join("; ")),
    };
    match &missing[..] {
        [] => format!("{whole}."),
        missing => {
            format!("{whole}. Of its classes, these miss a bound (see below): {}.", missing.join("; "))
        }
    }
}

/// The figures of both sides, a line each.
fn figures(text: &mut String, real: &Shape, generated: &Shape) {
    text.push_str("\n| figure | recorded | generated | difference |\n|---|---:|---:|---:|\n");
    for (name, real) in real.figures() {
        let generated = generated.get(name).unwrap_or_default();
        let mark = if (real - generated).abs() > bound(name, *real) { " (!)" } else { "" };
        put(
            text,
            format_args!(
                "| {name} | {} | {} | {}{mark} |\n",
                number(*real),
                number(generated),
                difference(name, *real, generated)
            ),
        );
    }
}

/// Each part of a log that is parted by its tenants: its fit, and how near its classes come.
fn apart(text: &mut String, fit: &Fit, log: &Log, comparison: &Comparison) {
    let parts = log.parts.0.iter().zip(&fit.parts).zip(&comparison.parts);
    let apart: u64 = log.parts.0.iter().map(|part| part.log.all.rows).sum();
    if apart > 0 && apart < log.all.rows {
        let rest = log.all.rows - apart;
        put(
            text,
            format_args!("\n{rest} requests of others, none of which was answered, are in no class.\n"),
        );
    }
    for ((part, fit), compared) in parts {
        put(text, format_args!("\n### {}\n\n", part.name));
        let rows = part.log.all.rows;
        if rows < ROWS_MIN {
            put(
                text,
                format_args!(
                    "- Its requests are few ({rows}, less than {ROWS_MIN}), so the fit tells little.\n"
                ),
            );
        }
        parameters(text, fit, &part.log, Some(&part.name));
        let misses = compared.misses();
        if !misses.is_empty() {
            put(text, format_args!("- Resists the fit in: {}.\n", misses.join("; ")));
        }
        figures(text, &compared.real, &compared.generated);
    }
}

/// What the fit is; `class` is what its conversations are called where they are one class by another name.
fn parameters(text: &mut String, fit: &Fit, log: &Log, class: Option<&str>) {
    if let Some(sessions) = &fit.sessions {
        told_rate(text, sessions.rate.as_ref(), "conversations");
        put(text, format_args!("- Conversations: {}, ", log.conversations.count()));
        text.push_str(match log.conversations.are_named() {
            true => "as the log names them.\n",
            false => "told by prompts that begin with all whole blocks of an earlier one.\n",
        });
        let all = sessions.parts.iter().map(|part| part.count).sum();
        sessions.parts.iter().for_each(|part| told_part(text, class.unwrap_or(part.name), part, all));
        if log.conversations.are_pauses_from_start() {
            text.push_str(
                "- Pauses are from start to start: the log does not tell when answers were there.\n",
            );
        }
    } else if let Some(reason) = why_not(&log.conversations).filter(|_| log.conversations.requests > 0) {
        put(text, format_args!("- Its conversations are not fitted as such: {reason}.\n"));
    }
    if let Some(tick) = log.tick_secs {
        put(
            text,
            format_args!(
                "- The log's clock steps by {tick} s; requests were spread within each step, so what happens within it is not known.\n"
            ),
        );
    }
    if let Some(holes) = log.gaps().hole_warning() {
        put(text, format_args!("- Silences are fitted as such; {holes}.\n"));
    }
    if log.all.failed > 0 {
        let failed = log.all.failed;
        put(
            text,
            format_args!("- {failed} requests failed: they count as arrivals, their lengths do not.\n"),
        );
    }
    let Some(single) = &fit.single else { return };
    if fit.sessions.is_some() {
        put(text, format_args!("- Requests of no conversation: {}, a class of their own.\n", log.alone.rows));
    }
    told_rate(text, single.rate.as_ref(), "requests");
    match single.correlation {
        Some(correlation) => put(
            text,
            format_args!("- Prompt and answer lengths are drawn together, rank correlation {correlation}.\n"),
        ),
        None => text.push_str("- Prompt and answer lengths are drawn independently.\n"),
    }
    if let Some(shared) = single.shared {
        put(
            text,
            format_args!(
                "- Prompts share {:.1} % of their tokens with one of {} groups; when in the log a group comes back is not kept.\n",
                shared.share * 100.0,
                shared.groups
            ),
        );
    }
}

fn told_rate(text: &mut String, rate: Option<&Rate>, what: &str) {
    let Some(rate) = rate else {
        return put(
            text,
            format_args!("- The log does not tell when {what} begin: their rate is not fitted.\n"),
        );
    };
    put(
        text,
        format_args!(
            "- Rate of {what}: a curve of {} bins of {} s; gaps with a coefficient of variation of {}, the rate taken out.\n",
            rate.rates.len(),
            rate.every_secs,
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

fn told_part(text: &mut String, name: &str, part: &Part, all: u64) {
    let (figures, share) = (&part.figures, 100.0 * part.count as f64 / all as f64);
    put(text, format_args!("- Class {name}: {share:.1} % of them"));
    if !part.is_single() {
        put(text, format_args!(", {:.1} turns on average", figures.turns.mean()));
    }
    if figures.tool_pauses.total() > 0 {
        put(
            text,
            format_args!(", {:.1} % of later turns bring a tool's result", figures.tool_share() * 100.0),
        );
    }
    if let Some(system) = part.system {
        put(
            text,
            format_args!("; {} tokens of system prompt, groups of them: {}", system.tokens, system.groups),
        );
    }
    if let Some(compaction) = part.compaction {
        let restarts = 100.0 * figures.restarts.total() as f64 / figures.later().max(1) as f64;
        put(
            text,
            format_args!(
                "; {restarts:.2} % of later prompts begin anew: above {} tokens to {}",
                compaction.above, compaction.to
            ),
        );
    }
    text.push_str(".\n");
}

/// What conversations are like, recorded and generated from the first seed.
fn percentiles_table(text: &mut String, log: &Log, sample: &Log) {
    text.push_str(
        "\n| of conversations, recorded → generated (one seed) | p10 | p50 | p90 | p99 |\n|---|---:|---:|---:|---:|\n",
    );
    let [real, ours] = [log, sample].map(|log| Figures::of(log.conversations.all()));
    let rows = [
        ("turns", &real.turns, &ours.turns, 1.0),
        ("first prompt, tokens", &real.first_input, &ours.first_input, 1.0),
        ("new tokens of a later turn", &real.new_input, &ours.new_input, 1.0),
        ("pause before a later turn, s", &real.pauses(), &ours.pauses(), 1000.0),
    ];
    let shares = [0.1, 0.5, 0.9, 0.99];
    for (name, real, ours, unit) in rows {
        put(text, format_args!("| {name} |"));
        for (real, ours) in real.quantiles(&shares).into_iter().zip(ours.quantiles(&shares)) {
            put(text, format_args!(" {} → {} |", f64::from(real) / unit, f64::from(ours) / unit));
        }
        text.push('\n');
    }
    let [user, tool] = [&real.user_pauses, &real.tool_pauses].map(|pauses| pauses.quantiles(&[0.5, 0.9]));
    if real.tool_pauses.total() > 0 {
        let secs = |millis: u32| f64::from(millis) / 1000.0;
        put(
            text,
            format_args!(
                "\nRecorded pauses after a user's turn: p50 {} s, p90 {} s; for a tool: p50 {} s, p90 {} s.\n",
                secs(user[0]),
                secs(user[1]),
                secs(tool[0]),
                secs(tool[1])
            ),
        );
    }
}

fn tenants(text: &mut String, log: &Log) {
    let Some(tenants) = Tenants::of(&log.tenants) else { return };
    let [one, five, twenty] = tenants.top.map(|share| share * 100.0);
    put(
        text,
        format_args!(
            "\n| tenants | largest | largest 5 | largest 20 | sigma of the logarithm of their requests |\n|---:|---:|---:|---:|---:|\n\
             | {} | {one:.1} % | {five:.1} % | {twenty:.1} % | {:.2} |\n",
            tenants.count, tenants.sigma
        ),
    );
    if log.parts.0.is_empty() {
        text.push_str("\nHere they come as one; `--tenants 5` makes classes of the five largest, the others together.\n");
    }
}

fn difference(name: &str, real: f64, generated: f64) -> String {
    match name {
        _ if name.starts_with("shared part") => format!("{:+.1} points", (generated - real) * 100.0),
        "rank correlation" => format!("{:+.3}", generated - real),
        _ if real > 0.0 => format!("{:+.1} %", (generated / real - 1.0) * 100.0),
        _ => String::new(),
    }
}

fn number(number: f64) -> String {
    let decimals = if number.abs() < 10.0 { 3 } else { 1 };
    format!("{number:.decimals$}")
}

fn side(log: &Log, has_sessions: bool) -> Side {
    let seconds = &log.all.seconds;
    let width = (seconds.len() / POINTS).max(1).next_multiple_of(10);
    let rate = counts::bins(seconds, width).into_iter().enumerate();
    let rate = rate.map(|(nth, count)| ((nth as f64 + 0.5) * width as f64, count / width as f64));
    let mut tens = Histogram::default();
    seconds.chunks_exact(10).for_each(|ten| tens.add(ten.iter().sum()));
    let talk = Figures::of(log.conversations.all().filter(|_| has_sessions));
    let secs =
        |points: Vec<(f64, f64)>| points.into_iter().map(|(at, millis)| (at, millis / 1000.0)).collect();
    Side {
        rate: rate.collect(),
        counts: percentiles(&tens),
        input: percentiles(&log.all.input),
        output: percentiles(&log.all.output),
        turns: percentiles(&talk.turns),
        new_input: percentiles(&talk.new_input),
        pauses: secs(percentiles(&talk.pauses())),
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

/// Fewer requests than this show neither a rate nor a percentile.
pub const ROWS_MIN: u64 = 300;

/// Points of the rate's line, about.
const POINTS: usize = 300;
