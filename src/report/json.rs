//! `summary.json`: the summary as it is kept, from which every other report can be made again.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::SCENARIO_FILE;
use super::summary::{SCHEMA, Summary};
use crate::error::{Error, Result};

pub const FILE: &str = "summary.json";

/// Pretty-printed, in the order of the fields, with a newline at the end.
pub fn write(summary: &Summary) -> Result<String> {
    pretty(&summary.finite())
}

/// Whatever a summary holds, as [`write()`] writes one.
pub fn pretty(content: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(content);
    let mut text = text.map_err(|cause| Error::failed(format!("could not write {FILE}: {cause}")))?;
    text.push('\n');
    Ok(text)
}

/// Reads the `summary.json` of a results folder.
pub fn read(dir: &Path) -> Result<Summary> {
    let path = dir.join(FILE);
    let text = std::fs::read_to_string(&path).map_err(|cause| {
        let why = format!("{cause}; name a folder that `tollgate run` or `tollgate simulate` has written");
        Error::file("read", &path, why)
    })?;
    parse(&text).map_err(|why| Error::file("read", &path, why))
}

/// The verb that has written a folder's `summary.json`, where that can be told.
pub fn verb(dir: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct Head {
        verb: String,
    }
    let text = std::fs::read_to_string(dir.join(FILE)).ok()?;
    serde_json::from_str::<Head>(&text).ok().map(|head| head.verb)
}

/// The summary that another `verb` has written into a folder, and its scenario; `None` where the folder is no such one.
pub fn read_of<T: DeserializeOwned>(dir: &Path, verb: &str, schema: u32) -> Result<Option<(T, String)>> {
    let path = dir.join(FILE);
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(None) };
    #[derive(Deserialize)]
    struct Head {
        schema: u32,
        verb: String,
    }
    let Ok(head) = serde_json::from_str::<Head>(&text) else { return Ok(None) };
    if head.verb != verb {
        return Ok(None);
    }
    if head.schema != schema {
        let why = format!("it has schema {}, and this version reads schema {schema}", head.schema);
        return Err(Error::file("read", &path, why));
    }
    let summary = serde_json::from_str(&text).map_err(|cause| Error::file("read", &path, cause))?;
    let scenario = dir.join(SCENARIO_FILE);
    let scenario_toml =
        std::fs::read_to_string(&scenario).map_err(|cause| Error::file("read", &scenario, cause))?;
    Ok(Some((summary, scenario_toml)))
}

/// The summary in `text`; or what is wrong with it.
pub fn parse(text: &str) -> std::result::Result<Summary, String> {
    #[derive(Deserialize)]
    struct Head {
        schema: u32,
    }
    let garbled = |cause: serde_json::Error| format!("it is not a summary of Tollgate ({cause})");
    let Head { schema } = serde_json::from_str(text).map_err(garbled)?;
    if schema != SCHEMA {
        return Err(format!("it has schema {schema}, and this version reads schema {SCHEMA}"));
    }
    serde_json::from_str(text).map_err(garbled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::section::{ScopeKind, Value};

    #[test]
    fn a_summary_is_read_back_and_written_again_to_the_byte() {
        for summary in [sample::first_light(), sample::empty(), sample::many_endpoints(), sample::refused()] {
            let text = write(&summary).unwrap();
            let read = parse(&text).unwrap();
            assert_eq!(read, summary);
            assert_eq!(write(&read).unwrap(), text);
            assert!(text.ends_with("}\n"));
        }
    }

    #[test]
    fn what_is_not_finite_never_reaches_json() {
        let mut summary = sample::first_light();
        summary.duration_secs = f64::NAN;
        summary.sections[0].scopes[0].figures[0].value = Value::Number(f64::INFINITY);
        let name = summary.sections[0].scopes[0].figures[0].name.clone();
        summary.sections[1].curves[0].points = vec![(1.0, f64::NAN), (2.0, 3.0)];
        let read = parse(&write(&summary).unwrap()).unwrap();
        assert_eq!(read.duration_secs, 0.0);
        let section = &read.sections[0];
        assert_eq!(section.figure(ScopeKind::Total, "", &name).unwrap().value, Value::None);
        assert_eq!(read.sections[1].curves[0].points, [(2.0, 3.0)]);
    }

    #[test]
    fn a_missing_garbled_or_newer_summary_is_a_clear_error() {
        let dir = tempfile::tempdir().unwrap();
        let error = || read(dir.path()).unwrap_err().to_string();
        assert!(error().contains("summary.json: ") && error().contains("name a folder"), "{}", error());
        std::fs::write(dir.path().join(FILE), "{\"schema\": 1, \"verb\": \"ru").unwrap();
        assert!(error().contains("not a summary of Tollgate (EOF"), "{}", error());
        std::fs::write(dir.path().join(FILE), "{\"schema\": 9}").unwrap();
        assert!(error().contains("schema 9, and this version reads schema 1"), "{}", error());
    }
}
