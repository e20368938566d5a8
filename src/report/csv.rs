//! Tables for spreadsheets: `timeseries.csv` and `cost.csv`.

use super::summary::Summary;
use crate::error::{Error, Result};
use crate::section::{ScopeKind, Value};

/// The throughput, tokens and money over time, a row a bucket.
pub fn timeseries(summary: &Summary) -> Result<Vec<u8>> {
    let curves: Vec<_> = ["throughput", "output_tokens_per_second", "cost_over_time"]
        .into_iter()
        .flat_map(|name| summary.curves(name).map(move |curve| (name, curve)))
        .collect();
    let mut header = vec!["start_s".to_string()];
    header.extend(curves.iter().map(|(name, curve)| match *name {
        "throughput" => format!("{}_per_s", curve.series),
        "cost_over_time" => format!("cost_usd_{}", curve.series),
        name => name.to_string(),
    }));
    let starts = summary.curves("throughput").next().map_or(Vec::new(), |curve| curve.points.clone());
    let rows = starts.iter().enumerate().map(|(index, (start, _))| {
        let mut row = vec![start.to_string()];
        row.extend(curves.iter().map(|(name, curve)| {
            // Money is a running total at the end of each bucket; its first point is the start of the run.
            let index = if *name == "cost_over_time" { index + 1 } else { index };
            curve.points.get(index).map_or(String::new(), |(_, y)| y.to_string())
        }));
        row
    });
    table(std::iter::once(header).chain(rows))
}

/// Every cost figure, exact, for the whole run, each endpoint and each class.
pub fn cost(summary: &Summary) -> Result<Vec<u8>> {
    let header = ["scope", "name", "figure", "value"].map(String::from).to_vec();
    let scopes = summary.section("cost").map_or(&[] as &[_], |section| &section.scopes);
    let rows = scopes.iter().flat_map(|scope| {
        let kind = match scope.kind {
            ScopeKind::Total => "total",
            ScopeKind::Endpoint => "endpoint",
            ScopeKind::Class => "class",
            ScopeKind::Limit => "limit",
        };
        scope.figures.iter().map(move |figure| {
            let value = match &figure.value {
                Value::Count(count) => count.to_string(),
                Value::Money(money) => money.to_string(),
                Value::Number(number) => number.to_string(),
                Value::None => String::new(),
                Value::Text(text) => text.clone(),
                Value::TooFew { .. } => "too few".into(),
                Value::Unknown(why) => format!("unknown: {why}"),
            };
            vec![kind.to_string(), scope.name.clone(), figure.name.clone(), value]
        })
    });
    table(std::iter::once(header).chain(rows))
}

fn table(rows: impl Iterator<Item = Vec<String>>) -> Result<Vec<u8>> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer
            .write_record(row)
            .map_err(|cause| Error::failed(format!("a table cannot be written: {cause}")))?;
    }
    writer.into_inner().map_err(|cause| Error::failed(format!("a table cannot be written: {cause}")))
}
