//! `report.html`: one self-contained page with every table, plot and the scenario, which asks no network for anything.

use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::page::{self, Drawings};
use super::summary::{Summary, Validity};
use super::{Report, definitions, plot, show, table, terminal};
use crate::error::Result;
use crate::section::ScopeKind;

pub const FILE: &str = "report.html";

pub fn write(report: &Report) -> Result<String> {
    let summary = report.summary;
    let given = context! {
        headline => terminal::headline(summary),
        is_valid => summary.verdict.validity == Validity::Valid,
        question => &summary.question,
        scenario => &summary.scenario,
        scenario_toml => report.scenario_toml,
        certificate => Serde(certificate(summary)),
        definitions => Serde(definitions::of(summary)),
        facts => Serde(facts(summary)),
        reason => &summary.verdict.reason,
        thresholds => Serde(thresholds(summary)),
        tables => Serde(table::main(summary)),
        lines => Serde(table::lines(summary)),
        figures => Serde(table::figures(summary)),
        plots => Serde(Drawings::of(&plot::all(summary))?),
    };
    page::render(include_str!("report.html"), given)
}

/// What the harness itself did: every figure of the fidelity, whose verdict and reason stand above them.
fn certificate(summary: &Summary) -> Vec<(&str, String)> {
    let section = summary.section("fidelity").into_iter();
    let total = section.flat_map(|section| &section.scopes).filter(|scope| scope.kind == ScopeKind::Total);
    let figures = total.flat_map(|scope| &scope.figures);
    let figures = figures.filter(|figure| !["verdict", "reason"].contains(&figure.name.as_str()));
    figures.map(|figure| (figure.name.as_str(), show::figure(Some(figure)))).collect()
}

/// What the figures are of, and how they came about.
fn facts(summary: &Summary) -> Vec<(&'static str, String)> {
    let cooldown =
        (summary.cooldown_secs > 0.0).then(|| ("Cooldown within it", show::seconds(summary.cooldown_secs)));
    let mut facts = vec![
        ("Verb", summary.verb.name().into()),
        ("Seed", summary.seed.to_string()),
        ("Requests came for", show::seconds(summary.duration_secs)),
        ("Warm-up within it", show::seconds(summary.warmup_secs)),
        ("Warm-up chosen", summary.warmup_by.clone()),
        ("Verdict rests on", summary.verdict.reason.clone()),
        ("Started", summary.host.started.clone()),
        ("Took", show::seconds(summary.host.wall_secs)),
        ("Host", format!("{} {}, {} CPUs", summary.host.os, summary.host.arch, summary.host.cpus)),
        ("Tollgate", summary.version.clone()),
        ("Scenario SHA-256", summary.scenario_sha256.clone()),
    ];
    facts.extend(cooldown);
    if !summary.catalogue_sha256.is_empty() {
        facts.push(("Prices of", summary.catalogue_date.clone()));
        facts.push(("Catalogue SHA-256", summary.catalogue_sha256.clone()));
    }
    facts.retain(|(_, fact)| !fact.is_empty());
    facts.extend(summary.warnings.iter().map(|warning| ("Warning", warning.clone())));
    facts
}

#[derive(Serialize)]
struct Threshold<'a> {
    text: &'a str,
    sign: char,
    verdict: &'static str,
    shown: &'a str,
}

fn thresholds(summary: &Summary) -> Vec<Threshold<'_>> {
    let row = |result: &'_ super::summary::ThresholdResult| (result.verdict.sign(), result.verdict.name());
    let results = summary.thresholds.iter().map(|result| (result, row(result)));
    results
        .map(|(result, (sign, verdict))| Threshold {
            text: &result.text,
            sign,
            verdict,
            shown: &result.shown,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_page_is_self_contained_and_has_all_parts() {
        let summary = sample::first_light();
        let page = write(&Report { summary: &summary, scenario_toml: "seed = 1\n" }).unwrap();
        for part in ["<!doctype html>", "VALID", "ttft_p95 &lt; 3s", "openai-direct", "seed = 1", "</html>"] {
            assert!(page.contains(part), "{part}");
        }
        assert_eq!(page.matches("<svg ").count(), plot::all(&summary).len());
        for outside in [" src=", "<link", "@import", "fetch(", "XMLHttpRequest", "href=\"http", "<iframe"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn names_and_the_scenario_are_escaped() {
        let summary = sample::hostile();
        let page =
            write(&Report { summary: &summary, scenario_toml: "# </pre><script>alert(1)</script>" }).unwrap();
        assert_eq!(page.matches("<script").count(), 2, "the data and our own");
        assert_eq!(page.matches("</script>").count(), 2);
        assert!(page.contains("&lt;script"));
    }
}
