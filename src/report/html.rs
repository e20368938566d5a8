//! `report.html`: everything on one page that needs nothing else.

use minijinja::{Environment, context};

use super::summary::Summary;
use super::{canvas, format, plot};
use crate::error::{Error, Result};
use crate::section::{Scope, ScopeKind, Verdict};

/// The page; `scenario` is its text.
pub fn page(summary: &Summary, scenario: &str) -> Result<Vec<u8>> {
    let failed = |cause: minijinja::Error| Error::failed(format!("report.html cannot be made: {cause:#}"));
    let mut environment = Environment::new();
    environment.add_template("report.html", TEMPLATE).map_err(failed)?;
    let plots = plot::PLOTS
        .iter()
        .map(|plot| Ok(context! { title => plot.title, svg => canvas::svg(*plot, summary)? }));
    let plots = plots.collect::<Result<Vec<_>>>()?;
    let thresholds = summary.thresholds.iter().map(|judgement| {
        let (verdict, class) = match judgement.verdict {
            Verdict::Pass => ("✓ pass", "pass"),
            Verdict::Fail => ("✗ fail", "fail"),
            Verdict::NoVerdict => ("? no verdict", "none"),
        };
        context! { text => &judgement.threshold, verdict, class, value => format::value(&judgement.value, judgement.unit) }
    });
    let tables = summary.sections.iter().filter(|section| !section.scopes.is_empty()).map(|section| {
        let (columns, rows) = table(&section.scopes);
        context! { name => &section.name, columns, rows }
    });
    let total = |figure: &str| format::figure(summary.total("fidelity", figure));
    let page = environment.get_template("report.html").and_then(|template| {
        template.render(context! {
            scenario => &summary.scenario,
            question => &summary.question,
            verb => &summary.verb,
            version => &summary.version,
            seed => summary.seed,
            sha256 => &summary.scenario_sha256,
            host => format!("{} {} · {} CPUs", summary.host.os, summary.host.arch, summary.host.cpus),
            started => &summary.host.started,
            offered => total("offered_rate"),
            achieved => total("achieved_rate"),
            send_lag => total("send_lag_p99"),
            is_valid => summary.is_valid(),
            is_interrupted => summary.is_interrupted,
            reason => summary.reason(),
            thresholds => thresholds.collect::<Vec<_>>(),
            plots,
            tables => tables.collect::<Vec<_>>(),
            text => scenario,
        })
    });
    Ok(page.map_err(failed)?.into_bytes())
}

/// Figures as rows and scopes as columns, without the rows in which nothing happened.
fn table(scopes: &[Scope]) -> (Vec<String>, Vec<Vec<String>>) {
    let shown: Vec<&Scope> = scopes.iter().filter(|scope| scope.kind != ScopeKind::Limit).collect();
    let columns =
        shown.iter().map(|scope| if scope.name.is_empty() { "all".into() } else { scope.name.clone() });
    let mut names: Vec<&str> = Vec::new();
    for figure in shown.iter().flat_map(|scope| &scope.figures) {
        if !names.contains(&figure.name.as_str()) {
            names.push(&figure.name);
        }
    }
    let row = |name: &&str| {
        let cells = shown
            .iter()
            .map(|scope| format::figure(scope.figures.iter().find(|figure| figure.name == *name)));
        std::iter::once(name.to_string()).chain(cells).collect::<Vec<_>>()
    };
    let rows = names.iter().map(row).filter(|row| row[1..].iter().any(|cell| cell != "–" && cell != "0"));
    (columns.collect(), rows.collect())
}

const TEMPLATE: &str = include_str!("report.html");
