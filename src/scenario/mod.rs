//! The scenario: one file says what comes, who may serve it, what each allows and charges.

mod check;
mod read;
mod secret;

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::arrivals::AnyArrivals;
use crate::client::fleet::Cooling;
use crate::client::hedge::Hedge;
use crate::client::retry::AnyRetry;
use crate::client::routers::AnyRouter;
use crate::client::workload::Class;
use crate::collectors::threshold::Threshold;
use crate::dialects::AnyDialect;
use crate::error::Result;
use crate::number::{Positive, Share, Span};
use crate::price::Price;
use crate::server::latency::AnyLatency;
use crate::server::limits::AnyLimit;

/// A question, complete.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Names the results folder; the file's name where it is not given.
    #[serde(default)]
    pub name: String,
    /// Root of all chance.
    #[serde(default = "default_seed")]
    pub seed: u32,
    /// How long requests come; what is under way then is still answered.
    pub duration: Span,
    /// Requests of this first part count in no latency, goodput or refusal figure.
    #[serde(default)]
    pub warmup: Span,
    pub arrivals: AnyArrivals,
    pub classes: Vec<Class>,
    pub endpoints: Vec<EndpointSpec>,
    #[serde(default)]
    pub router: AnyRouter,
    #[serde(default)]
    pub retry: AnyRetry,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge: Option<Hedge>,
    #[serde(default)]
    pub cooling: Cooling,
    #[serde(default)]
    pub fidelity: FidelityBounds,
    /// What must hold, such as `"ttft_p99 < 2s"`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<Threshold>,
}

/// Who may serve requests: where, under which limits, how fast, at which price.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointSpec {
    pub name: String,
    pub provider: Provider,
    pub model: String,
    /// How its wire is spelt.
    #[serde(default)]
    pub dialect: AnyDialect,
    /// Base URL such as `https://api.openai.com/v1`, or `mock` for an embedded stand-in.
    #[serde(default = "default_url")]
    pub url: String,
    /// The environment variable that holds the API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
    /// Tells a Tollgate mock which request this is, so that it draws what a simulation would.
    /// Always so for `url = "mock"`; never set it for a real service.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hints: bool,
    /// For the weighted router.
    #[serde(default = "default_weight")]
    pub weight: Positive,
    /// How fast it answers: needed by `simulate` and `mock`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<AnyLatency>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<AnyLimit>,
    pub price: Price,
}

/// Whose endpoint it is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    Anthropic,
    Azure,
    Bedrock,
    Foundry,
    Openai,
    SelfHosted,
    Vertex,
}

/// Past these, the harness was the limit and a run gives no verdict.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FidelityBounds {
    /// The p99 of how late requests were sent.
    #[serde(default = "default_send_lag_p99_max")]
    pub send_lag_p99_max: Span,
    /// The least share of offered requests that must be sent.
    #[serde(default = "default_achieved_min")]
    pub achieved_min: Share,
}

impl Default for FidelityBounds {
    fn default() -> Self {
        FidelityBounds { send_lag_p99_max: default_send_lag_p99_max(), achieved_min: default_achieved_min() }
    }
}

impl Scenario {
    /// Reads and checks a scenario file, with everything it refers to.
    pub fn load(path: &Path) -> Result<Scenario> {
        let mut scenario = Scenario::parse(&read::text(path)?, path)?;
        if scenario.name.is_empty() {
            scenario.name =
                path.file_stem().map_or("scenario".into(), |stem| stem.to_string_lossy().into_owned());
        }
        Ok(scenario)
    }

    /// Reads and checks a scenario's text. `path` is for messages, and its folder for the files it names.
    pub fn parse(text: &str, path: &Path) -> Result<Scenario> {
        read::scenario(text, path)
    }
}

impl EndpointSpec {
    /// Whether it is played by an embedded mock.
    pub fn is_mock(&self) -> bool {
        self.url == "mock"
    }

    /// Whether its address is on this machine.
    pub fn is_loopback(&self) -> bool {
        let uri: Option<http::Uri> = self.url.parse().ok();
        let host = uri.as_ref().and_then(http::Uri::host).unwrap_or_default();
        let address: Option<std::net::IpAddr> =
            host.trim_start_matches('[').trim_end_matches(']').parse().ok();
        host == "localhost" || address.is_some_and(|address| address.is_loopback())
    }
}

fn default_seed() -> u32 {
    1
}

fn default_url() -> String {
    "mock".into()
}

fn default_weight() -> Positive {
    Positive::new(1.0).expect("one is positive")
}

fn default_send_lag_p99_max() -> Span {
    Span(std::time::Duration::from_millis(20))
}

fn default_achieved_min() -> Share {
    Share::new(0.98).expect("98 % is a share")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_light_scenario_reads_and_writes_back() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/first-light.toml");
        let scenario = Scenario::load(&path).unwrap_or_else(|error| panic!("{error}"));
        assert!(toml::to_string(&scenario).is_ok_and(|text| text.contains("kind = \"poisson\"")));
    }
}
