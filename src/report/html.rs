//! `report.html`: one self-contained page with every table, plot and the scenario, without network or script.

use minijinja::value::Serde;
use minijinja::{Environment, context};
use serde::Serialize;

use super::summary::{Summary, Validity};
use super::{Report, plot, show, svg, table, terminal};
use crate::error::{Error, Result};

pub const FILE: &str = "report.html";

const TEMPLATE: &str = include_str!("report.html");

/// How every page looks.
pub(super) const STYLE: &str = include_str!("style.css");

pub fn write(report: &Report) -> Result<String> {
    let summary = report.summary;
    let failed = |cause: minijinja::Error| Error::failed(format!("could not write {FILE}: {cause:#}"));
    let mut environment = Environment::new();
    environment.add_template(FILE, TEMPLATE).map_err(failed)?;
    let template = environment.get_template(FILE).map_err(failed)?;
    let page = template.render(context! {
        style => STYLE,
        headline => terminal::headline(summary),
        is_valid => summary.verdict.validity == Validity::Valid,
        question => &summary.question,
        scenario => &summary.scenario,
        scenario_toml => report.scenario_toml,
        facts => Serde(facts(summary)),
        thresholds => Serde(thresholds(summary)),
        tables => Serde(table::main(summary)),
        lines => Serde(table::lines(summary)),
        figures => Serde(table::figures(summary)),
        plots => Serde(plots(summary)?),
    });
    page.map_err(failed)
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

#[derive(Serialize)]
struct Plot {
    name: &'static str,
    svg: String,
}

fn plots(summary: &Summary) -> Result<Vec<Plot>> {
    let charts = plot::all(summary);
    charts.iter().map(|chart| Ok(Plot { name: chart.name, svg: svg::write(chart)? })).collect()
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
        for outside in ["<script", "src=", "<link", "@import", "url(", "href=\"http"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn names_and_the_scenario_are_escaped() {
        let summary = sample::hostile();
        let page =
            write(&Report { summary: &summary, scenario_toml: "# </pre><script>alert(1)</script>" }).unwrap();
        assert!(!page.contains("<script"));
        assert!(page.contains("&lt;script"));
    }
}
