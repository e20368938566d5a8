//! A second attempt for a request whose first is slow, within a cap on how many may get one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::{Share, Span};

/// Without the cap, hedging at saturation doubles the load that made it slow.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Hedge {
    /// How long the first attempt may be silent before the second is sent.
    pub after: Span,
    /// The largest share of requests that may be hedged.
    #[serde(default = "default_share_max")]
    pub share_max: Share,
}

impl Hedge {
    /// Whether one more hedge keeps the share within its cap.
    pub fn allows(&self, hedges: u64, requests: u64) -> bool {
        (hedges + 1) as f64 <= self.share_max.get() * requests as f64
    }
}

fn default_share_max() -> Share {
    Share::new(0.05).expect("5 % is a share")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cap_holds_to_the_request() {
        let hedge = Hedge { after: Span::default(), share_max: default_share_max() };
        assert!(!hedge.allows(0, 19));
        assert!(hedge.allows(0, 20));
        assert!(!hedge.allows(1, 39));
        assert!(hedge.allows(1, 40));
    }
}
