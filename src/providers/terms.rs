//! On which terms a call is served: in which tier, and where it goes if there is no room for it.

use http::HeaderMap;

use super::AnyProvider;
use crate::server::cloud::Spill;
use crate::wire::Tier;

/// What the headers of a call say about capacity that is bought.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Capacity<'a> {
    /// Nothing: as the endpoint is set up.
    #[default]
    AsSetUp,
    /// It is served by bought capacity or not at all.
    Dedicated,
    /// Bought capacity is left alone.
    Shared,
    /// What bought capacity has no room for goes to this deployment.
    SpillTo(&'a str),
}

/// The terms of one call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Terms<'a> {
    /// The tier that serves it, if nothing comes between.
    pub tier: Tier,
    /// Where it goes that is refused.
    pub spill: Option<Spill>,
    /// The deployment that the call itself names for that, whether there is one or not.
    pub named: Option<&'a str>,
}

impl AnyProvider {
    /// The terms of a call with these headers that asks for a tier by this word. `spillover` is the endpoint that
    /// the one asked is set up to spill to; `find` finds one by the name of its deployment.
    pub fn terms<'a>(
        self,
        word: Option<&str>,
        headers: &'a HeaderMap,
        spillover: Option<usize>,
        find: impl FnOnce(&str) -> Option<usize>,
    ) -> Terms<'a> {
        let provider = self.get();
        let capacity = provider.capacity(headers);
        let asked = provider.tier_in(headers).or_else(|| provider.tier(word?)).unwrap_or_default();
        let to = match capacity {
            Capacity::AsSetUp | Capacity::Shared => spillover,
            Capacity::Dedicated => None,
            // What a deployment is set up to do goes before what a call asks for.
            Capacity::SpillTo(name) => spillover.or_else(|| find(name)),
        };
        let is_bought =
            capacity == Capacity::Dedicated || (spillover.is_some() && capacity != Capacity::Shared);
        let spill = to.map(|to| Spill {
            to,
            tier: if asked == Tier::Reserved { Tier::Standard } else { asked },
            statuses: provider.spill_statuses(),
            is_direct: capacity == Capacity::Shared,
        });
        let named = if let Capacity::SpillTo(name) = capacity { Some(name) } else { None };
        Terms { tier: provider.bought_tier().filter(|_| is_bought).unwrap_or(asked), spill, named }
    }
}
