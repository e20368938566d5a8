//! The findings of many worlds in tables and sentences.

use std::path::Path;

use serde::Serialize;

use super::{Bar, Chosen, Estimate, FILE, Share, Told, Worlds};
use crate::report::show;

/// A table for people: the first column names the row.
#[derive(Debug, Serialize)]
pub struct Table {
    pub title: &'static str,
    pub headings: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// Dollars: whole ones where there are thousands.
pub fn dollars(amount: f64) -> String {
    dollars_in(amount, decimals(amount))
}

fn decimals(amount: f64) -> usize {
    if amount.abs() >= 1000.0 { 0 } else { 2 }
}

fn dollars_in(amount: f64, decimals: usize) -> String {
    let sign = if amount < 0.0 { "-" } else { "" };
    format!("{sign}${}", show::group(&format!("{:.decimals$}", amount.abs())))
}

/// A mean with half the width of its interval, whole dollars where either has thousands.
fn estimate(estimate: &Estimate) -> String {
    let Some((low, high)) = estimate.interval else { return dollars(estimate.mean) };
    let half = (high - low) / 2.0;
    let decimals = decimals(estimate.mean.abs().max(half));
    let shown = |amount| dollars_in(amount, decimals);
    format!("{} ± {}", shown(estimate.mean), shown(half))
}

/// A value of an input in three digits, where it is a number.
pub fn rounded(value: &str) -> String {
    let rounded = |number: f64| format!("{number:.2e}").parse().unwrap_or(number);
    value.parse::<f64>().map_or(value.into(), |number| match number.fract() == 0.0 {
        true => value.into(),
        false => rounded(number).to_string(),
    })
}

/// An input with its ends: `load 0.816–1.95`.
pub fn ends(bar: &Bar) -> String {
    format!("{} {}–{}", bar.key, rounded(&bar.low), rounded(&bar.high))
}

/// A share with the ends of its interval.
fn share(found: Option<&Share>) -> String {
    let whole = |share: f64| format!("{:.0}", share * 100.0);
    found.map_or(show::NOTHING.into(), |found| {
        format!("{} % ({}–{})", whole(found.share), whole(found.low), whole(found.high))
    })
}

/// What each alternative costs, what a wrong choice costs, who is cheaper how often, what matters most.
pub fn tables(told: &Told) -> Vec<Table> {
    let mut tables = vec![costs(told)];
    if told.alternatives.len() > 1 {
        tables.extend([regrets(told), pairs(told)]);
    }
    tables.extend(tornado(told));
    tables
}

fn table(title: &'static str, headings: &[&str], rows: Vec<Vec<String>>) -> Table {
    Table { title, headings: headings.iter().map(ToString::to_string).collect(), rows }
}

fn costs(told: &Told) -> Table {
    let has_thresholds = told.alternatives.iter().any(|chosen| chosen.met.is_some());
    let row = |chosen: &Chosen| {
        let at = |percent: usize| {
            chosen.quantiles.get(percent).map_or(show::NOTHING.into(), |cost| dollars(*cost))
        };
        let refused = chosen.refused_share.map_or(show::NOTHING.into(), show::percent);
        let mut row = vec![chosen.name.clone(), estimate(&chosen.cost), at(10), at(50), at(90), refused];
        row.extend(has_thresholds.then(|| share(chosen.met.as_ref())));
        row
    };
    let mut headings = vec!["alternative", "expected cost", "p10", "median", "p90", "refused"];
    headings.extend(has_thresholds.then_some("thresholds hold"));
    table("What a month costs", &headings, told.alternatives.iter().map(row).collect())
}

fn regrets(told: &Told) -> Table {
    let row = |chosen: &Chosen| {
        let minimax = if chosen.name == told.minimax { " (minimax)" } else { "" };
        vec![
            chosen.name.clone(),
            share(chosen.cheapest.as_ref()),
            estimate(&chosen.regret),
            dollars(chosen.regret_p95),
            format!("{}{minimax}", dollars(chosen.regret_max)),
        ]
    };
    let headings = ["alternative", "cheapest in", "mean regret", "p95", "largest"];
    table(
        "Regret: what a month costs more than the cheapest of each world",
        &headings,
        told.alternatives.iter().map(row).collect(),
    )
}

/// By the ranking, each with those that cost more.
fn pairs(told: &Told) -> Table {
    let ahead = told.ranking.iter().enumerate();
    let ahead = ahead.flat_map(|(nth, a)| told.ranking[nth + 1..].iter().filter_map(|b| told.pair(a, b)));
    let row = |pair: &super::Pair| {
        vec![format!("{} against {}", pair.a, pair.b), estimate(&pair.saved), share(pair.cheaper.as_ref())]
    };
    table("Two by two", &["", "saves a month", "is cheaper in"], ahead.map(row).collect())
}

fn tornado(told: &Told) -> Option<Table> {
    let found = told.tornado.as_ref()?;
    let row = |bar: &Bar| {
        let mut row = vec![ends(bar), to(bar.cost)];
        row.extend(bar.saved.map(to));
        row
    };
    let second = found.second.as_ref().map(|second| format!("saves against {second}"));
    let mut headings = vec!["p10 to p90, all else most likely".into(), format!("{} costs", found.best)];
    headings.extend(second);
    let bars = found.by(|bar| bar.saved.or(Some(bar.cost)));
    let rows = bars.into_iter().map(|(bar, _)| row(bar)).collect();
    Some(Table { title: "What matters most", headings, rows })
}

fn to((low, high): (f64, f64)) -> String {
    format!("{} to {}", dollars(low), dollars(high))
}

/// The answer.
pub fn sentences(told: &Told) -> Vec<String> {
    let mut sentences = Vec::new();
    let Some(best) = told.ranking.first().and_then(|name| told.chosen(name)) else { return sentences };
    sentences.push(match told.ranking.get(1).and_then(|second| told.pair(&best.name, second)) {
        None => format!("{} is expected to cost {} a month", best.name, estimate(&best.cost)),
        Some(pair) => {
            let is_sure = pair.saved.interval.is_some_and(|(low, _)| low > 0.0);
            let doubt = if is_sure { "" } else { ": too little to tell them apart" };
            format!(
                "{} has the least expected cost, {} a month: {} less than {}{doubt}; it is cheaper in {} of the worlds",
                best.name,
                estimate(&best.cost),
                estimate(&pair.saved),
                pair.b,
                share(pair.cheaper.as_ref()),
            )
        }
    });
    if let (Some(minimax), true) = (told.chosen(&told.minimax), told.alternatives.len() > 1) {
        let too = if minimax.name == best.name { " too" } else { "" };
        sentences.push(format!(
            "{} has the least largest regret{too}: at worst it costs {} a month more than the cheapest would have",
            minimax.name,
            dollars(minimax.regret_max)
        ));
    }
    sentences.extend(matters(told));
    sentences
}

/// Which input moves the choice most, and at which ends it turns.
fn matters(told: &Told) -> Option<String> {
    let found = told.tornado.as_ref()?;
    let Some(second) = &found.second else {
        let (bar, cost) = found.by(|bar| Some(bar.cost)).into_iter().next()?;
        return Some(format!("what it costs hangs most on {}: {}", ends(bar), to(cost)));
    };
    let bars = found.by(|bar| bar.saved);
    let (bar, saved) = bars.first()?;
    let is_ahead = found.saved.unwrap_or_default() >= 0.0;
    let turns = bars.iter().flat_map(|(bar, (low, high))| {
        let ends = [(&bar.low, *low), (&bar.high, *high)].into_iter();
        let turned = ends.filter(|(_, saved)| (*saved >= 0.0) != is_ahead);
        turned.map(|(at, _)| format!("{} = {}", bar.key, rounded(at)))
    });
    let turns: Vec<String> = turns.collect();
    let [ahead, behind] = if is_ahead { [&found.best, second] } else { [second, &found.best] };
    let turn = match turns.is_empty() {
        true => "no input alone turns that from p10 to p90".into(),
        false => format!("{behind} is at {}", turns.join(", at ")),
    };
    let turn = format!("; where all is most likely, {ahead} is cheaper, and {turn}");
    let best = &found.best;
    Some(format!(
        "the choice between {best} and {second} hangs most on {}: from {} to {}, {best} saves {}{turn}",
        bar.key,
        rounded(&bar.low),
        rounded(&bar.high),
        to(*saved)
    ))
}

/// The view for a terminal.
pub fn view(worlds: &Worlds, folder: &Path) -> String {
    let told = &worlds.told;
    let (count, inputs) = (told.alternatives.len(), told.inputs.len());
    let mut out = format!(
        "{}: {} worlds, {count} alternative{}, {inputs} uncertain input{}\n",
        worlds.head.scenario,
        told.worlds,
        plural(count),
        plural(inputs)
    );
    for input in &told.inputs {
        out += &format!("  {}: {}\n", input.key, input.law);
    }
    for table in tables(told) {
        out += &format!("\n{}\n", table.title);
        let lines = || std::iter::once(&table.headings).chain(&table.rows);
        let width = |column: usize| lines().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..table.headings.len()).map(width).collect();
        for line in lines() {
            let cells = line.iter().zip(&widths).enumerate().map(|(nth, (cell, width))| match nth {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            out += &format!("  {}\n", cells.collect::<Vec<_>>().join("  ").trim_end());
        }
    }
    out.push('\n');
    sentences(told).iter().chain(&told.notes).for_each(|sentence| out += &format!("{sentence}\n"));
    out += &format!("\n{}\n  report.html · summary.json · {FILE} · plots/\n", folder.display());
    out
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_values_have_few_digits_and_a_mean_as_many_as_its_interval() {
        assert_eq!([dollars(1234.5), dollars(-12.345)], ["$1,234", "-$12.35"]);
        let mean = |mean, half| estimate(&Estimate { mean, interval: Some((mean - half, mean + half)) });
        assert_eq!(mean(19_102.4, 815.7), "$19,102 ± $816");
        assert_eq!(mean(18.461, 41.709), "$18.46 ± $41.71");
        assert_eq!(
            ["0.816227766017", "120", "1200.5", "priority"].map(rounded),
            ["0.816", "120", "1200", "priority"]
        );
    }
}
