//! Every figure of the published traces comes out as it was computed independently.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tollgate::traces::figures::Figures;
use tollgate::traces::layout::Mapping;

/// The folder of traces beside the repository, or a printed reason to skip.
fn traces() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces");
    let folder = std::env::var_os("TOLLGATE_TRACES").map_or(beside, PathBuf::from);
    if folder.join("expected_stats.json").is_file() {
        return Some(folder);
    }
    println!("skipped: there are no traces at {}; set TOLLGATE_TRACES to their folder", folder.display());
    None
}

/// The figures that differ from the published ones by more than these were rounded.
fn differences(way: &str, expected: &Value, found: &Value, wrong: &mut Vec<String>) {
    match expected {
        Value::Object(fields) => {
            for (key, value) in fields {
                differences(&format!("{way}.{key}"), value, &found[key], wrong);
            }
        }
        Value::Number(number) => {
            let text = number.to_string();
            let digits = text.split_once('.').map_or(0, |(_, part)| part.len());
            let bound = 0.5000001 * 10f64.powi(-(digits as i32));
            let (expected, found) = (number.as_f64(), found.as_f64());
            if expected.zip(found).is_none_or(|(expected, found)| (expected - found).abs() > bound) {
                wrong.push(format!("{way}: {found:?} and not {number}"));
            }
        }
        other => {
            if other != found {
                wrong.push(format!("{way}: {found} and not {other}"));
            }
        }
    }
}

#[test]
fn every_published_figure_comes_out() {
    let Some(folder) = traces() else { return };
    let text =
        std::fs::read_to_string(folder.join("expected_stats.json")).expect("the statistics are readable");
    let all: serde_json::Map<String, Value> = serde_json::from_str(&text).expect("the statistics are JSON");
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (file, expected) in all.iter().filter(|(file, _)| !file.starts_with('_')) {
        let figures = Figures::read(&folder.join(file), &Mapping::default());
        let found = Value::Object(figures.unwrap_or_else(|error| panic!("{error}")).values);
        count += 1;
        differences(file, expected, &found, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(count, 169, "files of which figures are published");
}
