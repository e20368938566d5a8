//! The figures of logs, as `tollgate fit --stats` prints them: for people, and for programs as JSON.

use std::path::PathBuf;

use serde_json::{Map, Value};
use tollgate::error::{ExitCode, Result};
use tollgate::traces::figures::Figures;
use tollgate::traces::layout::Mapping;

use super::output;

/// Prints the figures of each file or folder.
pub fn print(paths: &[PathBuf], mapping: &Mapping, is_json: bool) -> Result<ExitCode> {
    let mut all = Map::new();
    for (nth, path) in paths.iter().enumerate() {
        let Figures { layout, values, warnings } = Figures::read(path, mapping)?;
        let name = path.display().to_string();
        let said: Vec<_> = warnings.iter().map(|warning| format!("{name}: {warning}")).collect();
        output::warn(&said);
        if is_json {
            all.insert(name, Value::Object(values));
        } else {
            let gap = if nth > 0 { "\n" } else { "" };
            output::say(&format!("{gap}{name} ({layout})\n{}", table(&values)))?;
        }
    }
    if is_json {
        output::say(&format!("{:#}\n", Value::Object(all)))?;
    }
    Ok(ExitCode::Fine)
}

/// A line for each figure, and for figures within it one line with their names before them.
fn table(values: &Map<String, Value>) -> String {
    let width = output::width(values.keys().map(String::as_str));
    let line = |(name, value): (&String, &Value)| {
        let text = match value {
            Value::Object(parts) => {
                let parts: Vec<_> =
                    parts.iter().map(|(name, value)| format!("{name} {}", number(value))).collect();
                parts.join("  ")
            }
            value => number(value),
        };
        format!("  {name:width$}  {text}\n")
    };
    values.iter().map(line).collect()
}

/// A number with at most six digits behind the point.
fn number(value: &Value) -> String {
    match value.as_f64().filter(|_| value.is_f64()) {
        Some(number) => {
            let text = format!("{number:.6}");
            text.trim_end_matches('0').trim_end_matches('.').to_string()
        }
        None if value.is_null() => "none".into(),
        None => value.to_string(),
    }
}
