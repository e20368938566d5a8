//! Whether there is something to choose from, and whether what is chosen can be priced and played.

use super::super::Scenario;
use super::super::plan::{OptionSpec, PlanSpec};
use super::Check;
use crate::commitments::AnyCommitment;
use crate::price::Money;

impl Check<'_, '_> {
    pub(super) fn plan(&mut self, scenario: &Scenario) {
        let Some(plan) = &scenario.plan else { return };
        if plan.options.is_empty() {
            let help = "name an endpoint, such as options = [{ endpoint = \"provisioned\", units_max = 200, terms = [{ term = \"month\" }] }]";
            self.say("plan.options", "there is nothing to choose from", "no options", help);
        }
        for (index, (option, offer)) in plan.options.iter().zip(scenario.purchasable()).enumerate() {
            let path = format!("plan.options.{index}");
            match offer {
                Err(unsound) => {
                    self.say(&format!("{path}.{}", unsound.key), unsound.message, "", &unsound.help);
                }
                Ok(_) => self.option(&path, scenario, option),
            }
            if plan.options[..index].iter().any(|other| other.endpoint == option.endpoint) {
                let message = format!("endpoint `{}` is an option twice", option.endpoint);
                self.say(
                    &format!("{path}.endpoint"),
                    message,
                    "",
                    "give each endpoint one option, with all its terms",
                );
            }
        }
        self.routes(scenario, plan);
        self.by_use(scenario, plan);
        self.independence(scenario, plan);
    }

    fn option(&mut self, path: &str, scenario: &Scenario, option: &OptionSpec) {
        if option.terms.is_empty() {
            let help = "write such as terms = [{ term = \"month\" }, { term = \"year\", units_max = 50 }]";
            self.say(&format!("{path}.terms"), "the option has no terms", "", help);
        }
        for (nth, term) in option.terms.iter().enumerate() {
            if option.terms[..nth].iter().any(|other| other.term == term.term) {
                let message = format!("the term {} is on offer twice", term.term.name());
                self.say(&format!("{path}.terms.{nth}.term"), message, "", "give each term once");
            }
        }
        let index = scenario.endpoints.iter().position(|spec| spec.name == option.endpoint);
        if is_unenforced(self.tree, index) {
            let message = format!(
                "the units of `{}` limit nothing, so their number changes only the price",
                option.endpoint
            );
            let help = "leave `enforce` out of its `capacity`, and the limits of the units with it";
            self.say(&format!("{path}.endpoint"), message, "", help);
        }
        let spec = index.map(|index| &scenario.endpoints[index]);
        let hourly = spec.and_then(|spec| spec.price.as_ref()?.per_hour);
        if let Some(hourly) = hourly.filter(|hourly| *hourly > Money::ZERO) {
            let message =
                format!("`{}` costs ${hourly} an hour, whatever is bought of its units", option.endpoint);
            let help = "leave `per_hour` out of its `price`, and give the terms their `price`";
            self.say(&format!("{path}.endpoint"), message, "", help);
        }
        let shares = |commitment: &&AnyCommitment| match commitment {
            AnyCommitment::Units(units) => {
                units.endpoints.contains(&option.endpoint) && units.endpoints.len() > 1
            }
            _ => false,
        };
        if let Some(shared) = scenario.commitments.iter().find(shares) {
            let message = format!("the units of `{}` serve other endpoints, too", shared.name());
            let help = "give each endpoint units of its own: an option's serve one endpoint";
            self.say(&format!("{path}.endpoint"), message, "", help);
        }
    }

    /// Every class must have somewhere to go where nothing is bought: what is saved is saved against that.
    fn by_use(&mut self, scenario: &Scenario, plan: &PlanSpec) {
        let is_option = |name: &str| plan.options.iter().any(|option| option.endpoint == name);
        for (index, class) in scenario.classes.iter().enumerate() {
            let mut others = scenario.endpoints.iter().filter(|spec| !is_option(&spec.name));
            if !others.any(|spec| !spec.bars(class)) {
                let message = format!("class `{}` has nowhere to go where nothing is bought", class.name);
                let help =
                    "add an endpoint that is paid by use and that it may use: the plan is held against that";
                self.say(
                    &format!("classes.{index}"),
                    message,
                    "every endpoint of it is an option of the plan",
                    help,
                );
            }
        }
    }

    fn routes(&mut self, scenario: &Scenario, plan: &PlanSpec) {
        let known: Vec<&str> = scenario.endpoints.iter().map(|spec| spec.name.as_str()).collect();
        for (index, route) in plan.routes.iter().enumerate() {
            let path = format!("plan.routes.{index}");
            let is_taken = plan.routes[..index].iter().any(|other| other.name == route.name);
            if route.name.is_empty() || is_taken {
                let message = format!("a route is named \"{}\"", route.name);
                let label = if is_taken { "so is one before it" } else { "" };
                self.say(&format!("{path}.name"), message, label, "give each route its own name");
            }
            self.cell(&format!("{path}.name"), &route.name);
            let named = [("order", &route.order), ("exclude", &route.exclude)];
            let listed = named.into_iter().flat_map(|(key, names)| names.iter().map(move |name| (key, name)));
            for (key, name) in listed.chain(route.weights.keys().map(|name| ("weights", name))) {
                if !known.contains(&name.as_str()) {
                    self.unnamed(&format!("{path}.{key}"), "endpoint", name, known.clone(), "");
                }
            }
        }
    }

    fn independence(&mut self, scenario: &Scenario, plan: &PlanSpec) {
        let Some(independence) = &plan.independence else { return };
        let path = "plan.independence";
        if independence.share_max.get() <= 0.0 {
            let help = "write such as share_max = \"60%\"";
            self.say(&format!("{path}.share_max"), "no provider may have any share", "", help);
        }
        let Some(outage) = independence.outage else { return };
        if outage.lasts.get().is_zero() || outage.from.get() + outage.lasts.get() > scenario.duration.get() {
            let message = format!("the outage is not within the duration of {}", scenario.duration);
            let help = "write such as { from = \"10h\", for = \"4h\", … }, both within the run";
            self.say(&format!("{path}.outage"), message, "", help);
        }
        if outage.value_per_good_request <= Money::ZERO {
            let help = "write the dollars that an answer in time is worth, such as \"0.02\"";
            let message = "an outage that loses nothing of worth costs nothing";
            self.say(&format!("{path}.outage.value_per_good_request"), message, "", help);
        }
    }
}

fn is_unenforced(tree: &toml::de::DeTable<'_>, endpoint: Option<usize>) -> bool {
    let enforce = || {
        let spec = tree.get("endpoints")?.get_ref().as_array()?.get(endpoint?)?;
        spec.get_ref().as_table()?.get("capacity")?.get_ref().as_table()?.get("enforce")?.get_ref().as_bool()
    };
    enforce() == Some(false)
}
