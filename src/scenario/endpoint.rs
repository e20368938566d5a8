//! An endpoint as the scenario describes it.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::link::Place;
use super::url;
use crate::catalogue::capacity::Capacity;
use crate::catalogue::machine::MachineSpec;
use crate::catalogue::quota::QuotaSpec;
use crate::client::workload::Class;
use crate::credential::Credential;
use crate::dialects::AnyDialect;
use crate::number::{Positive, Span};
use crate::price::{Price, Tariff};
use crate::providers::{AnyProvider, Contents, Served, Target};
use crate::server::cache::{Breakpoints, CacheSettings};
use crate::server::latency::AnyLatency;
use crate::server::limits::{AnyLimit, Scheduling};

/// Who may serve requests: where, under which limits, how fast, at which price.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointSpec {
    /// Its name in reports, and the mock's path to it: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Whose it is, and so its paths, keys, errors and headers: openai, azure, …
    pub provider: AnyProvider,
    /// The model asked for; on Azure, the deployment's name.
    pub model: String,
    /// The model as prices call it, where `model` is a name of one's own, such as an Azure deployment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sold_as: Option<String>,
    /// Where prices say it is: global, a data zone such as `eu`, a region; usually told by `region` or by the
    /// model's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// How its bodies are spelt, where the provider speaks more than one dialect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<AnyDialect>,
    /// Base URL such as `https://api.openai.com/v1`, or `mock` for an embedded stand-in.
    #[serde(default = "default_url")]
    pub url: String,
    /// The environment variable that holds the API key; without it a real service's usual variables and login are
    /// looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
    /// Azure's API version, for its classic paths with the deployment in them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// AWS region or Google location.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Google project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The zone in which prompts and answers stay, such as `eu`; from the catalogue where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residency: Option<String>,
    /// The cloud where it stands, or the region such as `aws/eu-central-1`, for the way there; from the provider and
    /// `region` where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The link to it by its name, where several lead there or none is found by places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Round trip between the application and the endpoint, connections being open, counted whole on the way there;
    /// that of the link, where it is not given. A mock keeps it; a real service has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip: Option<Span>,
    /// Tokens that an image of the classes' size counts, where nothing is published for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_tokens: Option<u32>,
    /// The service tier asked for, in the provider's own words: flex, priority, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<String>,
    /// Headers sent with every request. Secrets do not belong here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Fields of every request's body beside our own, such as `{ temperature = 0.2 }`; one of the same name
    /// replaces ours.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub body: toml::Table,
    /// Whether to log in by the provider's usual variables and chain where `key_env` is not given: so for a real
    /// service, not so for one on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<bool>,
    /// Tells a Tollgate mock which request this is, so that it draws what a simulation would.
    /// Always so for `url = "mock"`; never set it for a real service.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hints: bool,
    /// For the weighted router.
    #[serde(default = "default_weight")]
    pub weight: Positive,
    /// Machines of one's own, as the catalogue has them from published measurements: they say how fast it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineSpec>,
    /// How fast it answers: needed by `simulate` and `mock`; that of `machine`, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<AnyLatency>,
    /// How fast it answers what a `ramp` downgrades to the standard tier; as `latency`, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub downgraded_latency: Option<AnyLatency>,
    /// The vendor's quota by its name in the catalogue, such as `azure/tier-1/gpt-5`: it stands for limits, which
    /// hold beside the endpoint's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaSpec>,
    /// The quota that was written out as limits.
    #[serde(skip)]
    pub quota_expanded: Option<QuotaSpec>,
    /// Capacity bought in the vendor's units: it stands for limits likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
    /// What it refuses: its quotas and outages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<AnyLimit>,
    /// The pools it draws on, by their names: their limits hold beside its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pools: Vec<String>,
    /// The endpoint, by its name, that the provider passes on to what this one has no room for: bought capacity on
    /// Azure, Bedrock and Vertex. Who asks hears the other's answer, or if it refuses as well, this one's refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spillover: Option<String>,
    /// Its prompt cache: a preset such as `"anthropic"`, or a table; none, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheSettings>,
    /// What it charges; looked up in the catalogue where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// Multiplies the prices of tokens, its own or the catalogue's, to the millionth: what a change of prices would
    /// come to.
    #[serde(default = "default_factor", skip_serializing_if = "is_one")]
    pub price_factor: Positive,
    /// What it charges over the run, from `price` or from the catalogue.
    #[serde(skip)]
    pub tariff: Tariff,
}

impl EndpointSpec {
    /// Whether the class may not use the endpoint.
    pub fn bars(&self, class: &Class) -> bool {
        let is_excluded = |name: &String| *name == self.name || name == self.provider.name();
        class.exclude.iter().any(is_excluded) || self.leaves_zone(class)
    }

    /// Whether its data would leave the zone in which the class must stay.
    pub fn leaves_zone(&self, class: &Class) -> bool {
        class.residency.as_ref().is_some_and(|zone| self.residency.as_ref() != Some(zone))
    }

    pub fn dialect(&self) -> AnyDialect {
        self.dialect.unwrap_or_else(|| self.provider.usual(&self.model))
    }

    /// Whether of its jobs that wait the classes' priorities say who is next.
    pub fn schedules_by_priority(&self) -> bool {
        let is_queue =
            |limit: &AnyLimit| limit.slots().is_some_and(|slots| slots.scheduling == Scheduling::Priority);
        let is_batch = match &self.latency {
            Some(AnyLatency::ContinuousBatching(batch)) => batch.scheduling == Scheduling::Priority,
            _ => self.machine.as_ref().is_some_and(|machine| machine.scheduling == Scheduling::Priority),
        };
        is_batch || self.limits.iter().any(is_queue)
    }

    /// The client's side of it.
    pub fn target(&self) -> Target {
        let headers = self.headers.iter().filter_map(|(name, value)| header(name, value).ok());
        let body = serde_json::to_value(&self.body).unwrap_or_default();
        Target {
            provider: self.provider,
            dialect: self.dialect(),
            model: self.model.clone(),
            api_version: self.api_version.clone(),
            region: self.region.clone(),
            project: self.project.clone(),
            service_tier: self.service_tier.clone(),
            is_spilling: self.spillover.is_some(),
            tells_priority: self.schedules_by_priority() && self.provider.get().takes_priority(),
            marks_prefix: self.cache.as_ref().is_some_and(|cache| cache.breakpoints == Breakpoints::Explicit),
            headers: headers.collect(),
            body: body.as_object().cloned().unwrap_or_default(),
            contents: Contents::default(),
            images: self.image_rule(),
        }
    }

    /// The mock's side of it: what it stands for, whom it lets in.
    pub fn served(&self, credentials: Option<Vec<Credential>>) -> Served {
        Served {
            provider: self.provider,
            model: self.model.clone(),
            region: self.region.clone(),
            images: self.image_rule(),
            credentials,
        }
    }

    /// Whether it is played by an embedded mock.
    pub fn is_mock(&self) -> bool {
        url::parse(&self.url) == Ok(url::Url::Mock)
    }

    /// Whether it is beyond this machine, where a request may cost money.
    pub fn is_remote(&self) -> bool {
        url::parse(&self.url) == Ok(url::Url::Remote)
    }
}

/// A header as HTTP has it.
pub(super) fn header(name: &str, value: &str) -> std::result::Result<(HeaderName, HeaderValue), String> {
    let name: HeaderName = name.parse().map_err(|_| "its name cannot be a header's".to_string())?;
    let value = HeaderValue::from_str(value).map_err(|_| "its value cannot be a header's".to_string())?;
    Ok((name, value))
}

fn default_url() -> String {
    "mock".into()
}

fn default_weight() -> Positive {
    Positive::new(1.0).expect("one is positive")
}

fn default_factor() -> Positive {
    Positive::new(1.0).expect("one is positive")
}

fn is_one(factor: &Positive) -> bool {
    factor.get() == 1.0
}
