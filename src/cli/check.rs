//! `tollgate check`: what a scenario says, or what is wrong with it.

use std::path::PathBuf;

use tollgate::client::lengths::AnyLength;
#[cfg(feature = "net")]
use tollgate::error::Error;
use tollgate::error::{ExitCode, Result};
use tollgate::report::show;
use tollgate::scenario::{EndpointSpec, Scenario};

use super::output;

/// Check a scenario and say in short what it asks
#[derive(clap::Args)]
#[command(after_help = "Example: tollgate check scenarios/first-light.toml")]
pub struct Args {
    /// The scenario file
    scenario: PathBuf,
    /// Also look for the credentials of every endpoint, and say where each is or what is missing
    #[cfg(feature = "net")]
    #[arg(long)]
    live: bool,
}

pub fn execute(args: Args) -> Result<ExitCode> {
    let scenario = Scenario::load(&args.scenario)?;
    let duration = scenario.duration;
    let expected = scenario.arrivals.expected(duration.get());
    let expected = expected.map_or("as many as the answers allow".into(), |n| {
        format!("about {} requests", show::count_of(n.round() as u64))
    });
    let mut text =
        format!("{}: {} arrivals for {duration}, {expected}\n", scenario.name, scenario.arrivals.kind());
    let names = scenario.endpoints.iter().map(|spec| spec.name.as_str());
    let width = output::width(names.chain(scenario.classes.iter().map(|class| class.name.as_str())));
    for class in &scenario.classes {
        let tokens = |length: &Option<AnyLength>| match length {
            Some(length) => format!("{} tokens", show::count_of(length.mean().round() as u64)),
            None => "lengths from the trace".into(),
        };
        let (input, output) = (tokens(&class.input), tokens(&class.output));
        text += &format!("  class      {:<width$} in {input}, out {output} on average\n", class.name);
    }
    for spec in &scenario.endpoints {
        text += &format!("  endpoint   {:<width$} {}\n", spec.name, describe(spec));
    }
    text += &format!(
        "  router {}, retry {}, {} thresholds\n",
        scenario.router.kind(),
        scenario.retry.kind(),
        scenario.thresholds.len()
    );
    output::say(&text)?;
    #[cfg(feature = "net")]
    if args.live {
        credentials(&scenario)?;
    }
    output::say("OK\n")?;
    Ok(ExitCode::Fine)
}

/// Says where each endpoint's credential is. An error, after all of them, where one is missing.
#[cfg(feature = "net")]
fn credentials(scenario: &Scenario) -> Result<()> {
    use tollgate::http::proxy::Proxies;
    let (_, found) = super::login::find(scenario, tollgate::http::tls::Roots::System, Proxies::from_env()?)?;
    let width = output::width(scenario.endpoints.iter().map(|spec| spec.name.as_str()));
    let mut missing = 0;
    for (spec, found) in scenario.endpoints.iter().zip(found) {
        let text = match found {
            Ok(source) => source,
            Err(error) => {
                missing += 1;
                format!("{error:#}").replace('\n', "\n    ")
            }
        };
        output::say(&format!("  credential {:<width$} {text}\n", spec.name))?;
    }
    match missing {
        0 => Ok(()),
        _ => Err(Error::failed(format!("{missing} of {} credentials are missing", scenario.endpoints.len()))),
    }
}

fn describe(spec: &EndpointSpec) -> String {
    let limits = spec.limits.iter().map(|limit| limit.kind()).collect::<Vec<_>>().join(" and ");
    let limits = if limits.is_empty() { "no limits".into() } else { format!("limits on {limits}") };
    let latency = spec.latency.as_ref().map_or("no latency (cannot be simulated)".to_string(), |latency| {
        format!("{} latency", latency.kind())
    });
    let rate = |name: &str, rate: Option<tollgate::price::Rate>| rate.map(|rate| format!("{name} ${rate}/M"));
    let price = spec.tariff.price(tollgate::time::Instant::START, None).cloned().unwrap_or_default();
    let hourly = price.per_hour.map(|amount| format!("${amount} an hour"));
    let prices = [rate("in", price.input), rate("out", price.output), hourly].into_iter().flatten();
    format!(
        "{} {} {} at {}: {limits}, {latency}, {}",
        spec.provider.name(),
        spec.dialect().name(),
        spec.model,
        spec.url,
        prices.collect::<Vec<_>>().join(", ")
    )
}
