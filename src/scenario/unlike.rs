//! What two scenarios do not have in common: whether they ask the same, and every setting that differs.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::Scenario;

/// Where two scenarios do not ask the same at the same time, so that a request of one has no partner in the other.
pub fn between(a: &Scenario, b: &Scenario) -> Vec<String> {
    let json = |scenario: &Scenario| serde_json::to_value(scenario).unwrap_or_default();
    let (a, b) = (json(a), json(b));
    spans(&a, &b).into_iter().chain(traffic(&a, &b)).collect()
}

/// Where what comes differs, of two scenarios as they are written: their arrivals and the requests of their classes.
pub fn traffic(a: &Json, b: &Json) -> Vec<String> {
    let mut unlike = Vec::new();
    if a.get("arrivals") != b.get("arrivals") {
        unlike.push("their `arrivals` differ".into());
    }
    let classes =
        |scenario: &Json| scenario.get("classes").and_then(Json::as_array).cloned().unwrap_or_default();
    let (left, right) = (classes(a), classes(b));
    let names =
        |classes: &[Json]| -> Vec<String> { classes.iter().map(|class| name(class).into()).collect() };
    if names(&left) != names(&right) {
        unlike.push(format!(
            "their classes are {} and {}",
            names(&left).join(", "),
            names(&right).join(", ")
        ));
        return unlike;
    }
    for (left, right) in left.iter().zip(&right) {
        let differ = |key: &&str| left.get(key) != right.get(key);
        let keys: Vec<_> = ASKED.into_iter().filter(differ).map(|key| format!("`{key}`")).collect();
        if !keys.is_empty() {
            unlike.push(format!("class '{}' differs in {}", name(left), keys.join(", ")));
        }
    }
    unlike
}

/// That they last or are measured for another time, where they do.
pub fn spans(a: &Json, b: &Json) -> Option<String> {
    let differ = |key: &str| a.get(key) != b.get(key);
    ["duration", "warmup", "cooldown"]
        .into_iter()
        .any(differ)
        .then(|| "they last or warm up for another time: compare by the month or by the request".into())
}

/// Every setting that differs: `endpoints.azure-ptu.latency.itl: "11ms" → "12ms"`. Tables in a list go by their names.
pub fn settings(a: &Json, b: &Json) -> Vec<String> {
    let mut differences = Vec::new();
    walk("", Some(a), Some(b), &mut differences);
    differences
}

fn walk(path: &str, a: Option<&Json>, b: Option<&Json>, differences: &mut Vec<String>) {
    if a == b {
        return;
    }
    let under = |key: &str| if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
    match (a, b) {
        (Some(Json::Object(left)), Some(Json::Object(right))) => {
            let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            keys.into_iter().for_each(|key| walk(&under(key), left.get(key), right.get(key), differences));
        }
        (Some(Json::Array(left)), Some(Json::Array(right))) if are_named(left) && are_named(right) => {
            let names: BTreeSet<&str> = left.iter().chain(right).map(name).collect();
            let named = |all: &[Json], wanted: &str| all.iter().find(|one| name(one) == wanted).cloned();
            for one in names {
                walk(&under(one), named(left, one).as_ref(), named(right, one).as_ref(), differences);
            }
            if left.iter().map(name).ne(right.iter().map(name)) && left.len() == right.len() {
                differences.push(format!("{path}: in another order"));
            }
        }
        _ => {
            let shown = |side: Option<&Json>| side.map_or("none".into(), Json::to_string);
            differences.push(format!("{path}: {} → {}", shown(a), shown(b)));
        }
    }
}

fn are_named(all: &[Json]) -> bool {
    all.iter().all(|one| !name(one).is_empty())
}

fn name(table: &Json) -> &str {
    table.get("name").and_then(Json::as_str).unwrap_or_default()
}

/// The keys of a class that say what is asked, and when.
const ASKED: [&str; 14] = [
    "arrivals",
    "images",
    "input",
    "length_correlation",
    "max_tokens",
    "output",
    "prefix",
    "preset",
    "prompts",
    "rate",
    "reasoning",
    "reasoning_share",
    "session",
    "share",
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_setting_that_differs_is_told_by_its_path() {
        let scenario = |itl: &str, endpoints: [&str; 2]| {
            let endpoints = endpoints.map(|name| json!({ "name": name, "latency": { "itl": itl } }));
            json!({ "seed": 1, "endpoints": endpoints, "router": "priority" })
        };
        let a = scenario("11ms", ["first", "second"]);
        assert!(settings(&a, &a).is_empty());
        assert_eq!(
            settings(&a, &scenario("12ms", ["first", "second"])),
            [
                "endpoints.first.latency.itl: \"11ms\" → \"12ms\"",
                "endpoints.second.latency.itl: \"11ms\" → \"12ms\""
            ]
        );
        assert_eq!(settings(&a, &scenario("11ms", ["second", "first"])), ["endpoints: in another order"]);
        assert_eq!(settings(&a, &json!({ "seed": 1, "endpoints": [], "router": "priority" })).len(), 2);
        assert_eq!(
            settings(&json!({ "seed": 1 }), &json!({ "date": "x" })),
            ["date: none → \"x\"", "seed: 1 → none"]
        );
    }

    #[test]
    fn other_traffic_is_told_apart_from_other_servers() {
        let class =
            |output: u32, slo: &str| json!({ "classes": [{ "name": "chat", "output": output, "slo": slo }] });
        assert!(traffic(&class(1, "1s"), &class(1, "2s")).is_empty());
        assert_eq!(traffic(&class(1, "1s"), &class(2, "1s")), ["class 'chat' differs in `output`"]);
        assert_eq!(
            traffic(&json!({ "arrivals": 1, "classes": [] }), &class(1, "")),
            ["their `arrivals` differ", "their classes are  and chat"]
        );
        assert!(spans(&json!({ "duration": "1s" }), &json!({ "duration": "2s" })).is_some());
    }
}
