//! A quote as text, Markdown, CSV and JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{Bought, Line, Offer, Quote};
use crate::error::Result;
use crate::report::certainty::{self, Bounds, Method};
use crate::report::table::Table;
use crate::report::{csv, json, markdown, show, terminal};
use crate::search::Standing;
use crate::section::Unit;
use crate::wire::Tier;

/// For programs.
pub fn json(quote: &Quote) -> Result<String> {
    json::pretty(quote)
}

/// For a terminal.
pub fn text(quote: &Quote) -> String {
    let mut out = format!("{}\n{}\n", headline(quote), about(quote));
    for table in [Some(offers(quote)), commitments(quote)].into_iter().flatten() {
        let _ = write!(out, "\n{}", terminal::plain(&table));
    }
    out
}

/// For a document: the same, and where each price was read.
pub fn markdown(quote: &Quote) -> String {
    let mut out =
        format!("**{}**\n\n{}\n\n", markdown::escape(&headline(quote)), markdown::escape(&about(quote)));
    for table in [Some(offers(quote)), commitments(quote), Some(prices(quote))].into_iter().flatten() {
        markdown::write_table(&mut out, &table);
    }
    out
}

/// `The cheapest that meets every threshold: vertex-flash, $26.05 a month`.
fn headline(quote: &Quote) -> String {
    // Whoever asks what is cheapest seldom means answers of tomorrow.
    let is_prompt = |line: &&Line| line.offer.tier != Some(Tier::Batch);
    let first = quote.lines.iter().find(is_prompt).or(quote.lines.first());
    let Some(first) = first else { return "Nothing is on offer".into() };
    if quote.lines.iter().all(|line| mean(&line.cost_per_month).is_none()) {
        return "No offer could be played and priced".into();
    }
    if mean(&first.cost_per_1k_good_requests).is_none() {
        return "No offer is known to give a good answer at a known price".into();
    }
    let (name, cost) = (named(&first.offer), shown(&first.cost_per_month));
    match first.standing {
        Standing::Pass if first.thresholds.is_empty() => {
            format!("The cheapest for a good answer: {name}, {cost} a month")
        }
        Standing::Pass => {
            format!("The cheapest for a good answer that meets every threshold: {name}, {cost} a month")
        }
        Standing::Undecided => {
            format!(
                "No offer surely meets every threshold; {name} may, {cost} a month: more --replications tell"
            )
        }
        Standing::Fail | Standing::Invalid => "No offer meets every threshold".into(),
    }
}

fn about(quote: &Quote) -> String {
    let Quote { scenario, date, duration_secs, replications, seed, catalogue_date, catalogue_sha256, .. } =
        quote;
    let hash: String = catalogue_sha256.chars().take(12).collect();
    format!(
        "{scenario} · {} from {date} · seed {seed}, {replications} plays of each offer, means ± 95 % · prices of {catalogue_date}, \
         SHA-256 {hash}…",
        show::seconds(*duration_secs)
    )
}

/// `openai · flex`, `provisioned · 100 ptu by the year`: the endpoint, and what tells its offers apart.
fn named(offer: &Offer) -> String {
    let is_told = |tier: &Tier| *tier != Tier::Standard || offer.is_retiered;
    let tier = offer.tier.filter(is_told).map(|tier| tier.name().to_string());
    let bought = offer.bought.iter().map(bought);
    std::iter::once(offer.endpoint.clone()).chain(tier).chain(bought).collect::<Vec<_>>().join(" · ")
}

fn bought(Bought { unit, units, term, .. }: &Bought) -> String {
    format!("{units} {unit} by the {}", term.name().replace('_', " "))
}

fn shown(bounds: &Bounds) -> String {
    match bounds {
        Bounds::Interval { .. } => bounds.shown(Unit::Usd, Method::Replications),
        Bounds::TooFew { .. } | Bounds::Unknown(_) => show::NOTHING.into(),
    }
}

/// Its estimate alone.
fn estimate(bounds: &Bounds, unit: Unit) -> String {
    let found = mean(bounds).map(|mean| certainty::shown(mean, unit));
    found.unwrap_or_else(|| show::NOTHING.into())
}

fn mean(bounds: &Bounds) -> Option<f64> {
    match bounds {
        Bounds::Interval { estimate, .. } => Some(*estimate),
        Bounds::TooFew { .. } | Bounds::Unknown(_) => None,
    }
}

fn offers(quote: &Quote) -> Table {
    let headings =
        ["offer", "a month", "per 1k\ngood", "per M\ntokens", "per M\nchars", "good", "thresholds"];
    let mut table = Table::new(
        "Offers, the cheapest for 1,000 good answers first",
        headings.map(String::from).into_iter(),
    );
    for line in &quote.lines {
        table.rows.push(vec![
            named(&line.offer),
            shown(&line.cost_per_month),
            estimate(&line.cost_per_1k_good_requests, Unit::Usd),
            estimate(&line.cost_per_million_tokens, Unit::Usd),
            estimate(&line.cost_per_million_characters, Unit::Usd),
            estimate(&line.good_share, Unit::Share),
            standing(line).into(),
        ]);
    }
    let mut notes: Vec<(String, Vec<String>)> = Vec::new();
    for line in &quote.lines {
        for note in told(line) {
            match notes.iter_mut().find(|(known, _)| *known == note) {
                Some((_, offers)) => offers.push(named(&line.offer)),
                None => notes.push((note, vec![named(&line.offer)])),
            }
        }
    }
    table.notes = notes.into_iter().map(|(note, offers)| format!("{}: {note}", offers.join(", "))).collect();
    table
}

fn standing(line: &Line) -> &'static str {
    match line.standing {
        Standing::Pass if line.thresholds.is_empty() => show::NOTHING,
        Standing::Pass => "met",
        Standing::Undecided => "unsure",
        Standing::Fail | Standing::Invalid => "missed",
    }
}

/// What is missed, and what binds.
fn told(line: &Line) -> Vec<String> {
    let open = line.thresholds.iter().filter(|held| held.standing != Standing::Pass);
    let mut told: Vec<String> = open
        .map(|held| {
            let word = if held.standing == Standing::Fail { "misses" } else { "may miss" };
            let found = held.figure.map(|(mean, ..)| certainty::shown(mean, held.unit)).or(held.why.clone());
            format!("{word} {}: {}", held.threshold, found.unwrap_or_default())
        })
        .collect();
    if let Some((limit, _)) =
        line.refuses_most.as_ref().filter(|_| mean(&line.refused_share).unwrap_or(0.0) > 0.0)
    {
        told.push(format!(
            "refuses {} of the requests, most by {limit}",
            estimate(&line.refused_share, Unit::Share)
        ));
    }
    told.extend(line.notes.iter().cloned());
    told
}

/// Capacity that is bought; nothing where none is.
fn commitments(quote: &Quote) -> Option<Table> {
    let headings = ["offer", "reserved\na month", "of all", "used", "breaks\neven at"];
    let mut table = Table::new("What is paid whether used or not", headings.map(String::from).into_iter());
    for line in quote.lines.iter().filter(|line| mean(&line.reserved_per_month).unwrap_or(0.0) > 0.0) {
        let share =
            mean(&line.reserved_per_month).zip(mean(&line.cost_per_month)).map(|(part, all)| part / all);
        let percent = |share: Option<f64>| share.map_or_else(|| show::NOTHING.into(), show::percent);
        table.rows.push(vec![
            named(&line.offer),
            estimate(&line.reserved_per_month, Unit::Usd),
            percent(share),
            percent(line.used.map(|used| used.utilisation)),
            percent(line.used.and_then(|used| used.breakeven_utilisation)),
        ]);
    }
    table.notes.push(
        "breaks even at: the share of the units that must be used for them to cost no more than the same tokens by use".into(),
    );
    (!table.rows.is_empty()).then_some(table)
}

/// Where each price was read.
fn prices(quote: &Quote) -> Table {
    let mut read: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for source in quote.lines.iter().flat_map(|line| &line.sources) {
        read.entry((&source.what, &source.dated)).or_default().insert(&source.source);
    }
    let mut table = Table::new("Prices", ["price of", "read on", "at"].map(String::from).into_iter());
    table.rows = read
        .into_iter()
        .map(|((what, dated), sources)| {
            vec![what.into(), dated.into(), sources.into_iter().collect::<Vec<_>>().join(" ")]
        })
        .collect();
    table.notes.push(format!("the whole catalogue has the SHA-256 {}", quote.catalogue_sha256));
    table
}

/// One line for each offer, in the quote's order; dollars, shares from 0 to 1, and the ends of 95 % intervals.
pub fn csv(quote: &Quote) -> Result<Vec<u8>> {
    let mut rows = vec![COLUMNS.map(String::from).to_vec()];
    rows.extend(quote.lines.iter().map(|line| row(quote, line)));
    csv::write(&rows)
}

const COLUMNS: [&str; 35] = [
    "endpoint",
    "provider",
    "model",
    "scope",
    "tier",
    "bought",
    "as_written",
    "cost_per_month",
    "cost_per_month_low",
    "cost_per_month_high",
    "reserved_per_month",
    "cost_per_1k_good_requests",
    "cost_per_1k_good_requests_low",
    "cost_per_1k_good_requests_high",
    "cost_per_million_tokens",
    "cost_per_million_tokens_low",
    "cost_per_million_tokens_high",
    "characters_per_token",
    "cost_per_million_characters",
    "cost_per_million_characters_low",
    "cost_per_million_characters_high",
    "good_share",
    "refused_share",
    "thresholds",
    "misses",
    "refuses_most",
    "utilisation",
    "breakeven_utilisation",
    "price_of",
    "price_source",
    "price_read_on",
    "catalogue_date",
    "catalogue_sha256",
    "first_day",
    "notes",
];

fn row(quote: &Quote, line: &Line) -> Vec<String> {
    let Line { offer, used, .. } = line;
    let each = |bounds: &Bounds| match bounds {
        Bounds::Interval { estimate, low, high } => {
            [*estimate, *low, *high].map(|number| csv::number(Some(number)))
        }
        Bounds::TooFew { .. } | Bounds::Unknown(_) => [const { String::new() }; 3],
    };
    let one = |bounds: &Bounds| csv::number(mean(bounds));
    let misses = line.thresholds.iter().filter(|held| held.standing == Standing::Fail);
    let sources = |part: fn(&super::Read) -> &String| {
        line.sources.iter().map(|read| part(read).as_str()).collect::<Vec<_>>().join("; ")
    };
    [
        vec![
            offer.endpoint.clone(),
            offer.provider.clone(),
            offer.model.clone(),
            offer.scope.clone(),
            offer.tier.map_or("", Tier::name).into(),
            offer.bought.iter().map(bought).collect::<Vec<_>>().join(" and "),
            offer.is_written.to_string(),
        ],
        each(&line.cost_per_month).to_vec(),
        vec![one(&line.reserved_per_month)],
        each(&line.cost_per_1k_good_requests).to_vec(),
        each(&line.cost_per_million_tokens).to_vec(),
        vec![offer.characters_per_token.to_string()],
        each(&line.cost_per_million_characters).to_vec(),
        vec![
            one(&line.good_share),
            one(&line.refused_share),
            line.standing.name().into(),
            misses.map(|held| held.threshold.as_str()).collect::<Vec<_>>().join("; "),
            line.refuses_most.as_ref().map_or_else(String::new, |(limit, _)| limit.clone()),
            csv::number(used.map(|used| used.utilisation)),
            csv::number(used.and_then(|used| used.breakeven_utilisation)),
            sources(|read| &read.what),
            sources(|read| &read.source),
            sources(|read| &read.dated),
            quote.catalogue_date.clone(),
            quote.catalogue_sha256.clone(),
            quote.date.clone(),
            line.notes.join("; "),
        ],
    ]
    .concat()
}
