//! Rows as a catalogue's file: `[[offer]]` and `[[unit]]` tables, a line for each key, prices in one table.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use crate::catalogue::row::{Offer, UnitOffer};
use crate::error::{Error, Result};

/// The text of a file with these rows. `heading` stands before them, as comments.
pub fn toml(heading: &str, offers: &[Offer], units: &[UnitOffer]) -> Result<String> {
    let mut out = String::new();
    for line in heading.lines() {
        let _ = writeln!(out, "# {line}");
    }
    for offer in offers {
        table(&mut out, "offer", offer)?;
    }
    for unit in units {
        table(&mut out, "unit", unit)?;
    }
    Ok(out)
}

fn table(out: &mut String, name: &str, row: &impl Serialize) -> Result<()> {
    let row = serde_json::to_value(row)
        .map_err(|cause| Error::failed(format!("could not write a row: {cause}")))?;
    let _ = writeln!(out, "\n[[{name}]]");
    for (key, value) in row.as_object().into_iter().flatten() {
        let _ = writeln!(out, "{key} = {}", inline(value));
    }
    Ok(())
}

/// A value in one line; but each table of a list has a line of its own.
fn inline(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let lines: String = items.iter().map(|item| format!("    {},\n", inline(item))).collect();
            format!("[\n{lines}]")
        }
        Value::Object(table) => {
            let pairs: Vec<String> =
                table.iter().map(|(key, value)| format!("{key} = {}", inline(value))).collect();
            if pairs.is_empty() { "{}".into() } else { format!("{{ {} }}", pairs.join(", ")) }
        }
        Value::String(text) => toml::Value::String(text.clone()).to_string(),
        Value::Bool(_) | Value::Null | Value::Number(_) => value.to_string(),
    }
}
