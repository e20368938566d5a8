//! How `run` uses its connections to endpoints.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How connections to endpoints are used in real time; a simulation and a mock have none of their own.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Connections {
    /// Connections to each endpoint at once, at most: a request waits for one to be free, and its wait counts as send lag.
    /// Without it there are as many as requests under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<NonZeroU32>,
    /// Idle connections to each endpoint that are kept for later requests, at most; all, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_max: Option<u32>,
    /// Whether a connection carries one request after another, as nearly every client has it. Without it each request opens
    /// a connection of its own, and says `connection: close`.
    #[serde(default = "yes")]
    pub keep_alive: bool,
    /// Streams at once on an HTTP/2 connection, at most, whatever the server would allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams_max: Option<NonZeroU32>,
}

impl Default for Connections {
    fn default() -> Connections {
        Connections { max: None, idle_max: None, keep_alive: true, streams_max: None }
    }
}

impl Connections {
    pub fn is_usual(&self) -> bool {
        *self == Connections::default()
    }

    /// The `nth` share of so many, which together keep to the whole. There are no more shares than connections.
    pub fn share(&self, nth: usize, of: usize) -> Connections {
        let part = |all: u32| {
            let (nth, of) = (nth as u32, of as u32);
            all / of + u32::from(nth < all % of)
        };
        let max = self.max.and_then(|max| NonZeroU32::new(part(max.get())));
        Connections { max, idle_max: self.idle_max.map(part), ..*self }
    }
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_the_whole() {
        let policy = Connections { max: NonZeroU32::new(11), idle_max: Some(3), ..Connections::default() };
        let shares: Vec<Connections> = (0..4).map(|nth| policy.share(nth, 4)).collect();
        let max: Vec<u32> = shares.iter().map(|share| share.max.map_or(0, NonZeroU32::get)).collect();
        assert_eq!(max, [3, 3, 3, 2]);
        assert_eq!(shares.iter().map(|share| share.idle_max.unwrap_or(0)).collect::<Vec<_>>(), [1, 1, 1, 0]);
        assert_eq!(Connections::default().share(1, 2), Connections::default());
    }
}
