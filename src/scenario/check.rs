//! What a scenario can say wrong although each of its settings is right in itself.

use std::collections::BTreeSet;

use super::secret::is_variable;
use super::{EndpointSpec, Scenario};
use crate::client::lengths::AnyLength;
use crate::client::retry::AnyRetry;
use crate::client::workload::Class;

/// Something wrong, where (keys and positions), and what to do about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    pub at: Vec<String>,
    pub message: String,
    pub help: String,
}

/// Everything that is wrong.
pub fn check(scenario: &Scenario) -> Vec<Problem> {
    let mut found = Findings(Vec::new());
    found.times(scenario);
    found.volume(scenario);
    found.policies(scenario);
    found.names("classes", scenario.classes.iter().map(|class| class.name.as_str()));
    found.names("endpoints", scenario.endpoints.iter().map(|spec| spec.name.as_str()));
    for (index, class) in scenario.classes.iter().enumerate() {
        found.class(index, class, scenario.arrivals.brings_lengths());
    }
    for (index, spec) in scenario.endpoints.iter().enumerate() {
        found.endpoint(index, spec);
    }
    found.0
}

/// Ten billion: 100 a second for three years.
const REQUESTS_MAX: f64 = 1e10;

struct Findings(Vec<Problem>);

impl Findings {
    fn add(&mut self, at: &[&str], message: impl Into<String>, help: impl Into<String>) {
        let at = at.iter().map(ToString::to_string).collect();
        self.0.push(Problem { at, message: message.into(), help: help.into() });
    }

    fn times(&mut self, scenario: &Scenario) {
        let (duration, warmup) = (scenario.duration, scenario.warmup);
        if duration.get().is_zero() {
            self.add(
                &["duration"],
                "a run of no length asks nothing",
                "say how long requests come, such as \"60s\"",
            );
        } else if warmup >= duration {
            let message = format!("the warm-up of {warmup} leaves nothing of the duration of {duration}");
            self.add(&["warmup"], message, "shorten the warm-up or lengthen the duration");
        }
    }

    /// More requests than anybody can mean would never end.
    fn volume(&mut self, scenario: &Scenario) {
        let expected = scenario.arrivals.expected(scenario.duration.get());
        if let Some(expected) = expected.filter(|expected| !(*expected <= REQUESTS_MAX)) {
            let message = format!(
                "these arrivals ask for {expected:.3e} requests, more than the {REQUESTS_MAX:.0e} there can be"
            );
            self.add(&["arrivals"], message, "lower the rate or shorten the duration");
        }
    }

    fn policies(&mut self, scenario: &Scenario) {
        if scenario.hedge.is_some() && scenario.endpoints.len() == 1 {
            self.add(
                &["hedge"],
                "a hedge needs a second endpoint to go to",
                "add an endpoint, or take the hedge out",
            );
        }
        if let AnyRetry::Exponential(retry) = &scenario.retry
            && retry.base > retry.cap
        {
            let message = format!("the first wait of {} is above the cap of {}", retry.base, retry.cap);
            self.add(&["retry", "base"], message, "make base at most cap");
        }
    }

    /// Names are there, are unique, and can stand in a URL and a file.
    fn names<'a>(&mut self, list: &str, names: impl Iterator<Item = &'a str>) {
        let mut seen = BTreeSet::new();
        let mut count = 0;
        for (index, name) in names.enumerate() {
            count += 1;
            let at = [list, &index.to_string(), "name"];
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if name.is_empty() || name.len() > 64 || !name.chars().all(is_plain) || name.starts_with('.') {
                let message = format!("the name '{}' cannot stand in a URL", name.escape_debug());
                self.add(
                    &at,
                    message,
                    "use up to 64 letters, digits, '-', '_' and '.', such as \"openai-direct\"",
                );
            } else if !seen.insert(name) {
                self.add(&at, format!("there are two {list} named '{name}'"), "give each a name of its own");
            } else if ["all", "total"].contains(&name) {
                self.add(&at, format!("the name '{name}' stands for the whole run"), "use another name");
            }
        }
        match count {
            0 => self.add(
                &[list],
                format!("a scenario needs {list}"),
                format!("add at least one [[{list}]] table"),
            ),
            1..=1024 => {}
            _ => self.add(
                &[list],
                format!("{count} {list} are more than the 1,024 there can be"),
                "leave some out",
            ),
        }
    }

    fn class(&mut self, index: usize, class: &Class, brings_lengths: bool) {
        let index = index.to_string();
        let at = |field| ["classes", &index, field];
        for (field, length) in [("input", &class.input), ("output", &class.output)] {
            if length.is_none() && !brings_lengths {
                let message = format!("class '{}' has no `{field}` length", class.name);
                let help = format!(
                    "add, for example, {field} = {{ kind = \"lognormal\", median = 500, sigma = 0.8 }}"
                );
                self.add(&at(field), message, help);
            }
            self.length(&at(field), length.as_ref());
        }
        self.length(&at("reasoning"), class.reasoning.as_ref());
        if class.max_tokens == Some(0) {
            self.add(
                &at("max_tokens"),
                "an answer of at most 0 tokens is none",
                "leave max_tokens out, or raise it",
            );
        }
        if class.timeout.get().is_zero() {
            self.add(&at("timeout"), "no request can be answered in no time", "raise the timeout");
        }
        if let Some(stall) = class.stall_timeout {
            if stall.get().is_zero() {
                self.add(
                    &at("stall_timeout"),
                    "every answer is silent for no time",
                    "raise the stall timeout",
                );
            } else if stall > class.timeout {
                let message =
                    format!("the stall timeout of {stall} is above the whole timeout of {}", class.timeout);
                self.add(&at("stall_timeout"), message, "shorten it, or leave it out");
            }
        }
    }

    fn length(&mut self, at: &[&str], length: Option<&AnyLength>) {
        if let Some(problem) = length.and_then(|length| length.problem()) {
            self.add(at, problem, "mend the bounds");
        }
    }

    fn endpoint(&mut self, index: usize, spec: &EndpointSpec) {
        let index = index.to_string();
        let at = |field| ["endpoints", &index, field];
        let has_scheme = spec.url.starts_with("http://") || spec.url.starts_with("https://");
        if !spec.is_mock() && !has_scheme {
            let message = format!("the url of '{}' is neither \"mock\" nor an address", spec.name);
            self.add(
                &at("url"),
                message,
                "write \"mock\", or a base URL such as \"https://api.openai.com/v1\"",
            );
        }
        if spec.is_mock() && spec.latency.is_none() {
            let help = "add, for example, latency = { kind = \"lognormal\", ttft_median = \"400ms\", itl = \"12ms\" }";
            self.add(&at("latency"), format!("the mock '{}' has no latency", spec.name), help);
        }
        if spec.hints && !spec.is_mock() && !spec.is_loopback() {
            let help = "hints are for a Tollgate mock on this machine; take them out";
            self.add(
                &at("hints"),
                format!("'{}' is not on this machine, and would be told of the test", spec.name),
                help,
            );
        }
        if spec.model.is_empty() {
            self.add(
                &at("model"),
                format!("'{}' has no model", spec.name),
                "name the model or deployment to ask for",
            );
        }
        if let Some(name) = &spec.key_env
            && !is_variable(name.as_bytes())
        {
            // It may be the key itself: it is not repeated.
            let message = format!("key_env of '{}' is not the name of an environment variable", spec.name);
            self.add(&at("key_env"), message, "put the key into a variable such as OPENAI_API_KEY and name that; if a key stood here, replace it");
        }
        let price = &spec.price;
        if price.per_hour.is_none() && (price.input.is_none() || price.output.is_none()) {
            let message =
                format!("'{}' has no price for prompt or answer tokens, and none per hour", spec.name);
            self.add(&at("price"), message, "give input and output in dollars per million tokens, or per_hour; \"0\" says that it is free");
        }
    }
}
