//! What types cannot say of a scenario: every rule between its parts, all that are broken at once.

mod address;
mod cache;
mod cloud;
mod commitments;
mod contents;
mod links;
mod placement;
mod plan;
mod protocol;
mod safety;
mod sessions;
mod streams;
mod uncertain;

use std::collections::BTreeMap;
use std::time::Duration;

use toml::de::DeTable;

use super::diagnostic::Diagnostic;
use super::price::Missing;
use super::price::PRICE_FACTOR_MAX;
use super::url::{self, Url};
use super::{EndpointSpec, Scenario, secret, tree};
use crate::client::lengths::AnyLength;
use crate::client::retry::AnyRetry;
use crate::client::workload::Class;
use crate::collectors::metric;
use crate::commitments::AMOUNT_MAX;
use crate::number::Span;
use crate::price::{Money, Price};

/// Every rule the scenario breaks; `missing` are the prices that are not known.
pub fn check(scenario: &Scenario, tree: &DeTable<'_>, missing: Vec<Missing>) -> Vec<Diagnostic> {
    let mut check = Check { tree, found: Vec::new() };
    check.name(&scenario.name);
    check.times(scenario);
    check.names("classes", scenario.classes.iter().map(|class| class.name.as_str()));
    check.names("endpoints", scenario.endpoints.iter().map(|endpoint| endpoint.name.as_str()));
    for (index, class) in scenario.classes.iter().enumerate() {
        let has_lengths = scenario.arrivals_of(class).is_some_and(|arrivals| arrivals.brings_lengths());
        check.class(&format!("classes.{index}"), class, has_lengths);
        check.session(&format!("classes.{index}"), class, has_lengths);
    }
    for (index, endpoint) in scenario.endpoints.iter().enumerate() {
        check.endpoint(&format!("endpoints.{index}"), endpoint);
    }
    for Missing { endpoint, key, why } in missing {
        let label = format!("endpoint `{}` has no `price` of its own", scenario.endpoints[endpoint].name);
        check.say(&format!("endpoints.{endpoint}.{key}"), why.message, &label, &why.help);
    }
    check.replays(scenario);
    check.commitments(scenario);
    check.caches(scenario);
    check.contents(scenario);
    check.cloud(scenario);
    check.links(scenario);
    check.budgets(scenario);
    check.caps(scenario);
    check.placement(scenario);
    check.policies(scenario);
    check.safety(scenario);
    check.streams(scenario);
    check.calls(scenario);
    check.thresholds(scenario);
    check.plan(scenario);
    check.uncertain(scenario);
    check.found
}

struct Check<'a, 'i> {
    tree: &'a DeTable<'i>,
    found: Vec<Diagnostic>,
}

impl Check<'_, '_> {
    /// A rule is broken at `path`, or where `path` would be.
    fn say(&mut self, path: &str, message: impl Into<String>, label: &str, help: &str) {
        let diagnostic = Diagnostic::new(tree::span_of(self.tree, path), message);
        self.found.push(diagnostic.label(label).help(help));
    }

    fn name(&mut self, name: &str) {
        if !is_file_name(name) {
            let help = "use letters, digits, `-`, `_` and `.`: it names the folder of the results";
            self.say("name", format!("the scenario's name \"{name}\" cannot name a folder"), "", help);
        }
    }

    fn times(&mut self, scenario: &Scenario) {
        let (duration, warmup, cooldown) = (scenario.duration, scenario.warmup, scenario.cooldown);
        if duration.get().is_zero() {
            self.say(
                "duration",
                "`duration` is zero",
                "no request would come",
                "write such as duration = \"30s\"",
            );
        } else if warmup.get() >= duration.get() {
            self.say(
                "warmup",
                "the warm-up leaves nothing to measure",
                &format!("not shorter than the duration of {duration}"),
                "make `warmup` shorter or `duration` longer",
            );
        } else if scenario.window().is_zero() {
            self.say(
                "cooldown",
                "the cooldown leaves nothing to measure",
                &format!("{cooldown} after a warm-up of {warmup}, of {duration}"),
                "make `cooldown` shorter or `duration` longer",
            );
        }
    }

    /// A threshold of a class names one, and a figure that classes have.
    fn thresholds(&mut self, scenario: &Scenario) {
        let classes: Vec<&str> = scenario.classes.iter().map(|class| class.name.as_str()).collect();
        for (index, threshold) in scenario.thresholds.iter().enumerate() {
            let (path, Some(class)) = (format!("thresholds.{index}"), threshold.class()) else { continue };
            if !classes.contains(&class) {
                self.unnamed(&path, "class", class, classes.clone(), "");
            } else if metric::named(threshold.metric()).is_some_and(|metric| !metric.is_of_classes()) {
                let message = format!("classes have no `{}` of their own", threshold.metric());
                let help =
                    format!("remove `{class}:`, or bound a figure that docs/metrics.md gives for classes");
                self.say(&path, message, "a figure of the whole run", &help);
            }
        }
    }

    /// The rules for the names of a list: there are some, not too many, and each is its own.
    fn names<'n>(&mut self, list: &str, names: impl ExactSizeIterator<Item = &'n str>) {
        let count = names.len();
        if count == 0 {
            let help = format!("add at least one [[{list}]] table");
            self.say(list, format!("the scenario has no {list}"), "empty", &help);
        }
        if count > usize::from(u16::MAX) {
            let message = format!("the scenario has {count} {list}");
            self.say(list, message, "", "there may be 65535 at most");
        }
        let mut first = BTreeMap::new();
        for (index, name) in names.enumerate() {
            let path = format!("{list}.{index}.name");
            if name == "all" {
                self.say(
                    &path,
                    "the name \"all\" is taken",
                    "",
                    "reports call the whole run so; use another",
                );
            }
            let Some(earlier) = first.insert(name, index) else { continue };
            let message = format!("two {list} are named \"{name}\"");
            let mut diagnostic =
                Diagnostic::new(tree::span_of(self.tree, &path), message).label("again here");
            if let Some(span) = tree::span_of(self.tree, &format!("{list}.{earlier}.name")) {
                diagnostic = diagnostic.also(span, "first here");
            }
            self.found.push(diagnostic.help("give each its own name: reports go by it"));
        }
    }

    fn class(&mut self, path: &str, class: &Class, has_lengths: bool) {
        if class.name.trim().is_empty() {
            self.say(&format!("{path}.name"), "a class has an empty name", "", "name it: reports go by it");
        }
        self.cell(&format!("{path}.name"), &class.name);
        for (key, length) in [("input", &class.input), ("output", &class.output)] {
            if length.is_none() && !has_lengths && class.session.is_none() && class.prompts.is_none() {
                self.say(
                    &format!("{path}.{key}"),
                    format!("class `{}` does not say how long its {key} is", class.name),
                    &format!("this needs `{key}`"),
                    &format!("add such as {key} = {{ kind = \"fixed\", tokens = 500 }}; only a trace brings its own"),
                );
            }
            self.length(&format!("{path}.{key}"), length.as_ref());
        }
        self.length(&format!("{path}.reasoning"), class.reasoning.as_ref());
        if class.reasoning_share.is_some() && (class.reasoning.is_some() || class.output.is_none()) {
            let (path, name) = (format!("{path}.reasoning_share"), &class.name);
            let help =
                "remove `reasoning_share`, or let `output` say how long answers are, with their reasoning";
            let message = match class.reasoning {
                Some(_) => format!("class `{name}` has both `reasoning` and `reasoning_share`"),
                None => format!("class `{name}` has a `reasoning_share` and no `output`"),
            };
            self.say(&path, message, "a part of `output`", help);
        }
        if let Some(problem) = class.correlation_problem() {
            let help = "use empirical or fixed lengths, or leave `length_correlation` out";
            self.say(&format!("{path}.length_correlation"), problem, "", help);
        }
        if let Some(problem) = class.prefix.as_ref().and_then(|prefix| prefix.problem()) {
            let help = "write such as prefix = { tokens = 2000, groups = 50, skew = 1 }";
            self.say(&format!("{path}.prefix"), problem, "", help);
        }
        if class.max_tokens == Some(0) {
            let help = "leave `max_tokens` out for no cap";
            self.say(
                &format!("{path}.max_tokens"),
                "`max_tokens` is zero",
                "nothing could be answered",
                help,
            );
        }
        self.above_zero(&format!("{path}.timeout"), Some(class.timeout));
        self.above_zero(&format!("{path}.stall_timeout"), class.stall_timeout);
        if class.stall_timeout.is_some_and(|stall| stall > class.timeout) {
            self.say(
                &format!("{path}.stall_timeout"),
                "`stall_timeout` is longer than `timeout`",
                &format!("the whole request may take {}", class.timeout),
                "make `stall_timeout` shorter or `timeout` longer",
            );
        }
        let slo = class.slo;
        for (key, limit) in [("e2e", slo.e2e), ("tpot", slo.tpot), ("ttfo", slo.ttfo), ("ttft", slo.ttft)] {
            self.above_zero(&format!("{path}.slo.{key}"), limit);
        }
    }

    fn above_zero(&mut self, path: &str, span: Option<Span>) {
        let key = path.rsplit('.').next().unwrap_or(path);
        if span.is_some_and(|span| span.get() == Duration::ZERO) {
            let help = format!("write such as {key} = \"10s\", or leave it out");
            self.say(path, format!("`{key}` is zero"), "nothing could meet it", &help);
        }
    }

    fn endpoint(&mut self, path: &str, endpoint: &EndpointSpec) {
        let name = &endpoint.name;
        if !is_file_name(name) {
            let help = "use letters, digits, `-`, `_` and `.`: it becomes part of the mock's address";
            self.say(&format!("{path}.name"), format!("\"{name}\" cannot name an endpoint"), "", help);
        }
        match url::parse(&endpoint.url) {
            Err(problem) => {
                let help = "write \"mock\", or an address such as \"https://api.openai.com/v1\"";
                self.say(&format!("{path}.url"), "`url` is no address to send requests to", &problem, help);
            }
            Ok(Url::Mock) if endpoint.latency.is_none() && endpoint.machine.is_none() => self.say(
                &format!("{path}.latency"),
                format!("endpoint `{name}` is a mock and does not say how fast it answers"),
                "this needs `latency`",
                "add such as latency = { kind = \"fixed\", ttft = \"400ms\", itl = \"15ms\" }, or a real `url`",
            ),
            Ok(Url::Remote) if endpoint.hints => self.say(
                &format!("{path}.hints"),
                format!("endpoint `{name}` would send hints to a real service"),
                "only for a Tollgate mock on this machine",
                "remove `hints`",
            ),
            Ok(Url::Local | Url::Mock | Url::Remote) => self.address(path, endpoint),
        }
        if let Some(problem) = endpoint.machine.as_ref().and_then(|machine| machine.latency().err()) {
            let help = "take one of these, or say how fast yours is with `latency`";
            self.say(&format!("{path}.machine.preset"), problem, "", help);
        }
        if let Some(key) = &endpoint.key_env {
            self.key_env(&format!("{path}.key_env"), key);
        }
        self.protocol(path, endpoint);
        if endpoint.price_factor.get() > PRICE_FACTOR_MAX {
            let message = format!("`price_factor` of endpoint `{name}` is above {PRICE_FACTOR_MAX}");
            let help = "write by what prices are multiplied, such as price_factor = 1.1 for a tenth more";
            self.say(&format!("{path}.price_factor"), message, "", help);
        }
        if let Some(price) = &endpoint.price {
            self.price(&format!("{path}.price"), name, price);
        }
    }

    fn key_env(&mut self, path: &str, name: &str) {
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
        if secret::is_likely(name) {
            self.say(
                path,
                "`key_env` holds what looks like a key itself",
                "not shown here",
                "put the key into an environment variable and its name here, such as key_env = \"OPENAI_API_KEY\"; \
                 take this key for leaked if the file was ever shared",
            );
        } else if !is_name {
            self.say(
                path,
                "`key_env` is no name of an environment variable",
                "letters, digits and `_` only, and no digit first",
                "write such as key_env = \"OPENAI_API_KEY\"",
            );
        }
    }

    fn price(&mut self, path: &str, endpoint: &str, price: &Price) {
        let is_metered = !price.has_no_rates();
        if !is_metered && price.per_hour.is_none() {
            return self.say(
                path,
                format!("the price of endpoint `{endpoint}` is not given"),
                "nothing in it",
                "an unknown price is not $0: give `input` and `output` in dollars per million tokens, or `per_hour`; \
                 write \"0\" where it is free",
            );
        }
        for (key, rate) in [("input", price.input), ("output", price.output)] {
            if is_metered && rate.is_none() {
                let help = format!("add `{key}` in dollars per million tokens; write \"0\" if it is free");
                let message =
                    format!("the price of endpoint `{endpoint}` meters tokens but not {key} tokens");
                self.say(&format!("{path}.{key}"), message, &format!("this needs `{key}`"), &help);
            }
        }
        if !price.has_rising_thresholds() {
            let help = "put the lowest `above` first, each once";
            self.say(
                &format!("{path}.long_context"),
                format!("the thresholds of the price of endpoint `{endpoint}` do not rise"),
                "a prompt has the rates of the last one that it is longer than",
                help,
            );
        }
        let path = format!("{path}.per_hour");
        match price.per_hour {
            Some(hourly) if hourly < Money::ZERO => {
                let help = "write what an hour of the capacity costs, in dollars";
                self.say(&path, "a price is not negative", "", help);
            }
            Some(hourly) if hourly > AMOUNT_MAX => {
                let label = format!("more than {AMOUNT_MAX}");
                self.say(&path, "no capacity costs so much", &label, "write dollars an hour");
            }
            _ => {}
        }
    }

    fn policies(&mut self, scenario: &Scenario) {
        if let AnyRetry::Exponential(retry) = &scenario.retry
            && retry.base > retry.cap
        {
            self.say(
                "retry.base",
                "the first retry's wait is above the cap on all of them",
                &format!("`base` is {}, `cap` is {}", retry.base, retry.cap),
                "make `base` shorter or `cap` longer",
            );
        }
        if scenario.retry.attempts_max() > ATTEMPTS_MAX {
            let label = format!("more than {ATTEMPTS_MAX}");
            self.say("retry.attempts_max", "no client tries so often", &label, "lower `attempts_max`");
        }
        if scenario.hedge.is_some() && scenario.endpoints.len() == 1 {
            let label = "a hedge goes to another endpoint";
            self.say(
                "hedge",
                "there is no endpoint to hedge with",
                label,
                "add an endpoint, or remove `hedge`",
            );
        }
    }

    fn length(&mut self, path: &str, length: Option<&AnyLength>) {
        if let Some(problem) = length.and_then(|length| length.problem()) {
            let help = match length {
                Some(AnyLength::Empirical(_)) => {
                    "write such as { kind = \"empirical\", knots = [[0, 10], [0.5, 120], [1, 900]] }"
                }
                _ => "mend the bounds",
            };
            self.say(path, problem, "", help);
        }
    }
}

/// Attempts for one request at most.
const ATTEMPTS_MAX: u32 = 100;

/// Whether a name can be a folder and a part of an address on every system.
fn is_file_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=100).contains(&name.len()) && name.bytes().all(is_plain) && name.bytes().any(|byte| byte != b'.')
}
