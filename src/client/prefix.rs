//! The beginnings that prompts of a class share: how many there are, how long they are, and which request has which.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::lengths::{AnyLength, Fixed};
use crate::number::{NonNegative, Share};
use crate::rng::{Purpose, Rng};
use crate::wire::{ClassId, Prefix, RequestId};

/// What the prompts of a class begin with: one of several groups' texts, such as the system prompts of so many
/// applications. `tokens` or `share` says how long they are.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SharedPrefix {
    /// Length in tokens: a number, or a distribution from which each group draws its own. A prompt that is shorter
    /// is all of it shared.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "number_or_length")]
    #[schemars(schema_with = "number_or_length_schema")]
    pub tokens: Option<AnyLength>,
    /// The part of each prompt that is shared, such as 0.8, in place of `tokens`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// How many different beginnings there are.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub groups: u32,
    /// How unevenly requests fall on them: the k-th is asked for in proportion to 1 / k^skew (Zipf). 0 is evenly, 1
    /// is usual.
    #[serde(default, skip_serializing_if = "is_even")]
    pub skew: NonNegative,
    /// How long caches are asked to keep it, where they let callers choose.
    #[serde(default, skip_serializing_if = "Keep::is_short")]
    pub ttl: Keep,
}

/// One of the two times for which a cache keeps what it stores.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The endpoint's `ttl_long`: hours, at the price of long writes.
    Long,
    /// The endpoint's `ttl`: minutes.
    #[default]
    Short,
}

impl Keep {
    pub(super) fn is_short(&self) -> bool {
        *self == Keep::Short
    }
}

impl SharedPrefix {
    /// One beginning, which is this part of each prompt.
    pub fn of_share(share: Share) -> SharedPrefix {
        let (groups, skew, ttl) = (one(), NonNegative::default(), Keep::default());
        SharedPrefix { tokens: None, share: Some(share), groups, skew, ttl }
    }

    /// What is wrong with the settings, if anything.
    pub fn problem(&self) -> Option<String> {
        match (&self.tokens, self.share) {
            (Some(_), Some(_)) => Some("a prefix has either `tokens` or `share`".into()),
            (None, None) => Some("a prefix does not say how long it is".into()),
            _ if self.groups == 0 => Some("`groups` is zero".into()),
            _ if self.groups > GROUPS_MAX => {
                Some(format!("`groups` = {} is above {GROUPS_MAX}", self.groups))
            }
            (Some(length), None) => length.problem(),
            (None, Some(_)) => None,
        }
    }
}

/// The groups of one class, ready to be drawn from.
#[derive(Clone, Debug)]
pub struct Groups {
    /// The id of the first group; those of the others follow.
    first: u64,
    prefix: SharedPrefix,
    /// Running sums of the groups' weights.
    weights: Vec<f64>,
}

impl Groups {
    /// What the prompts of a class share.
    pub fn new(class: ClassId, prefix: &SharedPrefix) -> Groups {
        Groups::numbered((u64::from(class.0) + 1) << u32::BITS, prefix)
    }

    /// What the prompts of the sub-agents of a class share.
    pub fn of_agents(class: ClassId, prefix: &SharedPrefix) -> Groups {
        Groups::numbered(AGENTS | (u64::from(class.0) + 1) << u32::BITS, prefix)
    }

    fn numbered(first: u64, prefix: &SharedPrefix) -> Groups {
        let weights = (1..=prefix.groups).scan(0.0, |sum, rank| {
            *sum += libm::pow(f64::from(rank), -prefix.skew.get());
            Some(*sum)
        });
        Groups { first, weights: weights.collect(), prefix: prefix.clone() }
    }

    /// The beginning of the prompt of `input_tokens` that `request` has; none if it would be empty.
    pub fn draw(&self, request: RequestId, input_tokens: u32, rng: &Rng) -> Option<Prefix> {
        let id = self.id(self.draw_group(request, rng));
        let tokens = match (&self.prefix.tokens, self.prefix.share) {
            (Some(length), _) => length.draw(&mut rng.of(Purpose::Prefix, id, 1)),
            (None, share) => {
                libm::round(f64::from(input_tokens) * share.map_or(0.0, |share| share.get())) as u32
            }
        };
        let tokens = tokens.min(input_tokens);
        let is_long = self.prefix.ttl == Keep::Long;
        (tokens > 0).then_some(Prefix { id, tokens, is_long, is_stored: true })
    }

    fn draw_group(&self, request: RequestId, rng: &Rng) -> usize {
        if self.weights.len() == 1 {
            return 0;
        }
        let total = self.weights.last().copied().unwrap_or(0.0);
        let at = rng.of(Purpose::Prefix, request.0, 0).unit() * total;
        self.weights.partition_point(|sum| *sum <= at).min(self.weights.len() - 1)
    }

    /// Different for every group of every class, and of its sub-agents.
    fn id(&self, group: usize) -> u64 {
        self.first | group as u64
    }
}

/// A number of tokens stands for a length that is always the same.
fn number_or_length<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<AnyLength>, D::Error> {
    struct Tokens;
    impl<'de> Visitor<'de> for Tokens {
        type Value = AnyLength;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(
                "a number of tokens, or a length such as { kind = \"uniform\", min = 1000, max = 3000 }",
            )
        }

        fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<AnyLength, E> {
            let tokens = u32::try_from(number)
                .map_err(|_| E::custom(format!("{number} is no number of tokens; write such as 2000")))?;
            Ok(AnyLength::Fixed(Fixed { tokens }))
        }

        fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<AnyLength, E> {
            self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
        }

        fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<AnyLength, M::Error> {
            AnyLength::deserialize(MapAccessDeserializer::new(map))
        }
    }
    deserializer.deserialize_any(Tokens).map(Some)
}

fn number_or_length_schema(generator: &mut SchemaGenerator) -> Schema {
    let length = AnyLength::json_schema(generator);
    json_schema!({"anyOf": [{"type": "integer", "minimum": 0}, length]})
}

/// Marks the groups of sub-agents; above the largest class, 65536 · 2³².
const AGENTS: u64 = 1 << 50;

/// More different beginnings than this no scenario needs, and each is a weight in memory.
const GROUPS_MAX: u32 = 1_000_000;

fn one() -> u32 {
    1
}

fn is_one(groups: &u32) -> bool {
    *groups == 1
}

fn is_even(skew: &NonNegative) -> bool {
    skew.get() == 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Result<SharedPrefix, String> {
        let mut document = toml::de::DeTable::parse(text).unwrap();
        crate::kind::tag(document.get_mut());
        SharedPrefix::deserialize(toml::Deserializer::from(document)).map_err(|error| error.to_string())
    }

    fn groups(class: u16, text: &str) -> Groups {
        Groups::new(ClassId(class), &prefix(text).unwrap())
    }

    fn draws(groups: &Groups, n: u64, input_tokens: u32) -> Vec<Prefix> {
        let rng = Rng::new(3);
        (0..n).filter_map(|request| groups.draw(RequestId(request), input_tokens, &rng)).collect()
    }

    #[test]
    fn a_prefix_is_never_longer_than_the_prompt_and_none_if_empty() {
        let fixed = groups(0, "tokens = 2000");
        assert_eq!(draws(&fixed, 1, 3000)[0].tokens, 2000);
        assert_eq!(draws(&fixed, 1, 1500)[0].tokens, 1500);
        assert_eq!(draws(&fixed, 5, 0), []);
        assert_eq!(draws(&groups(0, "share = 0.8"), 1, 1000)[0].tokens, 800);
        assert!(draws(&groups(0, "share = 0.8\nttl = 'long'"), 1, 1000)[0].is_long);
    }

    #[test]
    fn each_group_has_one_length_and_each_class_its_own_groups() {
        let text = "tokens = { kind = 'uniform', min = 1000, max = 9000 }\ngroups = 5";
        let mut drawn: Vec<_> = draws(&groups(0, text), 500, 10_000);
        drawn.sort_by_key(|prefix| (prefix.id, prefix.tokens));
        drawn.dedup();
        assert_eq!(drawn.len(), 5, "one length for each id: {drawn:?}");
        let others = draws(&groups(1, text), 500, 10_000);
        assert!(others.iter().all(|other| drawn.iter().all(|prefix| prefix.id != other.id)));
    }

    /// Zipf: the k-th of n groups has the share (1 / k^s) / Σ 1 / j^s; within 4.5 standard errors of it.
    #[test]
    fn groups_are_asked_for_by_zipf() {
        const N: u64 = 100_000;
        for skew in [0.0, 1.0, 1.5] {
            let groups = groups(0, &format!("tokens = 1\ngroups = 4\nskew = {skew}"));
            let drawn = draws(&groups, N, 10);
            let weight = |rank: u32| f64::from(rank).powf(-skew);
            let total: f64 = (1..=4).map(weight).sum();
            for rank in 1..=4 {
                let truth = weight(rank) / total;
                let count = drawn.iter().filter(|prefix| prefix.id & 0xff == u64::from(rank - 1)).count();
                let bound = 4.5 * (truth * (1.0 - truth) / N as f64).sqrt();
                assert!((count as f64 / N as f64 - truth).abs() < bound, "{skew} {rank}: {count}");
            }
        }
    }

    #[test]
    fn the_length_is_a_number_or_a_distribution_and_is_written_back() {
        let read = prefix("tokens = 2000").unwrap();
        let text = toml::to_string(&read).unwrap();
        assert_eq!(toml::to_string(&prefix(&text).unwrap()).unwrap(), text);
        assert!(prefix("tokens = -1").unwrap_err().contains("-1 is no number of tokens"));
        assert!(prefix("tokens = '1k'").unwrap_err().contains("a number of tokens, or a length such as"));
        assert!(prefix("tokens = 1\nshare = 0.5").unwrap().problem().is_some());
        assert!(prefix("groups = 2").unwrap().problem().is_some());
    }
}
