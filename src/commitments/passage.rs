//! What the bytes of calls cost on their way, and the private links that are paid for by the hour.

use crate::price::{Money, Rate, Term};
use crate::time::Instant;
use crate::wire::EndpointId;

/// What bytes cost between the application and an endpoint. They are estimated from tokens.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Passage {
    /// The link that bills them; empty where a commitment prices them.
    pub link: String,
    /// For a byte of a prompt.
    pub there: Rate,
    /// For a byte of an answer.
    pub back: Rate,
    pub bytes_per_input_token: u32,
    pub bytes_per_output_token: u32,
}

impl Passage {
    /// There and back, the bytes for a token and what one of them costs.
    pub fn ways(&self) -> [(u32, Rate); 2] {
        [(self.bytes_per_input_token, self.there), (self.bytes_per_output_token, self.back)]
    }

    /// What the bytes of a prompt and of an answer cost, both in tokens.
    pub fn cost(&self, prompt: u64, generated: u64) -> Money {
        let ways = self.ways().into_iter().zip([prompt, generated]);
        ways.map(|((each, rate), tokens)| rate.times(tokens * u64::from(each))).sum()
    }
}

/// A private link, which costs the same however much it carries.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fee {
    /// The link's name.
    pub link: String,
    pub per_hour: Money,
    /// Who is reached by it: they share the fee evenly, the first ones taking what is over.
    pub endpoints: Vec<EndpointId>,
}

impl Fee {
    /// What each endpoint's share costs from `from` to `to`. The shares add up to the whole.
    pub fn shares(&self, from: Instant, to: Instant) -> impl Iterator<Item = (EndpointId, Money)> + '_ {
        let until = |at: Instant| self.per_hour.accrued(at.since(Instant::START), Term::Hour.span());
        let (picos, count) = ((until(to) - until(from)).picos(), self.endpoints.len().max(1) as i128);
        (0..).zip(&self.endpoints).map(move |(nth, endpoint): (i128, _)| {
            (*endpoint, Money::from_picos(picos / count + i128::from(nth < picos % count)))
        })
    }
}

/// Text has four to six bytes a token: an estimate, not verified.
pub fn bytes_per_input_token() -> u32 {
    5
}

/// Its text, and the event that brings it, which has 100 to 300 bytes where answers are streamed token by token:
/// an estimate, not verified.
pub fn bytes_per_output_token() -> u32 {
    5 + 200
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_shares_of_a_fee_add_up_to_it() {
        let fee = Fee {
            link: "interconnect".into(),
            per_hour: Money::from_picos(1_000),
            endpoints: (0..3).map(EndpointId).collect(),
        };
        let hour = Instant::START + Duration::from_secs(3600);
        let shares: Vec<i128> = fee.shares(Instant::START, hour).map(|(_, share)| share.picos()).collect();
        assert_eq!(shares, [334, 333, 333]);
    }
}
