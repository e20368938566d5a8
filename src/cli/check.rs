//! `tollgate check`: what a scenario says, or what is wrong with it.

use std::path::PathBuf;

use tollgate::client::lengths::AnyLength;
#[cfg(feature = "net")]
use tollgate::error::Error;
use tollgate::error::{ExitCode, Result};
use tollgate::price::{Price, Rate};
use tollgate::report::show;
use tollgate::scenario::{EndpointSpec, Scenario};
use tollgate::server::limits::AnyLimit;

use super::output;

/// Check a scenario and say in short what it asks
#[derive(clap::Args)]
#[command(after_help = "Example: tollgate check scenarios/first-light.toml")]
pub struct Args {
    /// The scenario file
    scenario: PathBuf,
    /// A folder of prices that go before the built-in ones, instead of the scenario's
    #[arg(long, value_name = "DIR")]
    catalogue: Option<PathBuf>,
    /// Also look for the credentials of every endpoint, and say where each is or what is missing
    #[cfg(feature = "net")]
    #[arg(long)]
    live: bool,
}

pub fn execute(args: Args) -> Result<ExitCode> {
    let scenario = Scenario::load_with(&args.scenario, args.catalogue.as_deref())?;
    output::warn(&scenario.warnings());
    let duration = scenario.duration;
    let expected = scenario.arrivals.expected(duration.get());
    let expected = expected.map_or("as many as the answers allow".into(), |n| {
        format!("about {} requests", show::count_of(n.round() as u64))
    });
    let mut text =
        format!("{}: {} arrivals for {duration}, {expected}\n", scenario.name, scenario.arrivals.kind());
    let names = scenario.endpoints.iter().map(|spec| spec.name.as_str());
    let names = names.chain(scenario.classes.iter().map(|class| class.name.as_str()));
    let width = output::width(names.chain(scenario.commitments.iter().map(|commitment| commitment.name())));
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
        for price in prices(&scenario, spec) {
            text += &format!("  price      {:<width$} {price}\n", spec.name);
        }
    }
    for pool in &scenario.pools {
        let of = scenario.endpoints.iter().filter(|spec| spec.pools.contains(&pool.name));
        let of: Vec<_> = of.map(|spec| spec.name.as_str()).collect();
        text += &format!(
            "  pool       {:<width$} {}, shared by {}\n",
            pool.name,
            kinds(&pool.limits),
            of.join(", ")
        );
    }
    for commitment in &scenario.commitments {
        text += &format!("  commitment {:<width$} {}\n", commitment.name(), commitment.kind());
    }
    if let Some(budget) = scenario.budget {
        let strict = if budget.strict { ", strictly" } else { "" };
        text += &format!("  budget     ${}{strict}\n", budget.max);
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

fn kinds(limits: &[AnyLimit]) -> String {
    let kinds = limits.iter().map(|limit| limit.kind()).collect::<Vec<_>>().join(" and ");
    if kinds.is_empty() { "no limits".into() } else { format!("limits on {kinds}") }
}

fn describe(spec: &EndpointSpec) -> String {
    let limits = kinds(&spec.limits);
    let latency = spec.latency.as_ref().map_or("no latency (cannot be simulated)".to_string(), |latency| {
        format!("{} latency", latency.kind())
    });
    let spillover =
        spec.spillover.as_ref().map_or(String::new(), |other| format!(", spills over to {other}"));
    format!(
        "{} {} {} at {}: {limits}, {latency}{spillover}",
        spec.provider.name(),
        spec.dialect().name(),
        spec.model,
        spec.url
    )
}

/// What an endpoint charges, and who says so.
fn prices(scenario: &Scenario, spec: &EndpointSpec) -> Vec<String> {
    if let Some(price) = &spec.price {
        return vec![format!("{}; as the scenario says", rates(price))];
    }
    let offers = scenario.offers(spec).into_iter().map(|offer| {
        let from = offer.from.map(|day| format!(" from {day}")).unwrap_or_default();
        let until = offer.until.map(|day| format!(" until {day}")).unwrap_or_default();
        let (model, scope, tier) = (&offer.model, &offer.scope, offer.tier.name());
        let price = rates(&offer.price);
        format!("{price}; {model} {scope} {tier}{from}{until}, read on {} from {}", offer.dated, offer.source)
    });
    offers.collect()
}

fn rates(price: &Price) -> String {
    let rate = |name: &str, rate: Option<Rate>| rate.map(|rate| format!("{name} ${rate}/M"));
    let hourly = price.per_hour.map(|amount| format!("${amount} an hour"));
    let cached = rate("cache read", price.cache_read);
    let long = price
        .long_context
        .first()
        .map(|long| format!("other rates above {} tokens", show::count_of(u64::from(long.above))));
    let parts = [rate("in", price.input), cached, rate("out", price.output), hourly, long];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
