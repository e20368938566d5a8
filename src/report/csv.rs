//! `timeseries.csv` and `cost.csv`: curves and bills for other programs.

use super::summary::Summary;
use crate::error::{Error, Result};
use crate::section::{Curve, Section, Value};

/// The curves over time, one row for each time in seconds, one column for each curve: `throughput.offered`.
/// A cell is empty where a curve has no point.
pub fn timeseries(summary: &Summary) -> Result<Vec<u8>> {
    let curves: &[Curve] = summary.section("series").map_or(&[], |section| &section.curves);
    let header = curves.iter().map(|curve| format!("{}.{}", curve.name, curve.series));
    let mut rows = vec![std::iter::once("secs".to_string()).chain(header).collect()];
    let mut times: Vec<f64> = curves.iter().flat_map(|curve| &curve.points).map(|point| point.0).collect();
    times.retain(|time| time.is_finite());
    times.sort_by(f64::total_cmp);
    times.dedup();
    for time in times {
        let cell = |curve: &Curve| {
            let index = curve.points.binary_search_by(|point| point.0.total_cmp(&time)).ok();
            index.map_or(String::new(), |index| curve.points[index].1.to_string())
        };
        rows.push(std::iter::once(time.to_string()).chain(curves.iter().map(cell)).collect());
    }
    write(&rows)
}

/// The bill of the whole run, of every endpoint and of every class, in exact decimal dollars. A cell is
/// empty where an amount is not known, and `note` says why.
pub fn cost(summary: &Summary) -> Result<Vec<u8>> {
    let none = Section::default();
    let section = summary.section("cost").unwrap_or(&none);
    let mut names: Vec<&str> = Vec::new();
    for figure in section.scopes.iter().flat_map(|scope| &scope.figures) {
        if !names.contains(&figure.name.as_str()) {
            names.push(&figure.name);
        }
    }
    let header = ["scope", "name"].into_iter().chain(names.iter().copied()).chain(["note"]);
    let mut rows = vec![header.map(str::to_string).collect::<Vec<_>>()];
    for scope in &section.scopes {
        let mut row = vec![format!("{:?}", scope.kind).to_lowercase(), scope.name.clone()];
        let mut note = String::new();
        for name in &names {
            let value = scope.figures.iter().find(|figure| figure.name == *name).map(|figure| &figure.value);
            row.push(value.map_or(String::new(), exact));
            if let (Some(Value::Unknown(reason)), true) = (value, note.is_empty()) {
                note.clone_from(reason);
            }
        }
        row.push(note);
        rows.push(row);
    }
    write(&rows)
}

/// All digits there are; nothing where there is no number.
fn exact(value: &Value) -> String {
    match value {
        Value::Count(count) => count.to_string(),
        Value::Money(money) => money.to_string(),
        Value::Number(number) if number.is_finite() => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::None | Value::Number(_) | Value::TooFew { .. } | Value::Unknown(_) => String::new(),
    }
}

fn write(rows: &[Vec<String>]) -> Result<Vec<u8>> {
    let failed = |cause: &dyn std::fmt::Display| Error::failed(format!("could not write CSV: {cause}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).map_err(|cause| failed(&cause))?;
    }
    writer.into_inner().map_err(|cause| failed(&cause))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn lines(csv: Result<Vec<u8>>) -> Vec<String> {
        String::from_utf8(csv.unwrap()).unwrap().lines().map(str::to_string).collect()
    }

    #[test]
    fn curves_of_different_times_stand_side_by_side() {
        let mut summary = sample::empty();
        let curve = |series: &str, points: &[(f64, f64)]| Curve {
            name: "throughput".into(),
            series: series.into(),
            points: points.to_vec(),
        };
        let curves =
            vec![curve("offered", &[(0.0, 1.5), (1.0, 2.0)]), curve("a, b", &[(1.0, 3.0), (1.5, 0.1)])];
        summary.sections = vec![Section { curves, ..Section::new("series") }];
        assert_eq!(
            lines(timeseries(&summary)),
            ["secs,throughput.offered,\"throughput.a, b\"", "0,1.5,", "1,2,3", "1.5,,0.1"]
        );
    }

    #[test]
    fn bills_are_exact_and_an_unknown_amount_is_empty_and_explained() {
        let lines = lines(cost(&sample::too_few()));
        assert!(lines[0].starts_with("scope,name,cost_total,cost_metered,"), "{}", lines[0]);
        assert!(lines[0].ends_with(",note"));
        assert!(lines[2].starts_with("endpoint,azure-ptu,,"), "{}", lines[2]);
        assert!(lines[2].ends_with("add price.cache_read"));
        let exact = cost(&sample::first_light()).unwrap();
        assert!(String::from_utf8(exact).unwrap().contains("endpoint,openai-direct,3.019500000001,"));
    }

    #[test]
    fn an_empty_summary_has_headers_only() {
        assert_eq!(lines(timeseries(&sample::empty())), ["secs"]);
        assert_eq!(lines(cost(&sample::empty())), ["scope,name,note"]);
    }
}
