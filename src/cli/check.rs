//! `tollgate check`: says what a scenario would do, or everything that is wrong with it.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::Output;
use crate::client::lengths::AnyLength;
use crate::client::workload::Class;
use crate::error::{Error, ExitCode, Result};
use crate::price::Price;
use crate::scenario::{EndpointSpec, Scenario, question};

/// Check a scenario, and say what it would do.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  tollgate check scenarios/first-light.toml")]
pub struct Args {
    /// The scenario file.
    #[arg(value_name = "SCENARIO")]
    path: PathBuf,
}

pub fn execute(args: Args) -> Result<ExitCode> {
    let scenario = Scenario::load(&args.path)?;
    let text = std::fs::read_to_string(&args.path)
        .map_err(|cause| Error::file("read the scenario", &args.path, cause))?;
    Output::print(&plan(&scenario, &question(&text)))?;
    Ok(ExitCode::Fine)
}

/// The scenario in words.
fn plan(scenario: &Scenario, question: &str) -> String {
    let mut rows = vec![
        ["time".into(), format!("{}, the first {} a warm-up", scenario.duration, scenario.warmup)],
        ["seed".into(), scenario.seed.to_string()],
        ["arrivals".into(), arrivals(scenario)],
    ];
    let shares: f64 = scenario.classes.iter().map(|class| class.share.get()).sum();
    rows.extend(
        scenario.classes.iter().map(|class| {
            [format!("class {}", class.name), describe_class(class, class.share.get() / shares)]
        }),
    );
    for endpoint in &scenario.endpoints {
        rows.push([format!("endpoint {}", endpoint.name), describe_endpoint(endpoint)]);
        rows.push([String::new(), describe_price(&endpoint.price)]);
    }
    rows.push(["policies".into(), policies(scenario)]);
    rows.extend(scenario.thresholds.iter().map(|threshold| ["must hold".into(), threshold.clone()]));

    let width = rows.iter().map(|[name, _]| name.chars().count()).max().unwrap_or_default();
    let mut plan = if question.is_empty() { String::new() } else { format!("{question}\n\n") };
    for [name, value] in rows {
        writeln!(plan, "  {name:width$}  {value}").expect("a String takes any text");
    }
    plan + "\nOK\n"
}

fn arrivals(scenario: &Scenario) -> String {
    let (kind, span) = (scenario.arrivals.kind(), scenario.duration);
    let Some(expected) = scenario.arrivals.expected(span.get()) else {
        return format!("{kind}: as many requests as the answers allow");
    };
    let rate = expected / span.as_secs_f64();
    format!("{kind}: about {expected:.0} requests, {} per second", short(rate))
}

fn describe_class(class: &Class, share: f64) -> String {
    let mean = |length: &Option<AnyLength>| match length {
        Some(length) => format!("{} tokens ({})", short(length.mean()), length.kind()),
        None => "as recorded".into(),
    };
    let mut parts = vec![
        format!("{} % of requests", short(share * 100.0)),
        format!("input {}", mean(&class.input)),
        format!("output {}", mean(&class.output)),
    ];
    parts.extend(class.reasoning.as_ref().map(|length| format!("reasoning {} tokens", short(length.mean()))));
    parts.extend(class.max_tokens.map(|max| format!("at most {max}")));
    parts.push(if class.stream { "streamed" } else { "in one piece" }.into());
    let slo = class.slo;
    let limits = [("ttft", slo.ttft), ("ttfo", slo.ttfo), ("tpot", slo.tpot), ("e2e", slo.e2e)];
    let limits =
        limits.iter().filter_map(|(name, limit)| limit.map(|limit| format!("{name} within {limit}")));
    let limits = limits.collect::<Vec<_>>();
    if !limits.is_empty() {
        parts.push(format!("good with {}", limits.join(" and ")));
    }
    parts.join(", ")
}

fn describe_endpoint(endpoint: &EndpointSpec) -> String {
    let mut parts = vec![format!("{} at {}", endpoint.model, endpoint.url)];
    parts.extend(endpoint.latency.as_ref().map(|latency| format!("latency {}", latency.kind())));
    if !endpoint.limits.is_empty() {
        let kinds = endpoint.limits.iter().map(|limit| limit.kind()).collect::<Vec<_>>();
        parts.push(format!("limits {}", kinds.join(" and ")));
    }
    parts.join(", ")
}

fn describe_price(price: &Price) -> String {
    let rates = [
        ("input", price.input),
        ("cache read", price.cache_read),
        ("cache write", price.cache_write),
        ("output", price.output),
        ("reasoning", price.reasoning),
    ];
    let rates = rates.iter().filter_map(|(name, rate)| rate.map(|rate| format!("{name} ${rate}")));
    let rates = rates.collect::<Vec<_>>();
    let metered = (!rates.is_empty()).then(|| format!("{} per million tokens", rates.join(", ")));
    let reserved = price.per_hour.map(|hourly| format!("${hourly} per hour, used or not"));
    metered.into_iter().chain(reserved).collect::<Vec<_>>().join(", and ")
}

fn policies(scenario: &Scenario) -> String {
    let hedge = scenario.hedge.as_ref().map(|hedge| format!(", hedge after {}", hedge.after));
    let (router, retry) = (scenario.router.kind(), scenario.retry.kind());
    format!("router {router}, retry {retry}{}", hedge.unwrap_or_default())
}

/// A number with at most two decimals, and none that say nothing.
fn short(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').into()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_plan_says_the_question_the_load_and_the_prices() {
        let text = include_str!("../../scenarios/starter.toml");
        let plan = plan(&Scenario::parse(text, Path::new("starter.toml")).unwrap(), &question(text));
        for part in
            ["?", "about 600 requests, 10 per second", "input $2.50", "good with ttft within 2s", "\nOK\n"]
        {
            assert!(plan.contains(part), "{part} in\n{plan}");
        }
    }
}
