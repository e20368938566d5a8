//! Which endpoint gets a request. Each kind is one file.

mod cheapest;
mod fastest;
mod least_in_flight;
mod mirror;
mod priority;
mod round_robin;
mod weighted;

pub use cheapest::Cheapest;
pub use fastest::Fastest;
pub use least_in_flight::LeastInFlight;
pub use mirror::Mirror;
pub use priority::Priority;
pub use round_robin::RoundRobin;
pub use weighted::Weighted;

use super::fleet::Fleet;
use crate::kinds;
use crate::rng::Chance;
use crate::time::Instant;
use crate::wire::{EndpointId, Request};

/// A routing policy. It sees the request and never its answer.
pub trait Router: Send {
    /// An endpoint of [`Fleet::ready`]; `None` when there is none.
    fn route(
        &mut self,
        now: Instant,
        request: &Request,
        fleet: &Fleet,
        tried: &[EndpointId],
        chance: Chance,
    ) -> Option<EndpointId>;

    /// Whether it matters when first tokens come.
    fn heeds_first_tokens(&self) -> bool {
        false
    }
}

kinds! {
    /// Any routing policy.
    pub enum AnyRouter("router"): Router {
        Cheapest = "cheapest",
        Fastest = "fastest",
        LeastInFlight = "least_in_flight",
        Mirror = "mirror",
        Priority = "priority",
        RoundRobin = "round_robin",
        Weighted = "weighted",
    }
}

impl Default for AnyRouter {
    fn default() -> Self {
        AnyRouter::Priority(Priority {})
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::client::fleet::{Cooling, Member};
    use crate::number::Positive;
    use crate::price::{Price, Tariff};
    use crate::rng::{Purpose, Rng};
    use crate::wire::{Beginnings, ClassId, RequestId};

    const REQUEST: Request = Request {
        id: RequestId(0),
        class: ClassId(0),
        priority: 0,
        input_tokens: 1000,
        max_tokens: Some(100),
        stream: true,
        beginnings: Beginnings::None,
        content: crate::wire::Content::TEXT,
    };

    /// Three endpoints: a is reserved, b cheap on prompts, c cheap on answers; weights 1, 2 and 5.
    fn fleet() -> Fleet {
        let price = |input: &str, output: &str| Price {
            input: input.parse().ok(),
            output: output.parse().ok(),
            ..Price::default()
        };
        let member =
            |name, weight, price| Member::new(name, Positive::new(weight).unwrap(), Tariff::fixed(price));
        let members = vec![
            member("a", 1.0, Price::default()),
            member("b", 2.0, price("1", "20")),
            member("c", 5.0, price("2", "4")),
        ];
        Fleet::new(members, Cooling::default())
    }

    fn route(router: &str, fleet: &Fleet, tried: &[u16], id: u64) -> Option<u16> {
        let router: toml::Value = toml::Value::String(router.into());
        let mut router: AnyRouter = router.try_into().unwrap();
        let tried: Vec<_> = tried.iter().copied().map(EndpointId).collect();
        let chance = Rng::new(1).chance(Purpose::Route, id, 0);
        let request = Request { id: RequestId(id), ..REQUEST };
        router.route(Instant::START, &request, fleet, &tried, chance).map(|id| id.0)
    }

    #[test]
    fn no_router_names_an_endpoint_twice_in_a_round_or_when_all_were_tried() {
        for kind in AnyRouter::KINDS.iter().filter(|kind| **kind != "mirror") {
            for id in 0..50 {
                assert_eq!(route(kind, &fleet(), &[0, 2], id), Some(1), "{kind}");
                assert_eq!(route(kind, &fleet(), &[0, 1, 2], id), None, "{kind}");
            }
        }
    }

    #[test]
    fn each_copy_has_its_own_endpoint_and_no_other() {
        let routed = [0, 1, 2, 3, 4].map(|id| route("mirror", &fleet(), &[], id));
        assert_eq!(routed, [Some(0), Some(1), Some(2), Some(0), Some(1)]);
        assert_eq!(route("mirror", &fleet(), &[1], 4), None);
    }

    #[test]
    fn the_cheapest_follows_the_length_of_the_answers_seen() {
        let mut fleet = fleet();
        assert_eq!(route("cheapest", &fleet, &[], 0), Some(0), "reserved capacity costs nothing more");
        assert_eq!(route("cheapest", &fleet, &[0], 0), Some(2), "1000·2 + 100·4 < 1000·1 + 100·20");
        fleet.on_answer(10);
        assert_eq!(route("cheapest", &fleet, &[0], 0), Some(1), "1000·1 + 10·20 < 1000·2 + 10·4");
    }

    #[test]
    fn the_fastest_tries_the_unknown_and_then_keeps_to_the_quick() {
        let mut fleet = fleet();
        for (id, millis) in [(0, 300), (1, 100), (2, 200)] {
            fleet.on_first_token(EndpointId(id), Duration::from_millis(millis));
        }
        let chosen = (0..1000).filter(|id| route("fastest", &fleet, &[], *id) == Some(1)).count();
        // 95 % by choice and a third of the exploring 5 %: 967 of 1,000, with a standard deviation of 6.
        assert!((940..=990).contains(&chosen), "{chosen}");
    }

    #[test]
    fn the_weighted_draw_follows_the_weights() {
        let fleet = fleet();
        let mut counts = [0u32; 3];
        for id in 0..8000 {
            counts[usize::from(route("weighted", &fleet, &[], id).unwrap())] += 1;
        }
        // Expected 1000, 2000, 5000; 4.5 standard deviations are 133, 174 and 195.
        assert!(counts[0].abs_diff(1000) < 133 && counts[1].abs_diff(2000) < 174, "{counts:?}");
    }

    #[test]
    fn the_round_goes_on_where_it_stood() {
        let mut router = RoundRobin::default();
        let fleet = fleet();
        let chance = Rng::new(1).chance(Purpose::Route, 0, 0);
        let mut turn = |tried: &[EndpointId]| {
            router.route(Instant::START, &REQUEST, &fleet, tried, chance).map(|id| id.0)
        };
        assert_eq!([turn(&[]), turn(&[]), turn(&[]), turn(&[])], [Some(0), Some(1), Some(2), Some(0)]);
        assert_eq!(turn(&[EndpointId(1)]), Some(2), "an endpoint that cannot take its turn loses it");
    }

    #[test]
    fn the_least_busy_is_preferred() {
        let mut fleet = fleet();
        fleet.on_send(EndpointId(0));
        assert_eq!(route("least_in_flight", &fleet, &[], 0), Some(1));
    }
}
