//! Whether every class has an endpoint that it may use, and stays where it must.

use super::super::{EndpointSpec, Scenario};
use super::Check;
use crate::client::workload::Class;
use crate::kind::unnamed;
use crate::providers::PROVIDERS;
use crate::time::Instant;

impl Check<'_, '_> {
    pub(super) fn placement(&mut self, scenario: &Scenario) {
        for (index, class) in scenario.classes.iter().enumerate() {
            let path = format!("classes.{index}");
            self.excluded(&path, scenario, class);
            self.passed_on(scenario, class);
            if class.residency.as_deref() == Some("global") {
                let message =
                    format!("class `{}` wants to stay in `global`, which is everywhere", class.name);
                let help =
                    "leave `residency` out where the data may go anywhere, or name a zone such as \"eu\"";
                self.say(&format!("{path}.residency"), message, "no zone", help);
                continue;
            }
            let allowed: Vec<_> = scenario.endpoints.iter().filter(|spec| !spec.bars(class)).collect();
            if !allowed.is_empty() {
                self.absent(&path, scenario, class, &allowed);
            }
            if scenario.endpoints.is_empty() || !allowed.is_empty() {
                continue;
            }
            let key = if class.residency.is_some() { "residency" } else { "exclude" };
            let message = format!("no endpoint may get the requests of class `{}`", class.name);
            let help = "add an endpoint that may, or loosen `residency` or `exclude`";
            self.say(&format!("{path}.{key}"), message, &where_all_stand(scenario), help);
        }
    }

    /// Some endpoint that the class may use is there at some time of the run.
    fn absent(&mut self, path: &str, scenario: &Scenario, class: &Class, allowed: &[&EndpointSpec]) {
        let end = Instant::START + scenario.duration.get();
        let is_absent = |spec: &&EndpointSpec| {
            let (from, until) = scenario.presence(spec);
            (from > Instant::START && from >= end) || until == Instant::START
        };
        if allowed.iter().all(is_absent) {
            let message = format!("no endpoint that class `{}` may use is there in the run", class.name);
            let why: Vec<String> = allowed.iter().filter_map(|spec| scenario.absence(spec)).collect();
            let help = "mend `date`, or add an endpoint; one with a `price` of its own is asked whatever the catalogue \
                        says of its model";
            self.say(path, message, &why.join(", "), help);
        }
    }

    /// No provider passes requests of the class on to another zone. What `exclude` bars it may pass on to: that is the
    /// client's choice.
    fn passed_on(&mut self, scenario: &Scenario, class: &Class) {
        for (index, spec) in scenario.endpoints.iter().enumerate().filter(|(_, spec)| !spec.bars(class)) {
            let spill = scenario.terms(index).spill;
            let Some(other) = spill.map(|spill| &scenario.endpoints[spill.to]) else { continue };
            if other.leaves_zone(class) {
                let key = if spec.spillover.is_some() { "spillover" } else { "headers" };
                let message = format!(
                    "`{}` may pass requests of class `{}` on to `{}`, out of their zone",
                    spec.name, class.name, other.name
                );
                let help =
                    "spill over to an endpoint in the zone, or bar the class from this one with `exclude`";
                self.say(&format!("endpoints.{index}.{key}"), message, &stand(other), help);
            }
        }
    }

    fn excluded(&mut self, path: &str, scenario: &Scenario, class: &Class) {
        let specs = scenario.endpoints.iter().map(|spec| &*spec.name);
        let mut names: Vec<&str> = PROVIDERS.iter().map(|(name, _)| *name).chain(specs).collect();
        names.sort_unstable();
        names.dedup();
        for (nth, name) in class.exclude.iter().enumerate().filter(|(_, name)| !names.contains(&&***name)) {
            let message = unnamed("provider or endpoint", name, &names);
            self.say(
                &format!("{path}.exclude.{nth}"),
                message,
                "excludes nothing",
                "remove it, or name one of these",
            );
        }
    }
}

/// Each endpoint with its zone.
fn where_all_stand(scenario: &Scenario) -> String {
    scenario.endpoints.iter().map(stand).collect::<Vec<_>>().join(", ")
}

fn stand(spec: &EndpointSpec) -> String {
    match spec.residency.as_deref() {
        Some("global") => format!("`{}` may send its data anywhere", spec.name),
        Some(zone) => format!("`{}` stays in {zone}", spec.name),
        None => format!("`{}` promises no residency", spec.name),
    }
}
