//! `summary.json`: the run in one file, for machines.

use super::summary::{SCHEMA, Summary};
use crate::error::{Error, Result};

pub fn write(summary: &Summary) -> Result<Vec<u8>> {
    let text = serde_json::to_string_pretty(summary);
    let text =
        text.map_err(|cause| Error::failed(format!("the summary cannot be written as JSON: {cause}")))?;
    Ok((text + "\n").into_bytes())
}

/// Reads a summary of this version; the error says what is wrong with it.
pub fn read(text: &str) -> std::result::Result<Summary, String> {
    let summary: Summary = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if summary.schema != SCHEMA {
        return Err(format!("it has schema {}, and this version reads {SCHEMA}", summary.schema));
    }
    Ok(summary)
}
