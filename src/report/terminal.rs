//! The view for a terminal: the verdict first, then thresholds, tables and where the files are.

use std::fmt::Write as _;
use std::path::Path;

use super::show;
use super::summary::{Summary, ThresholdVerdict, Validity, Verb};
use super::table::{self, Table};
use crate::section::{Figure, Value};

/// Columns of the screen it fits.
const WIDTH: usize = 100;

/// Rows shown of one table, but for the one of all; `report.html` has them all.
const ROWS_MAX: usize = 20;

/// The view, each line ended. `dir` is where the files are; colour only where `is_coloured`.
pub fn view(summary: &Summary, dir: Option<&Path>, is_coloured: bool) -> String {
    let paint = Paint { is_coloured };
    let mut out = String::new();
    out.push_str(&first_line(summary, paint));
    out.push('\n');
    let scenario = if summary.scenario.is_empty() { "unnamed" } else { &summary.scenario };
    let about = [
        scenario.into(),
        summary.verb.name().into(),
        format!("seed {}", summary.seed),
        format!("requests for {}", show::seconds(summary.duration_secs)),
        warmup(summary),
    ];
    wrap(&mut out, "", &about);
    thresholds(&mut out, summary, paint);
    for table in table::main(summary) {
        out.push('\n');
        aligned(&mut out, &table, ROWS_MAX, paint);
    }
    let lines = table::lines(summary);
    let width = lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
    if !lines.is_empty() {
        out.push('\n');
    }
    for line in lines {
        let parts: Vec<String> = line.parts.iter().map(|(label, shown)| format!("{label} {shown}")).collect();
        wrap(&mut out, &format!("{:width$}  ", line.name), &parts);
    }
    if let Some(dir) = dir {
        let _ = write!(out, "\n{}\n", dir.display());
        out.push_str("  report.html · summary.json · plots/\n");
    }
    out
}

/// `warm-up 5.00 s`, how it was found, where it was, and the cooldown, where there is one.
pub(super) fn warmup(summary: &Summary) -> String {
    let span = show::seconds(summary.warmup_secs);
    let warmup = match summary.warmup_by.split_once(": ") {
        Some(("found", how)) => format!("warm-up {span}: {how}"),
        Some(("none", why)) if why != NOT_ASKED => format!("no warm-up: {why}"),
        _ => format!("warm-up {span}"),
    };
    match summary.cooldown_secs {
        secs if secs > 0.0 => format!("{warmup} · cooldown {}", show::seconds(secs)),
        _ => warmup,
    }
}

/// What a summary says of a scenario that asks for no warm-up.
const NOT_ASKED: &str = "the scenario asks for none";

/// `offered 120.0/s · achieved 119.8/s · send lag p99 0.4 ms · VALID`
pub fn headline(summary: &Summary) -> String {
    let (facts, verdict) = headline_parts(summary);
    facts + &verdict
}

fn first_line(summary: &Summary, paint: Paint) -> String {
    let (facts, verdict) = headline_parts(summary);
    let colour = match summary.verdict.validity {
        Validity::Valid if summary.is_interrupted || summary.stopped.is_some() => YELLOW,
        Validity::Valid => GREEN,
        Validity::Invalid => RED,
    };
    facts + &paint.with(colour, &verdict)
}

/// What was asked and delivered; and what to make of it.
fn headline_parts(summary: &Summary) -> (String, String) {
    let shown = |name| show::figure(summary.total("fidelity", name));
    let mut facts = format!("offered {} · achieved {} · ", shown("offered_rate"), shown("achieved_rate"));
    match summary.verb {
        Verb::Run => {
            let _ = write!(facts, "send lag p99 {} · ", send_lag(summary));
        }
        Verb::Plan | Verb::Simulate => facts.push_str("virtual time · "),
    }
    let mut verdict = match summary.verdict.validity {
        Validity::Valid => "VALID".to_string(),
        Validity::Invalid => format!("INVALID: {}", summary.verdict.reason),
    };
    match &summary.recovered {
        Some(why) => verdict = format!("{verdict} · RECOVERED: {why}"),
        None if summary.is_interrupted => {
            verdict.push_str(" · INTERRUPTED, the figures are of what there was");
        }
        None => {}
    }
    if let Some(why) = &summary.stopped {
        verdict = format!("{verdict} · STOPPED: {why}; the figures are of what there was");
    }
    (facts, verdict)
}

/// The p99; where there are too few samples for it, the maximum with a word that it is.
fn send_lag(summary: &Summary) -> String {
    let p99 = summary.total("fidelity", "send_lag_p99");
    match (p99, summary.total("fidelity", "send_lag_max")) {
        (Some(Figure { value: Value::TooFew { .. }, .. }), Some(max)) => {
            format!("too few samples (max {})", show::figure(Some(max)))
        }
        _ => show::figure(p99),
    }
}

fn thresholds(out: &mut String, summary: &Summary, paint: Paint) {
    let width =
        summary.thresholds.iter().map(|result| result.text.chars().count()).max().unwrap_or(0).min(60);
    for result in &summary.thresholds {
        let colour = match result.verdict {
            ThresholdVerdict::Fail => RED,
            ThresholdVerdict::NoVerdict => YELLOW,
            ThresholdVerdict::Pass => GREEN,
        };
        let sign = paint.with(colour, &result.verdict.sign().to_string());
        let text = show::shorten(&result.text, width);
        let shown = show::shorten(&result.shown, WIDTH - width - 4);
        let _ = writeln!(out, "{sign} {text:width$}  {shown}");
    }
}

/// A table by itself with all its rows, each line ended.
pub fn plain(table: &Table) -> String {
    let mut out = String::new();
    aligned(&mut out, table, usize::MAX, Paint { is_coloured: false });
    out
}

/// The first column to the left, numbers to the right, with the widest gap that fits the screen.
fn aligned(out: &mut String, table: &Table, rows_max: usize, paint: Paint) {
    let (all, each): (Vec<_>, Vec<_>) = table.rows.iter().partition(|row| row[0] == table::ALL);
    let (shown, left_out) = each.split_at(each.len().min(rows_max));
    let rows = || shown.iter().chain(&all);
    let parted: Vec<(&str, &str)> =
        table.headings.iter().map(|heading| heading.split_once('\n').unwrap_or(("", heading))).collect();
    let length = |text: &str| text.chars().count();
    let width = |column: usize| {
        let (upper, lower) = parted[column];
        let cells = rows().map(|row| length(&row[column]));
        cells.chain([length(upper), length(lower)]).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..table.headings.len()).map(width).collect();
    let numbers: usize = widths[1..].iter().sum();
    let gaps = widths.len() - 1;
    let gap = if widths[0] + numbers + 2 * gaps <= WIDTH { 2 } else { 1 };
    widths[0] = widths[0].min(WIDTH.saturating_sub(numbers + gap * gaps)).max(6);
    let mut line = |cells: &[&str], style: &str| {
        let mut text = format!("{:width$}", show::shorten(cells[0], widths[0]), width = widths[0]);
        for (cell, width) in cells[1..].iter().zip(&widths[1..]) {
            let _ = write!(text, "{:gap$}{cell:>width$}", "");
        }
        out.push_str(&paint.with(style, text.trim_end()));
        out.push('\n');
    };
    let upper: Vec<&str> = parted.iter().map(|(upper, _)| *upper).collect();
    if upper.iter().any(|heading| !heading.is_empty()) {
        line(&upper, BOLD);
    }
    line(&parted.iter().map(|(_, lower)| *lower).collect::<Vec<_>>(), BOLD);
    for row in rows() {
        line(&row.iter().map(String::as_str).collect::<Vec<_>>(), PLAIN);
    }
    if !left_out.is_empty() {
        let _ = writeln!(out, "… and {} more in report.html", left_out.len());
    }
    for note in &table.notes {
        prose(out, note);
    }
}

/// Writes `parts` joined by dots, wrapped between parts and indented by the width of `name`.
fn wrap(out: &mut String, name: &str, parts: &[impl AsRef<str>]) {
    let indent = name.chars().count();
    let mut column = indent;
    out.push_str(name);
    for (index, part) in parts.iter().enumerate() {
        let length = part.as_ref().chars().count();
        if index > 0 && column + 3 + length > WIDTH {
            let _ = write!(out, "\n{:indent$}", "");
            column = indent;
        } else if index > 0 {
            out.push_str(" · ");
            column += 3;
        }
        out.push_str(part.as_ref());
        column += length;
    }
    out.push('\n');
}

/// Writes sentences, indented and wrapped between words.
fn prose(out: &mut String, text: &str) {
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        let before = match column {
            0 => "  ",
            _ if column + 1 + length > WIDTH => "\n  ",
            _ => " ",
        };
        column = if before == " " { column + 1 + length } else { 2 + length };
        out.push_str(before);
        out.push_str(word);
    }
    out.push('\n');
}

/// Colours text, or leaves it alone.
#[derive(Clone, Copy)]
struct Paint {
    is_coloured: bool,
}

impl Paint {
    fn with(self, style: &str, text: &str) -> String {
        if self.is_coloured && !style.is_empty() {
            format!("\x1b[{style}m{text}\x1b[0m")
        } else {
            text.into()
        }
    }
}

const BOLD: &str = "1";
const GREEN: &str = "32";
const PLAIN: &str = "";
const RED: &str = "31";
const YELLOW: &str = "33";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_long_table_keeps_its_row_of_all() {
        let mut table = table::main(&sample::first_light()).remove(0);
        let (each, all) = (table.rows[0].clone(), table.rows.pop().unwrap());
        table.rows = vec![each; ROWS_MAX + 5];
        table.rows.push(all);
        let mut out = String::new();
        aligned(&mut out, &table, ROWS_MAX, Paint { is_coloured: false });
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines.len(), 2 + ROWS_MAX + 2);
        assert!(lines[2 + ROWS_MAX].starts_with("all "), "{out}");
        assert!(lines[2 + ROWS_MAX + 1].starts_with("… and 5 more"), "{out}");
    }

    #[test]
    fn the_view_of_first_light_is_as_committed() {
        let dir = Path::new("results/first-light/2026-01-02T03-04-05Z");
        let view = view(&sample::first_light(), Some(dir), false);
        sample::assert_golden("terminal.txt", &view);
    }

    #[test]
    fn the_verdict_is_the_first_line() {
        let first = |summary: &Summary| view(summary, None, false).lines().next().unwrap_or("").to_string();
        assert_eq!(
            first(&sample::first_light()),
            "offered 120.0/s · achieved 119.8/s · send lag p99 0.4 ms · VALID"
        );
        let mut summary = sample::first_light();
        summary.verb = Verb::Simulate;
        summary.is_interrupted = true;
        assert_eq!(
            first(&summary),
            "offered 120.0/s · achieved 119.8/s · virtual time · VALID · INTERRUPTED, the figures are of what there was"
        );
        assert_eq!(
            first(&sample::refused()),
            "offered 4.0/s · achieved 4.0/s · send lag p99 too few samples (max 31.0 ms) · INVALID: send lag p99 31.000 ms is above the bound of 20ms"
        );
        assert_eq!(first(&sample::empty()), "offered – · achieved – · virtual time · VALID");
    }

    #[test]
    fn every_line_but_the_first_fits_the_screen_however_long_the_names() {
        for summary in sample::all() {
            for line in view(&summary, None, false).lines().skip(1) {
                assert!(line.chars().count() <= WIDTH, "{} columns: {line}", line.chars().count());
            }
        }
    }

    #[test]
    fn colour_is_only_there_when_asked_for() {
        let summary = sample::first_light();
        assert!(!view(&summary, None, false).contains('\x1b'));
        let coloured = view(&summary, None, true);
        assert!(coloured.contains("\x1b[32mVALID\x1b[0m") && coloured.contains("\x1b[31m✗\x1b[0m"));
    }
}
