//! A kind of request, as a scenario says it.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analytic::normal;
use crate::client::answer::{Answers, Portion};
use crate::client::arrivals::AnyArrivals;
use crate::client::images::Pictures;
use crate::client::lengths::AnyLength;
use crate::client::prefix::SharedPrefix;
use crate::client::purse::Budget;
use crate::client::routers::AnyRouter;
use crate::client::sessions::AnySession;
use crate::number::{Correlation, Positive, Span};
use crate::prompts::{Prompts, Source};
use crate::rng::{Purpose, Rng, normal_quantile};

/// A kind of request, with what its users expect.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    pub name: String,
    /// Traffic of the catalogue by its name, such as `chat`: stands for every key that is not given here, and with a
    /// `rate` for when its requests come. `tollgate init --presets` lists them.
    #[serde(default, skip_serializing)]
    pub preset: Option<String>,
    /// Mean arrivals per second of the preset, over its day or week: requests, or conversations where it has such.
    #[serde(default, skip_serializing)]
    pub rate: Option<Positive>,
    /// When its requests come, apart from those of other classes; where it is not given, it has its share of the
    /// scenario's `arrivals`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<AnyArrivals>,
    /// Its part of the scenario's `arrivals`, relative to the shares of the other classes that come by them; 1, where
    /// it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Positive>,
    /// Each of its arrivals begins a conversation of many turns; without it, each is a request by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<AnySession>,
    /// Prompt length in tokens. Not needed where the arrivals bring lengths or begin conversations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<AnyLength>,
    /// The beginning that its prompts share, which prompt caches can hold; none, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<SharedPrefix>,
    /// Prompts of one's own in place of made-up ones: their lengths go with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompts: Option<Prompts>,
    /// Images in its prompts, beside the text whose length `input` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<Pictures>,
    /// Visible answer length in tokens; with `reasoning_share`, the reasoning included. Not needed where the arrivals
    /// bring lengths, or where the file of prompts does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<AnyLength>,
    /// The rank correlation (Spearman's) of prompt and answer lengths: above 0, long prompts have long answers. Both
    /// lengths are of a kind that tells its quantiles: empirical, fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length_correlation: Option<Correlation>,
    /// Reasoning tokens before the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<AnyLength>,
    /// The part of `output` that is reasoning, in place of `reasoning`: such as 0.7, or quantiles of it. The visible
    /// answer is what is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_share: Option<Portion>,
    /// Cap on generated tokens, sent with each request; quotas may count it up front.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    #[serde(default = "default_stream")]
    pub stream: bool,
    /// The whole time a request may take, from its intended start, retries included.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
    /// The longest silence before and within an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stall_timeout: Option<Span>,
    #[serde(default, skip_serializing_if = "Slo::is_empty")]
    pub slo: Slo,
    /// Which endpoint gets its requests; where it is not given, the scenario's `router` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router: Option<AnyRouter>,
    /// What may be spent on its requests, beside what the scenario's `budget` says of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// Where its requests wait for each other and the scheduling is by priority, those of the lowest number are served
    /// first; 0, where it is not given. It is sent to self-hosted servers that schedule so.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: i32,
    /// The zone that must not be left, such as `eu`: only endpoints of this residency get its requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residency: Option<String>,
    /// Providers and endpoints, by name, that must not get its requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
}

/// What makes a request good: it was answered, and within every limit given here.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Slo {
    /// Intended start to first token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft: Option<Span>,
    /// Intended start to first token that is not reasoning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttfo: Option<Span>,
    /// Mean time per output token after the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpot: Option<Span>,
    /// Intended start to last token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2e: Option<Span>,
}

impl Class {
    /// Its part of shared arrivals.
    pub fn share(&self) -> f64 {
        self.share.map_or(1.0, Positive::get)
    }

    /// The file of texts of which its prompts are, once it is loaded.
    pub fn source(&self) -> Option<&Arc<Source>> {
        let of_prompts = || self.prompts.as_ref()?.source();
        self.session.as_ref().map_or_else(of_prompts, AnySession::source)
    }

    /// Requests that one of its arrivals brings on average.
    pub fn requests_per_arrival(&self) -> f64 {
        self.session.as_ref().map_or(1.0, |session| session.requests_mean())
    }

    /// What its answers are made of.
    pub fn answers(&self) -> Answers<'_> {
        let Class { output, reasoning, reasoning_share, .. } = self;
        Answers {
            output: output.as_ref(),
            reasoning: reasoning.as_ref(),
            reasoning_share: reasoning_share.as_ref(),
        }
    }

    /// Every length it gives, by its key.
    pub fn lengths_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut AnyLength)> {
        let prefix = self.prefix.as_mut().and_then(|prefix| prefix.tokens.as_mut());
        let lengths = [
            ("input", self.input.as_mut()),
            ("output", self.output.as_mut()),
            ("prefix.tokens", prefix),
            ("reasoning", self.reasoning.as_mut()),
        ];
        lengths.into_iter().filter_map(|(key, length)| Some((key, length?)))
    }

    /// Prompt and answer length, in tokens, where they are drawn together.
    ///
    /// A Gaussian copula: two standard normals with correlation r are taken through Φ to shares, and the shares
    /// through each length's quantiles. Their rank correlation is (6/π)·asin(r/2), so r = 2·sin(π/6·given).
    pub(super) fn correlated(&self, key: u64, rng: &Rng) -> Option<(u32, u32)> {
        let r = 2.0 * libm::sin(std::f64::consts::PI / 6.0 * self.length_correlation?.get());
        let share = rng.of(Purpose::InputLength, key, 0).unit();
        let y = r * normal_quantile(share)
            + libm::sqrt(1.0 - r * r) * rng.of(Purpose::AnswerLength, key, 0).normal();
        Some((self.input.as_ref()?.quantile(share)?, self.output.as_ref()?.quantile(normal::above(-y))?))
    }

    /// Whether nothing but the lengths of a prompt and of its answer are drawn, each by itself.
    pub(super) fn is_plain(&self) -> bool {
        let Class { prefix, prompts, images, length_correlation, reasoning, reasoning_share, .. } = self;
        let is_more = [prefix.is_some(), prompts.is_some(), images.is_some(), length_correlation.is_some()];
        !is_more.contains(&true) && reasoning.is_none() && reasoning_share.is_none()
    }

    /// Why its lengths cannot be drawn together, if they are to be.
    pub fn correlation_problem(&self) -> Option<String> {
        self.length_correlation?;
        let lengths = [("input", &self.input), ("output", &self.output)];
        let (key, length) = lengths.into_iter().find(|(_, length)| {
            length
                .as_ref()
                .is_some_and(|length| !matches!(length, AnyLength::Empirical(_) | AnyLength::Fixed(_)))
        })?;
        let kind = length.as_ref().map_or("", AnyLength::kind);
        Some(format!("`{key}` is {kind}, which cannot be drawn together with another length"))
    }
}

impl Slo {
    pub fn is_empty(&self) -> bool {
        *self == Slo::default()
    }
}

fn is_zero(priority: &i32) -> bool {
    *priority == 0
}

fn default_stream() -> bool {
    true
}

fn default_timeout() -> Span {
    Span(std::time::Duration::from_secs(600))
}
