//! `timeseries.csv` and `cost.csv`: curves and bills for other programs.

use super::summary::Summary;
use crate::bill::{Bill, ChargeKind, Row, Waste};
use crate::error::{Error, Result};
use crate::number::PPM;
use crate::price::Money;
use crate::section::Curve;
use crate::time::Instant;
use crate::wire::Tier;

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

/// The file of a bill.
pub const COST_FILE: &str = "cost.csv";

/// The columns of a bill; docs/metrics.md says what each holds.
const COST_COLUMNS: [&str; 20] = [
    "hour",
    "from_s",
    "to_s",
    "endpoint",
    "class",
    "tier",
    "kind",
    "token_class",
    "waste",
    "is_measured",
    "is_spilled",
    "commitment",
    "quantity",
    "unit",
    "list_unit_price",
    "unit_price",
    "list_cost",
    "cost",
    "used_share",
    "currency",
];

/// Every charge of a run, in exact decimal dollars. Amounts that are not known are empty.
pub fn cost(bill: &Bill) -> Result<Vec<u8>> {
    let mut rows = vec![COST_COLUMNS.map(str::to_string).to_vec()];
    rows.extend(bill.rows.iter().map(|row| cells(bill, row)));
    write(&rows)
}

fn cells(bill: &Bill, row: &Row) -> Vec<String> {
    let is_known = row.kind != ChargeKind::Unknown;
    let money = |amount: Money| if is_known { amount.to_string() } else { String::new() };
    let seconds = |at: Instant| format!("{}.{:09}", at.as_nanos() / NANOS, at.as_nanos() % NANOS);
    let used = |ppm: u32| format!("{}.{:06}", ppm / PPM, ppm % PPM);
    vec![
        row.hour.to_string(),
        seconds(row.from),
        seconds(row.to),
        row.endpoint.map_or("", |id| &bill.endpoints[usize::from(id.0)]).into(),
        row.class.map_or("", |id| &bill.classes[usize::from(id.0)]).into(),
        row.tier.map_or("", Tier::name).into(),
        row.kind.name().into(),
        row.item.token_class().into(),
        row.waste.map_or("", Waste::name).into(),
        row.is_measured.to_string(),
        row.is_spilled.to_string(),
        row.commitment.clone(),
        row.quantity.to_string(),
        row.unit.clone(),
        money(row.list),
        money(row.contracted),
        money(row.list_cost()),
        money(row.cost()),
        row.used_ppm.map_or(String::new(), used),
        "USD".into(),
    ]
}

const NANOS: u64 = 1_000_000_000;

/// A number as a cell: empty where there is none.
pub fn number(number: Option<f64>) -> String {
    number.map_or(String::new(), |number| number.to_string())
}

/// A table of text as CSV.
pub fn write(rows: &[Vec<String>]) -> Result<Vec<u8>> {
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
    use crate::bill::Item;
    use crate::report::sample;
    use crate::section::Section;
    use crate::wire::EndpointId;

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

    fn reserved() -> Row {
        Row {
            hour: 2,
            from: Instant::from_nanos(7_200 * NANOS),
            to: Instant::from_nanos(10_800 * NANOS),
            endpoint: Some(EndpointId(0)),
            class: None,
            tier: None,
            kind: ChargeKind::Reserved,
            item: Item::Capacity,
            waste: None,
            is_measured: true,
            is_spilled: false,
            commitment: "month".into(),
            term: None,
            quantity: 3,
            unit: "ptu".into(),
            list: Money::from_picos(2),
            contracted: Money::from_picos(1),
            used_ppm: Some(500_000),
        }
    }

    #[test]
    fn a_bill_is_exact_and_an_unknown_amount_is_empty() {
        let known = reserved();
        let unknown = Row { kind: ChargeKind::Unknown, used_ppm: None, ..known.clone() };
        let bill = Bill { endpoints: vec!["a, b".into()], classes: vec![], rows: vec![known, unknown] };
        let lines = lines(cost(&bill));
        assert_eq!(
            lines[1],
            "2,7200.000000000,10800.000000000,\"a, b\",,,reserved,,,true,false,month,3,ptu,0.000000000002,0.000000000001,\
             0.000000000006,0.000000000003,0.500000,USD"
        );
        assert!(lines[2].ends_with(",3,ptu,,,,,,USD"), "{}", lines[2]);
    }

    #[test]
    fn an_empty_summary_has_headers_only() {
        assert_eq!(lines(timeseries(&sample::empty())), ["secs"]);
        assert_eq!(lines(cost(&Bill::default())), [COST_COLUMNS.join(",")]);
    }
}
