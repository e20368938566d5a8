//! What an import understood, and what it did not.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

/// The account of an import. Nothing in the file is left out of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Whose format the file has.
    pub format: &'static str,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Models in the file, of the providers asked for.
    pub entries: usize,
    /// Entries of which there is at least one row.
    pub understood: usize,
    /// Rows made, of tokens and of capacity.
    pub offers: usize,
    pub units: usize,
    /// Rows that say the same as another one of the same key.
    pub merged: Vec<Remark>,
    /// Rows that were not made, and why.
    pub skipped: Vec<Remark>,
    /// What is worth a look.
    pub warnings: Vec<Remark>,
    /// What was changed or left out of rows that were made.
    pub notes: Vec<Remark>,
    /// Keys outside the grammar.
    pub keys: BTreeMap<String, KeyUse>,
}

/// A sentence about an entry or a row.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Remark {
    pub why: String,
    pub about: String,
}

/// How often a key was met that no row has.
#[derive(Clone, Debug, Serialize)]
pub struct KeyUse {
    pub why: &'static str,
    pub count: usize,
    /// The first entry that has it, and its value.
    pub example: String,
}

impl Remark {
    pub fn new(why: impl Into<String>, about: impl Into<String>) -> Remark {
        Remark { why: why.into(), about: about.into() }
    }
}

impl Report {
    /// Counts a key that no row has.
    pub fn meet(&mut self, key: &str, why: &'static str, entry: &str, value: &str) {
        let first = || KeyUse { why, count: 0, example: format!("{entry} = {}", shorten(value)) };
        self.keys.entry(key.into()).or_insert_with(first).count += 1;
    }

    pub fn skip(&mut self, about: impl Into<String>, why: impl Into<String>) {
        self.skipped.push(Remark::new(why, about));
    }

    /// For a person, each line ended.
    pub fn text(&self) -> String {
        let mut out = format!(
            "{}: {} entries, {} of them with a price; {} rows of tokens and {} of capacity, {} more say the same\n",
            self.format,
            self.entries,
            self.understood,
            self.offers,
            self.units,
            self.merged.len()
        );
        remarks(&mut out, "not imported", &self.skipped);
        remarks(&mut out, "noted", &self.notes);
        remarks(&mut out, "worth a look", &self.warnings);
        let mut whys: BTreeMap<&str, Vec<(&String, &KeyUse)>> = BTreeMap::new();
        for (key, met) in &self.keys {
            whys.entry(met.why).or_default().push((key, met));
        }
        for (why, keys) in whys {
            let _ = writeln!(out, "\nkeys left out, {why}: {}", keys.len());
            if why == NO_PRICE {
                let names: Vec<&str> = keys.iter().map(|(key, _)| key.as_str()).collect();
                let _ = writeln!(out, "  {}", names.join(" "));
                continue;
            }
            let width = keys.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
            for (key, met) in keys {
                let _ = writeln!(out, "  {key:width$} {:>5}  {}", met.count, met.example);
            }
        }
        out
    }
}

/// Why a key is left out that is not about money.
pub const NO_PRICE: &str = "which say no price";

/// One line for each reason, with its count and the first of whom it is said.
fn remarks(out: &mut String, title: &str, remarks: &[Remark]) {
    if remarks.is_empty() {
        return;
    }
    let mut whys: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for remark in remarks {
        whys.entry(&remark.why).or_default().push(&remark.about);
    }
    let _ = writeln!(out, "\n{title}: {}", remarks.len());
    for (why, about) in whys {
        let more = if about.len() > SHOWN { ", …" } else { "" };
        let shown = about[..about.len().min(SHOWN)].join(", ");
        let _ = writeln!(out, "  {:>5}  {why}: {shown}{more}", about.len());
    }
}

fn shorten(value: &str) -> String {
    let line: String = value.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(VALUE_MAX) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// Examples of a reason.
const SHOWN: usize = 3;

/// Characters of a value.
const VALUE_MAX: usize = 60;
