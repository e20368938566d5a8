//! From a file's bytes to final types, with every mistake found on the way and not only the first.

use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

use super::diagnostic::{Diagnostic, SHOWN_MAX};
use super::tree::{self, Step};
use super::{Scenario, explain};
use crate::error::{Error, Result};
use crate::kind;

/// What was looked for, or every mistake on the way to it.
pub type Found<T> = std::result::Result<T, Vec<Diagnostic>>;

/// A larger file is no scenario.
const BYTES_MAX: u64 = 16 << 20;

/// The text of the scenario file, or why there is none.
pub fn text(path: &Path) -> Result<String> {
    let shown = path.display();
    let fail = |cause: std::io::Error| {
        let next = match cause.kind() {
            std::io::ErrorKind::NotFound => "; `tollgate init` writes a scenario to start from",
            _ => "",
        };
        Error::usage(format!("could not read the scenario {shown}: {cause}{next}"))
    };
    let file = std::fs::File::open(path).map_err(fail)?;
    if file.metadata().map_err(fail)?.is_dir() {
        return Err(Error::usage(format!("{shown} is a folder; name the scenario file in it")));
    }
    let mut bytes = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(Error::usage(format!("{shown} is larger than 16 MiB; that is no scenario file")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        let column = 1 + valid.iter().rev().take_while(|byte| **byte != b'\n').count();
        Error::usage(format!("{shown}:{line}:{column}: this is not UTF-8 text; save the file as UTF-8"))
    })
}

/// The tree of a text, its kinds tagged; or everything that makes it no TOML.
pub fn tree(text: &str) -> Found<Spanned<DeTable<'_>>> {
    if text.trim_start().starts_with('{') {
        let start = text.find('{').unwrap_or_default();
        let json = Diagnostic::new(Some(start..start + 1), "this is JSON; a scenario is TOML");
        return Err(vec![json.help("write key = value, and [table] before the keys of a table")]);
    }
    let (mut table, mut errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        if table.get_ref().is_empty() {
            let empty = Diagnostic::new(None, "the scenario is empty");
            return Err(vec![empty.help("`tollgate init` writes a scenario to start from")]);
        }
        kind::tag(table.get_mut());
        return Ok(table);
    }
    errors.sort_by_key(|error| error.span().map(|span| (span.start, span.end)));
    errors.dedup_by_key(|error| line_start(text, error.span().unwrap_or_default().start));
    Err(errors.iter().map(|error| explain::syntax(error, text)).collect())
}

/// Where the line of `at` begins. A line's later mistakes mostly follow from its first.
fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
}

/// The scenario a tree says, or everything in it that is not of the type it should be.
///
/// The type reader stops at the first mistake. So the entry that is wrong is noted, taken out of the
/// tree, and what is left is read again, until nothing is wrong any more. A key then missing because it
/// was taken out, or misspelt, is no new mistake, nor is what a list lacks without an item that was taken out of it.
/// Every round makes the tree smaller.
pub fn types(table: &Spanned<DeTable<'_>>) -> Found<Scenario> {
    let mut table = table.clone();
    let mut found = Vec::new();
    let mut settled: Vec<(Range<usize>, String)> = Vec::new();
    let mut shortened: Vec<Range<usize>> = Vec::new();
    while found.len() <= SHOWN_MAX {
        let error = match Scenario::deserialize(Deserializer::from(table.clone())) {
            Ok(scenario) if found.is_empty() => return Ok(scenario),
            Ok(_) => break,
            Err(error) => error,
        };
        let span = error.span().unwrap_or_default();
        let path = tree::find(table.get_ref(), &span).unwrap_or_default();
        let is_settled = |key: &str| settled.iter().any(|(at, gone)| *at == span && gone == key);
        if !shortened.contains(&span) {
            found.extend(explain::shape(&error, table.get_ref(), &path, is_settled));
        }
        let is_untagged =
            error.message().starts_with("unknown field `kind=") && tree::untag(&mut table, &path);
        if !is_untagged {
            if let Some((around, key)) = entry(table.get_ref(), &path) {
                settled.extend(explain::meant(&error).map(|meant| (around.clone(), meant.into())));
                settled.push((around, key));
            } else if let Some((Step::Index(_), list)) = path.split_last() {
                shortened.extend(tree::get(table.get_ref(), list).map(Spanned::span));
            }
            if !tree::remove(&mut table, &path) {
                break;
            }
        }
    }
    Err(found)
}

/// The place of the table that holds the entry at `path`, and the entry's key in it.
fn entry(root: &DeTable<'_>, path: &[Step]) -> Option<(Range<usize>, String)> {
    let kinds = path.iter().rev().take_while(|step| step.kind().is_some()).count();
    let (Step::Key(key), above) = path[..path.len() - kinds].split_last()? else { return None };
    let around = tree::get(root, above).map(Spanned::span).unwrap_or_default();
    Some((around, key.clone()))
}
