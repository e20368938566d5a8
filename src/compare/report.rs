//! Comparisons as text, Markdown and JSON: the verdict first, then one table.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::gate::Worse;
use super::{Compared, Comparison, Method, Verdict};
use crate::error::{Error, Result};
use crate::report::certainty::Bounds;
use crate::report::junit::{self, Case, Suite};
use crate::report::table::Table;
use crate::report::{json, markdown, show, terminal};
use crate::section::Figure;
use crate::statistics::bootstrap::Scale;

/// The version of the schema of what [`json()`] writes.
pub const SCHEMA: u32 = 1;

/// Where results that were held against a baseline keep that.
pub const FILE: &str = "comparison.json";

/// Every result held against the same baseline.
#[derive(Deserialize, Serialize)]
struct All<'a> {
    schema: u32,
    verb: Cow<'a, str>,
    verdict: Verdict,
    comparisons: Cow<'a, [Comparison]>,
}

/// The worst verdict of all.
pub fn verdict(comparisons: &[Comparison]) -> Verdict {
    comparisons.iter().map(|one| one.verdict).min().unwrap_or(Verdict::Inconclusive)
}

/// For programs.
pub fn json(comparisons: &[Comparison]) -> Result<String> {
    let verdict = verdict(comparisons);
    json::pretty(&All { schema: SCHEMA, verb: VERB.into(), verdict, comparisons: comparisons.into() })
}

/// What results in a folder keep of their comparison with a baseline; nothing, where there was none.
pub fn kept(folder: &Path) -> Result<Vec<Comparison>> {
    let path = folder.join(FILE);
    let text = match std::fs::read_to_string(&path) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(|cause| Error::file("read", &path, cause))?,
    };
    let all: All<'_> = serde_json::from_str(&text).map_err(|cause| Error::file("read", &path, cause))?;
    if all.schema != SCHEMA {
        let why = format!("its schema is {}, and this tollgate reads {SCHEMA}; compare again", all.schema);
        return Err(Error::file("read", &path, why));
    }
    Ok(all.comparisons.into_owned())
}

/// A test case for each figure of a comparison, and one for what kept it from being made.
pub fn cases(one: &Comparison) -> Vec<Case> {
    let base = &one.base;
    let case = |name: String, verdict| Case { name, secs: 0.0, verdict };
    let reasons = one.reasons.join("; ");
    let whole = (!reasons.is_empty())
        .then(|| case(format!("can be held against {base}"), junit::Verdict::Error("no_verdict", reasons)));
    let figures = one.figures.iter().map(|compared| {
        let Row { base: before, new: after, change, interval, allowed } = Row::of(one, compared);
        let said = format!("{before} → {after}, {change} ({interval}), allowed {allowed}");
        let verdict = match compared.verdict {
            Verdict::Fail => junit::Verdict::Failure("regression", said),
            Verdict::Inconclusive if whole.is_some() => {
                junit::Verdict::Skipped("no verdict on the whole".into())
            }
            Verdict::Inconclusive => {
                let why = compared.why.as_deref().unwrap_or_default();
                junit::Verdict::Error("no_verdict", format!("{said}: {why}"))
            }
            Verdict::Pass => junit::Verdict::Pass,
        };
        case(format!("{} against {base}", compared.figure), verdict)
    });
    let figures: Vec<Case> = figures.collect();
    whole.into_iter().chain(figures).collect()
}

/// For readers of JUnit XML.
pub fn junit(comparisons: &[Comparison]) -> String {
    let cases: Vec<Case> = comparisons
        .iter()
        .flat_map(|one| {
            let of = |case: Case| Case { name: format!("{}: {}", one.new, case.name), ..case };
            cases(one).into_iter().map(of)
        })
        .collect();
    let started = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let properties = [("verb", VERB.to_string())];
    let text = text(comparisons);
    junit::suite(&Suite {
        name: VERB,
        started: &started,
        secs: 0.0,
        properties: &properties,
        cases: &cases,
        text: &text,
    })
}

const VERB: &str = "compare";

/// For a terminal.
pub fn text(comparisons: &[Comparison]) -> String {
    let each = comparisons.iter().map(|one| {
        let mut out = format!("{}\n\n{}", headline(one), terminal::plain(&table(one)));
        one.reasons.iter().for_each(|reason| {
            let _ = writeln!(out, "  no verdict: {reason}");
        });
        out
    });
    each.collect::<Vec<_>>().join("\n")
}

/// For the step summaries of continuous integration.
pub fn markdown(comparisons: &[Comparison]) -> String {
    let mut out = String::new();
    for one in comparisons {
        let _ = writeln!(out, "**{}**\n", markdown::escape(&headline(one)));
        for reason in &one.reasons {
            let _ = writeln!(out, "- no verdict: {}", markdown::escape(reason));
        }
        if !one.reasons.is_empty() {
            out.push('\n');
        }
        markdown::write_table(&mut out, &table(one));
    }
    out
}

/// `FAIL: ttft_p99 is worse than in results/base by more than is allowed`.
fn headline(one: &Comparison) -> String {
    let named = |verdict: Verdict| -> Vec<&str> {
        let of = one.figures.iter().filter(|compared| compared.verdict == verdict);
        of.map(|compared| compared.figure.as_str()).collect()
    };
    let (base, new) = (&one.base, &one.new);
    let said = match one.verdict {
        Verdict::Fail => {
            let failed = named(Verdict::Fail);
            let is = if failed.len() == 1 { "is" } else { "are" };
            format!("{} {is} worse in {new} than in {base} by more than is allowed", failed.join(", "))
        }
        Verdict::Inconclusive if !one.reasons.is_empty() => format!("{new} cannot be held against {base}"),
        Verdict::Inconclusive => {
            format!("it is not known whether {} got worse in {new}", named(Verdict::Inconclusive).join(", "))
        }
        Verdict::Pass => format!("no figure is worse in {new} than in {base} by more than is allowed"),
    };
    format!("{}: {said}", one.verdict.name())
}

fn table(one: &Comparison) -> Table {
    let headings = ["figure", "base", "new", "change", "interval", "allowed", "verdict"].map(String::from);
    let mut table = Table::new("Against the baseline", headings.into_iter());
    for compared in &one.figures {
        let Row { base, new, change, interval, allowed } = Row::of(one, compared);
        let verdict = compared.verdict.name().into();
        table.rows.push(vec![compared.figure.clone(), base, new, change, interval, allowed, verdict]);
    }
    table.notes = whys(one).into_iter().chain(one.notes.iter().cloned()).collect();
    table
}

/// A figure of both sides as people read it.
struct Row {
    base: String,
    new: String,
    change: String,
    interval: String,
    allowed: String,
}

impl Row {
    fn of(one: &Comparison, compared: &Compared) -> Row {
        let value = |value| {
            let figure = Figure { name: compared.figure.clone(), value, unit: compared.unit };
            show::compact(Some(&figure))
        };
        let (change, interval) = match &compared.change {
            Some(Bounds::Interval { estimate, low, high }) => {
                let interval = match one.method {
                    Method::Exact => "exact".into(),
                    _ => {
                        let low = signed(*low, compared.scale);
                        let low = low.split(' ').next().unwrap_or_default();
                        format!("{low} to {}", signed(*high, compared.scale))
                    }
                };
                (signed(*estimate, compared.scale), interval)
            }
            _ => (show::NOTHING.into(), show::NOTHING.into()),
        };
        let allowed = match compared.worse {
            Worse::Higher => signed(compared.regression_max, compared.scale),
            Worse::Lower => signed(-compared.regression_max, compared.scale),
        };
        Row {
            base: value(compared.base.clone()),
            new: value(compared.new.clone()),
            change,
            interval,
            allowed,
        }
    }
}

/// Why figures have no other verdict, each reason once with all of its figures.
fn whys(one: &Comparison) -> Vec<String> {
    let mut whys: Vec<(&str, Vec<&str>)> = Vec::new();
    for Compared { figure, why, .. } in &one.figures {
        let Some(why) = why else { continue };
        match whys.iter_mut().find(|(other, _)| other == why) {
            Some((_, figures)) => figures.push(figure),
            None => whys.push((why, vec![figure])),
        }
    }
    whys.into_iter().map(|(why, figures)| format!("{}: {why}", figures.join(", "))).collect()
}

/// `+1.2 %` of the baseline's, `-0.3 points` of a share.
pub(crate) fn signed(change: f64, scale: Scale) -> String {
    let sign = if change > 0.0 { "+" } else { "" };
    let shown = show::percent(if change == 0.0 { 0.0 } else { change });
    match scale {
        Scale::Absolute => format!("{sign}{} points", shown.trim_end_matches(" %")),
        Scale::Relative => format!("{sign}{shown}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::section::{Unit, Value};

    fn comparison(verdicts: [Verdict; 2], reasons: &[&str]) -> Comparison {
        let of = |figure: &str, verdict, scale, unit| Compared {
            figure: figure.into(),
            unit,
            base: Value::Number(0.4),
            new: Value::Number(0.44),
            scale,
            change: Some(Bounds::Interval { estimate: 0.1, low: -0.002, high: 0.12 }),
            worse: Worse::Higher,
            regression_max: 0.05,
            verdict,
            why: None,
        };
        Comparison {
            base: "a".into(),
            new: "b|c".into(),
            verdict: if reasons.is_empty() { verdicts[0].min(verdicts[1]) } else { Verdict::Inconclusive },
            method: Method::Bootstrap,
            reasons: reasons.iter().map(|reason| reason.to_string()).collect(),
            figures: vec![
                of("ttft_p99", verdicts[0], Scale::Relative, Unit::Seconds),
                of("refused_share", verdicts[1], Scale::Absolute, Unit::Share),
            ],
            notes: vec!["differs: seed: 1 → 2".into()],
        }
    }

    #[test]
    fn the_verdict_comes_first_and_says_of_what() {
        let first = |one: &Comparison| text(std::slice::from_ref(one)).lines().next().map(String::from);
        let (fail, open, pass) = (Verdict::Fail, Verdict::Inconclusive, Verdict::Pass);
        for (verdicts, reasons, said) in [
            ([fail, pass], &[][..], "FAIL: ttft_p99 is worse in b|c than in a by more than is allowed"),
            ([open, fail], &[], "FAIL: refused_share is worse in b|c than in a by more than is allowed"),
            (
                [fail, fail],
                &[],
                "FAIL: ttft_p99, refused_share are worse in b|c than in a by more than is allowed",
            ),
            ([open, pass], &[], "INCONCLUSIVE: it is not known whether ttft_p99 got worse in b|c"),
            ([open, open], &["a is INVALID"], "INCONCLUSIVE: b|c cannot be held against a"),
            ([pass, pass], &[], "PASS: no figure is worse in b|c than in a by more than is allowed"),
        ] {
            assert_eq!(first(&comparison(verdicts, reasons)).as_deref(), Some(said));
        }
    }

    #[test]
    fn a_change_is_in_parts_of_the_baseline_or_in_points_of_a_share() {
        let shown = text(&[comparison([Verdict::Fail, Verdict::Pass], &[])]);
        assert!(shown.contains("+10.0 %") && shown.contains("-0.2 to +12.0 %"), "{shown}");
        assert!(shown.contains("+10.0 points") && shown.contains("differs: seed: 1 → 2"), "{shown}");
        assert_eq!([signed(0.0, Scale::Relative), signed(-0.0, Scale::Absolute)], ["0.0 %", "0.0 points"]);
    }

    #[test]
    fn markdown_escapes_names_and_json_has_the_worst_verdict() {
        let all = [
            comparison([Verdict::Pass, Verdict::Pass], &[]),
            comparison([Verdict::Pass, Verdict::Fail], &[]),
        ];
        assert!(markdown(&all).contains("b\\|c"));
        let written: serde_json::Value = serde_json::from_str(&json(&all).unwrap()).unwrap();
        assert_eq!(
            (&written["verdict"], &written["comparisons"][0]["verdict"]),
            (&"FAIL".into(), &"PASS".into())
        );
        assert_eq!(written["comparisons"][0]["figures"][1]["scale"], "absolute");
        assert_eq!(written["comparisons"][0]["figures"][0]["change"]["interval"]["high"], 0.12);
    }
}
