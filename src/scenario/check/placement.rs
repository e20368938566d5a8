//! Whether every class has an endpoint that it may use.

use super::super::Scenario;
use super::Check;
use crate::client::workload::Class;
use crate::kind::unnamed;
use crate::providers::PROVIDERS;

impl Check<'_, '_> {
    pub(super) fn placement(&mut self, scenario: &Scenario) {
        for (index, class) in scenario.classes.iter().enumerate() {
            let path = format!("classes.{index}");
            self.excluded(&path, scenario, class);
            if scenario.endpoints.is_empty() || scenario.endpoints.iter().any(|spec| !spec.bars(class)) {
                continue;
            }
            let key = if class.residency.is_some() { "residency" } else { "exclude" };
            let message = format!("no endpoint may get the requests of class `{}`", class.name);
            let help = "add an endpoint that may, or loosen `residency` or `exclude`";
            self.say(&format!("{path}.{key}"), message, &where_all_stand(scenario), help);
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
    let stand = scenario.endpoints.iter().map(|spec| match &spec.residency {
        Some(zone) if zone == "global" => format!("`{}` may send its data anywhere", spec.name),
        Some(zone) => format!("`{}` stays in {zone}", spec.name),
        None => format!("`{}` promises no residency", spec.name),
    });
    stand.collect::<Vec<_>>().join(", ")
}
