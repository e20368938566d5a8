//! What `tollgate search` looks for, so that a command needs not say it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collectors::threshold::Threshold;
use crate::number::Positive;

/// The largest value of a setting or knob at which all thresholds hold, or the smallest.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SearchSpec {
    /// The setting or knob of which more is worse, such as `"load"`: its largest value is sought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub find: Option<String>,
    /// The setting or knob of which less is worse, such as `"units.ptu"`: its smallest value is sought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smallest: Option<String>,
    /// What must hold, such as `"ttft_p99 < 2s"`; the scenario's `thresholds`, where it is not given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub under: Vec<Threshold>,
    /// No smaller value is tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Positive>,
    /// No larger value is tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Positive>,
}
