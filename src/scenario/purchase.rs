//! What is bought, put into a scenario: units, their prices, the route, and an outage to suppose.

use super::change::Change;
use super::plan::{Offer, RouteSpec};
use super::{EndpointSpec, Scenario};
use crate::catalogue::machine::Machine;
use crate::client::routers::AnyRouter;
use crate::client::workload::Class;
use crate::commitments::{AnyCommitment, Units};
use crate::machines;
use crate::number::Span;
use crate::price::{Money, Price, Tariff, Term};
use crate::server::limits::{AnyLimit, Outage};

impl Scenario {
    /// Units of an endpoint that the scenario as written has bought, or rents with its machines.
    pub fn units_bought(&self, endpoint: &str) -> u32 {
        let bought = self.units_of(endpoint).map(|units| units.units).fold(0, u32::saturating_add);
        let spec = self.endpoints.iter().find(|spec| spec.name == endpoint);
        let rent = spec.and_then(|spec| self.rent(spec));
        bought.saturating_add(rent.map_or(0, |rent| rent.machines.div_ceil(rent.per_unit)))
    }

    fn units_of<'a>(&'a self, endpoint: &'a str) -> impl Iterator<Item = &'a Units> {
        self.commitments.iter().filter_map(move |commitment| match commitment {
            AnyCommitment::Units(units) if units.endpoints.iter().any(|name| name == endpoint) => Some(units),
            _ => None,
        })
    }

    /// The change of the scenario's text that gives an option's endpoint as many units.
    pub fn resized(&self, offer: &Offer, units: u32) -> Option<Change> {
        let spec = self.endpoints.iter().find(|spec| spec.name == offer.endpoint)?;
        let (key, number) = match &spec.machine {
            Some(asked) if spec.capacity.is_none() => {
                let per_unit = Machine::find(&asked.preset).ok()?.per_unit.get();
                ("machine.instances", units.saturating_mul(per_unit))
            }
            _ => ("capacity.units", units),
        };
        Change::new(&format!("endpoints.\"{}\".{key}", offer.endpoint), &number.to_string()).ok()
    }

    /// Puts a purchase in place of what is bought for the options' endpoints. One of which nothing is bought takes no
    /// part.
    pub fn buy(&mut self, offers: &[Offer], units: &[u32]) {
        let templates: Vec<Option<Units>> =
            offers.iter().map(|offer| self.units_of(&offer.endpoint).next().cloned()).collect();
        let is_option = |name: &String| offers.iter().any(|offer| offer.endpoint == *name);
        let is_kept = |commitment: &AnyCommitment| match commitment {
            AnyCommitment::Units(units) => !units.endpoints.iter().all(is_option),
            _ => true,
        };
        let kept: Vec<bool> = self.commitments.iter().map(is_kept).collect();
        self.keep_commitments(&kept);
        for ((offer, units), template) in offers.iter().zip(units).zip(templates) {
            self.rent_nothing(&offer.endpoint);
            if *units == 0 {
                self.leave_out(&offer.endpoint);
            }
            for (tier, part) in offer.split(*units) {
                let terms = template.as_ref();
                self.commitments.push(AnyCommitment::Units(Units {
                    name: format!("{} by the {}", offer.endpoint, tier.term.name()),
                    endpoints: vec![offer.endpoint.clone()],
                    unit: offer.unit.clone(),
                    units: part,
                    term: tier.term,
                    price: Some(tier.price),
                    tier: terms.and_then(|terms| terms.tier),
                    throughput: Some(offer.throughput),
                }));
                self.unit_rows.push(None);
            }
        }
    }

    /// Leaves out the options' endpoints of which nothing is bought as the scenario is written.
    pub fn leave_out_unbought(&mut self, offers: &[Offer]) {
        for offer in offers {
            if self.units_bought(&offer.endpoint) == 0 {
                self.leave_out(&offer.endpoint);
            }
        }
    }

    /// Supposes that all endpoints of a provider are down for a while.
    pub fn suffer(&mut self, provider: &str, from: Span, lasts: Span) {
        for spec in self.endpoints.iter_mut().filter(|spec| spec.provider.name() == provider) {
            spec.limits.push(AnyLimit::Outage(Outage::once(from, lasts)));
        }
    }

    /// Routes as `route` says.
    pub fn take_route(&mut self, route: &RouteSpec) {
        if let Some(router) = &route.router {
            self.router = router.clone();
        }
        let place = |name: &str| route.order.iter().position(|other| other == name);
        self.endpoints.sort_by_key(|spec| place(&spec.name).unwrap_or(usize::MAX));
        for spec in &mut self.endpoints {
            spec.weight = route.weights.get(&spec.name).copied().unwrap_or(spec.weight);
        }
        route.exclude.iter().for_each(|name| self.leave_out(name));
    }

    /// Leaves all traffic to one endpoint and those that its provider passes it on to, as if there were no others: what is bought
    /// for these alone is not bought. Everything keeps its price.
    pub fn leave_to(&mut self, endpoint: &str) {
        let spills = self.spills();
        let mut kept: Vec<usize> = Vec::new();
        let mut next = self.endpoints.iter().position(|spec| spec.name == endpoint);
        while let Some(place) = next.filter(|place| !kept.contains(place)) {
            next = spills[place].as_ref().map(|spill| spill.to);
            kept.push(place);
        }
        // Nobody but the provider asks those that it passes on to.
        let passed_on: Vec<String> =
            kept.iter().skip(1).map(|place| self.endpoints[*place].name.clone()).collect();
        passed_on.iter().for_each(|name| self.leave_out(name));
        let mut place = 0..;
        self.endpoints.retain(|_| place.next().is_some_and(|place| kept.contains(&place)));
        // Mirrored requests would come once for each endpoint that is left.
        self.router = AnyRouter::default();
        self.classes.iter_mut().for_each(|class| class.router = None);
        self.hedge = None;
        let parties = machines::parties(self);
        let covers = |commitment: &AnyCommitment| parties.iter().any(|party| commitment.covers(party));
        let covered: Vec<bool> = self.commitments.iter().map(covers).collect();
        self.keep_commitments(&covered);
        self.plan = None;
    }

    /// Drops the commitments without a flag, and their rows of the catalogue.
    fn keep_commitments(&mut self, kept: &[bool]) {
        self.unit_rows.resize(self.commitments.len(), None);
        let mut flags = kept.iter();
        self.unit_rows.retain(|_| *flags.next().expect("there is a flag for each"));
        let mut flags = kept.iter();
        self.commitments.retain(|_| *flags.next().expect("there is a flag for each"));
    }

    /// The terms for which the catalogue sells the units of a commitment, by its position; none of one that has a price of its own.
    pub fn terms_sold(&self, commitment: usize) -> Vec<Term> {
        let is_priced = self.unit_rows.get(commitment).is_some_and(Option::is_some);
        let Some(AnyCommitment::Units(units)) = self.commitments.get(commitment).filter(|_| is_priced) else {
            return Vec::new();
        };
        let is_sold = |term: &Term| {
            let wanted = Units { term: *term, ..units.clone() };
            matches!(self.unit_row(&wanted), Some(Ok(_)))
        };
        Term::ALL.into_iter().filter(is_sold).collect()
    }

    /// Whether some class has no endpoint that may serve it.
    pub fn is_deserted(&self) -> bool {
        let is_served = |class: &Class| self.endpoints.iter().any(|spec| !spec.bars(class));
        !self.classes.iter().all(is_served)
    }

    /// Machines of an endpoint cost what is bought of them, and no rent beside it.
    fn rent_nothing(&mut self, endpoint: &str) {
        let is_rented = |spec: &&mut EndpointSpec| {
            spec.name == endpoint && spec.machine.is_some() && spec.price.is_none()
        };
        for spec in self.endpoints.iter_mut().filter(is_rented) {
            let price = Price { per_hour: Some(Money::ZERO), ..Price::default() };
            spec.tariff = Tariff::fixed(price.clone());
            spec.price = Some(price);
        }
    }

    /// Bars every class from an endpoint.
    pub(super) fn leave_out(&mut self, endpoint: &str) {
        for class in &mut self.classes {
            if !class.exclude.iter().any(|name| name == endpoint) {
                class.exclude.push(endpoint.into());
            }
        }
    }
}
