//! Whether links lead somewhere, from where the application stands, at one price.

use super::super::link::{Link, Place};
use super::super::{EndpointSpec, Scenario};
use super::Check;
use crate::commitments::{per_byte, problem_of_money};
use crate::price::Money;

impl Check<'_, '_> {
    pub(super) fn links(&mut self, scenario: &Scenario) {
        if !scenario.links.is_empty() {
            self.names("links", scenario.links.iter().map(|link| link.name.as_str()));
        }
        for (index, link) in scenario.links.iter().enumerate() {
            self.link(&format!("links.{index}"), link, scenario);
        }
        for (index, spec) in scenario.endpoints.iter().enumerate() {
            let path = format!("endpoints.{index}");
            match &spec.link {
                Some(name) => self.named(&format!("{path}.link"), name, spec, scenario),
                None => self.ambiguous(&path, spec, scenario),
            }
            self.billed_twice(index, spec, scenario);
        }
    }

    fn link(&mut self, path: &str, link: &Link, scenario: &Scenario) {
        let name = &link.name;
        if name.trim().is_empty() {
            let help = "name it: endpoints and bills call it so";
            self.say(&format!("{path}.name"), "a link has an empty name", "", help);
        }
        let amounts = [
            ("per_gb", Some(link.per_gb)),
            ("per_gb_back", Some(link.per_gb_back)),
            ("per_hour", link.per_hour),
        ];
        for (key, amount) in amounts.into_iter().filter_map(|(key, amount)| Some((key, amount?))) {
            let (per, problem) = match key {
                "per_hour" => ("an hour", None),
                _ => ("a gigabyte with at most 3 decimals", per_byte(amount).err()),
            };
            if let Some(problem) = problem.or_else(|| Some(problem_of_money(key, amount)?.1)) {
                let help = format!("write dollars for {per}, such as {key} = \"0.02\"");
                self.say(
                    &format!("{path}.{key}"),
                    format!("link `{name}` has no price: {problem}"),
                    "",
                    &help,
                );
            }
        }
        if let (Some(from), None) = (&link.from, &scenario.application) {
            let help = "add such as application = { cloud = \"aws\", region = \"eu-central-1\" }";
            let message = format!("link `{name}` begins at {from}, and nothing says where the callers stand");
            self.say(&format!("{path}.from"), message, "this needs [application]", help);
        }
    }

    /// The link that an endpoint names is there, and leads to it.
    fn named(&mut self, path: &str, name: &str, spec: &EndpointSpec, scenario: &Scenario) {
        let Some(link) = scenario.links.iter().find(|link| link.name == name) else {
            let names = scenario.links.iter().map(|link| link.name.as_str()).collect();
            return self.unnamed(path, "link", name, names, "add a [[links]] table");
        };
        let stands =
            |place: &Option<Place>| place.as_ref().map_or("an unknown place".into(), Place::to_string);
        let ends = [
            ("leads to", &link.to, scenario.place(spec), format!("endpoint `{}`", spec.name)),
            ("begins at", &link.from, scenario.here(), "the application".into()),
        ];
        for (verb, end, place, who) in ends {
            if let Some(end) = end.as_ref().filter(|end| !end.fits(place.as_ref())) {
                let message = format!("link `{name}` {verb} {end}, and {who} stands in {}", stands(&place));
                let help = "name another link, or mend `place`, `to`, `from` or [application]";
                self.say(path, message, "", help);
            }
        }
    }

    /// No two links lead to an endpoint equally well.
    fn ambiguous(&mut self, path: &str, spec: &EndpointSpec, scenario: &Scenario) {
        if let [first, second, ..] = scenario.links_to(spec)[..] {
            let (first, second) = (&scenario.links[first].name, &scenario.links[second].name);
            let message = format!("two links lead to endpoint `{}`: `{first}` and `{second}`", spec.name);
            let help = format!(
                "add link = \"{first}\" or link = \"{second}\" to it, or say more in `from` and `to`"
            );
            self.say(path, message, "neither says more", &help);
        }
    }

    /// Bytes have one price.
    fn billed_twice(&mut self, index: usize, spec: &EndpointSpec, scenario: &Scenario) {
        let own = scenario.way(spec).own.map(|own| &scenario.links[own]).filter(|link| link.is_metered());
        let Some((link, nth)) = own.zip(scenario.egress(index)) else { return };
        let (name, commitment) = (&spec.name, scenario.commitments[nth].name());
        let message = format!(
            "the bytes of endpoint `{name}` have two prices: link `{}` and commitment `{commitment}`",
            link.name
        );
        let help = format!(
            "remove one, or write per_gb = \"{}\" in the link where the commitment is about all that it carries",
            Money::ZERO
        );
        self.say(&format!("commitments.{nth}"), message, "billed twice", &help);
    }
}
