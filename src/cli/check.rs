//! `tollgate check`: what a scenario says, or what is wrong with it.

use std::path::PathBuf;

use tollgate::catalogue::UnitOffer;
use tollgate::catalogue::machine::Machine;
use tollgate::client::lengths::AnyLength;
use tollgate::client::workload::Class;
use tollgate::commitments::AnyCommitment;
#[cfg(feature = "net")]
use tollgate::error::Error;
use tollgate::error::{ExitCode, Result};
use tollgate::number::Span;
use tollgate::preview::preview;
use tollgate::price::{Money, Price, Rate, Term};
use tollgate::report::certainty;
use tollgate::report::show;
use tollgate::report::standing::Expectation;
use tollgate::scenario::change::Change;
use tollgate::scenario::link::Place;
use tollgate::scenario::{Draft, EndpointSpec, Scenario};
use tollgate::server::latency::AnyLatency;
use tollgate::server::limits::AnyLimit;

use super::output;

/// Check a scenario and say in short what it asks
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  tollgate check scenarios/first-light.toml")]
pub struct Args {
    /// The scenario file
    scenario: PathBuf,
    /// A folder of prices that go before the built-in ones, instead of the scenario's
    #[arg(long, value_name = "DIR")]
    catalogue: Option<PathBuf>,
    /// Change a setting, or turn a knob such as load=2; may be given more than once
    #[arg(long = "set", value_name = "KEY=VALUE")]
    changes: Vec<Change>,
    /// Also look for the credentials of every endpoint, and say where each is or what is missing
    #[cfg(feature = "net")]
    #[arg(long)]
    live: bool,
}

pub fn execute(args: Args) -> Result<ExitCode> {
    let scenario = Draft::open(&args.scenario, args.catalogue.as_deref())?.scenario(&args.changes)?;
    output::warn(&scenario.warnings());
    let duration = scenario.duration;
    let expected = scenario.expected(duration.get());
    let expected = expected.map_or("as many as the answers allow".into(), |n| {
        let has_turns = scenario.classes.iter().any(|class| class.session.is_some());
        let turns = if has_turns { ", with turns that would come after its end" } else { "" };
        format!("about {} requests{turns}", show::count_of(n.round() as u64))
    });
    let mut streams: Vec<_> = scenario.streams().map(|(_, arrivals)| arrivals.kind()).collect();
    streams.dedup();
    let streams = streams.join(", ");
    let mut text = format!("{}: {streams} arrivals for {duration}, {expected}\n", scenario.name);
    let names = scenario.endpoints.iter().map(|spec| spec.name.as_str());
    let names = names.chain(scenario.classes.iter().map(|class| class.name.as_str()));
    let width = output::width(names.chain(scenario.commitments.iter().map(|commitment| commitment.name())));
    for class in &scenario.classes {
        let tokens = |length: &Option<AnyLength>| match length {
            Some(length) => format!("{} tokens", show::count_of(length.mean().round() as u64)),
            None => "lengths from the trace".into(),
        };
        let (mut input, mut output) = (tokens(&class.input), tokens(&class.output));
        if let Some(source) = class.prompts.as_ref().and_then(|prompts| prompts.source()) {
            let (prompts, answers) = source.means();
            let mean = |tokens: f64| show::count_of(tokens.round() as u64);
            input = format!(
                "{} tokens, {} prompts of {}",
                mean(prompts),
                show::count_of(source.rows() as u64),
                source.path().display()
            );
            output = answers.map_or(output, |answers| format!("{} tokens", mean(answers)));
        }
        if let Some(images) = &class.images {
            let count = images.count.as_ref();
            let count = count.map_or("recorded".into(), |count| format!("{:.1}", count.mean()));
            let (width, height) = (images.width, images.height);
            input += &format!(" and {count} images of {width} × {height} pixels");
        }
        let lengths = match &class.session {
            Some(session) => {
                let requests = show::count_of(session.requests_mean().round() as u64);
                if session.brings_answers() {
                    output = "lengths from the recording".into();
                }
                format!("{} conversations of {requests} requests, out {output} on average", session.kind())
            }
            None => format!("in {input}, out {output} on average"),
        };
        let own = class.arrivals.as_ref().map(|arrivals| {
            let what = if class.session.is_some() { "conversations" } else { "requests" };
            let expected = arrivals.expected(duration.get());
            let expected = expected.map(|n| format!(", about {} {what}", show::count_of(n.round() as u64)));
            format!("; {} arrivals{}", arrivals.kind(), expected.unwrap_or_default())
        });
        let router = class.router.as_ref().map(|router| format!("; router {}", router.kind()));
        let own: String = own.into_iter().chain(named(&scenario, class)).chain(router).collect();
        text += &format!("  class      {:<width$} {lengths}{own}\n", class.name);
    }
    let is_nowhere = scenario.application.is_none() && scenario.links.is_empty();
    for (index, spec) in scenario.endpoints.iter().enumerate() {
        text += &format!("  endpoint   {:<width$} {}\n", spec.name, describe(spec));
        if !is_nowhere {
            text += &format!("  way        {:<width$} {}\n", spec.name, way(&scenario, index));
        }
        if let Some(machine) = &spec.machine {
            let about = Machine::find(&machine.preset).map_or_else(|problem| problem, Machine::about);
            text += &format!("  machine    {:<width$} {} × {about}\n", spec.name, machine.instances);
        }
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
    for (index, commitment) in scenario.commitments.iter().enumerate() {
        let row = scenario.unit_rows.get(index).and_then(Option::as_ref);
        text += &format!("  commitment {:<width$} {}\n", commitment.name(), agreed(commitment, row));
    }
    if is_nowhere && scenario.endpoints.iter().any(|spec| spec.round_trip.is_none()) {
        text += "  ways       no [application] says where the callers stand: no round trip but an endpoint's own, no egress\n";
    }
    let budgets = scenario.classes.iter().map(|class| (class.budget, format!(" for class {}", class.name)));
    for (budget, of) in std::iter::once((scenario.budget, String::new())).chain(budgets) {
        let Some(budget) = budget else { continue };
        let strict = if budget.strict { ", strictly" } else { "" };
        text += &format!("  budget     ${}{of}{strict}\n", budget.max);
    }
    let thresholds = match scenario.thresholds.len() {
        1 => "1 threshold".into(),
        count => format!("{count} thresholds"),
    };
    text += &known(&scenario);
    let (router, retry) = (scenario.router.kind(), scenario.retry.kind());
    text += &format!("  router {router}, retry {retry}, {thresholds}\n");
    output::say(&text)?;
    #[cfg(feature = "net")]
    if args.live {
        credentials(&scenario)?;
    }
    output::say("OK\n")?;
    Ok(ExitCode::Fine)
}

/// What is known of limits without a simulation.
fn known(scenario: &Scenario) -> String {
    let rows = preview(scenario, None);
    let known: Vec<_> = rows.iter().filter_map(|row| Some((row, row.known?))).collect();
    let width = output::width(known.iter().map(|(row, _)| row.limit.as_str()));
    let line = |(row, known): &(&Expectation, f64)| {
        let gap = if row.gap.is_empty() { String::new() } else { format!("; but {}", row.gap.join(", ")) };
        let (name, known) = (row.figure.name(), certainty::shown(*known, row.figure.unit()));
        format!("  known      {:<width$} {name} {known}{gap}\n", row.limit)
    };
    known.iter().map(line).collect()
}

/// Of a preset's own arrivals: whose they are, and where in their day or week they begin.
fn named(scenario: &Scenario, class: &Class) -> Option<String> {
    let (preset, rate, date) = (class.preset.as_ref()?, class.rate?, scenario.date?);
    let from = date.strftime("%A %Y-%m-%d");
    Some(format!("; preset {preset}, {} a second in the mean, from {from} 00:00 UTC", rate.get()))
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
    let mut kinds: Vec<&str> = limits.iter().map(|limit| limit.kind()).collect();
    kinds.dedup();
    if kinds.is_empty() { "no limits".into() } else { format!("limits on {}", kinds.join(" and ")) }
}

fn describe(spec: &EndpointSpec) -> String {
    let limits = kinds(&spec.limits);
    let latency = spec.latency.as_ref().map_or("no latency (cannot be simulated)".to_string(), |latency| {
        format!("{} latency", latency.kind())
    });
    let spillover =
        spec.spillover.as_ref().map_or(String::new(), |other| format!(", spills over to {other}"));
    let cache = spec.cache.as_ref().map_or(String::new(), |cache| {
        let long = cache.ttl_long.map(|long| format!(" or {long}")).unwrap_or_default();
        format!(
            ", cache of {} tokens and more for {}{long}",
            show::count_of(u64::from(cache.min_tokens)),
            cache.ttl
        )
    });
    format!(
        "{} {} {} at {}: {limits}, {latency}{cache}{spillover}",
        spec.provider.name(),
        spec.dialect().name(),
        spec.model,
        spec.url
    )
}

/// How calls get to an endpoint, what that costs, and who says so.
fn way(scenario: &Scenario, index: usize) -> String {
    let spec = &scenario.endpoints[index];
    let way = scenario.way(spec);
    let (here, there) = (scenario.here(), scenario.place(spec));
    let place = |place: Option<Place>| place.map_or("an unknown place".into(), |place| place.to_string());
    let name = way.link.clone().unwrap_or("an unknown way".into());
    let round_trip = way.round_trip.map_or("round trip not known, 0ms assumed".into(), |round_trip| {
        format!("round trip {}", Span(round_trip))
    });
    let bytes = match (scenario.egress(index), way.passage) {
        (Some(nth), _) => format!("bytes billed by {}", scenario.commitments[nth].name()),
        (None, Some(passage)) => {
            format!("${} a GB there, ${} back", per_gb(passage.there), per_gb(passage.back))
        }
        (None, None) => "price of bytes not known, $0 assumed".into(),
    };
    let link = way.own.map(|own| &scenario.links[own]);
    let fee = link.and_then(|link| link.per_hour).map_or(String::new(), |fee| format!(", ${fee} an hour"));
    let said = match (link, &way.link) {
        (Some(_), _) => "; as the scenario says",
        (None, Some(_)) => "; estimates of the catalogue, not verified",
        (None, None) => "",
    };
    format!("{name} from {} to {}: {round_trip}, {bytes}{fee}{said}", place(here), place(there))
}

fn per_gb(per_byte: Rate) -> Money {
    Money::from_picos(per_byte.picos() * 1_000_000_000)
}

/// What a commitment agrees; `row` is the catalogue's of its units.
fn agreed(commitment: &AnyCommitment, row: Option<&UnitOffer>) -> String {
    match commitment {
        AnyCommitment::Discount(_) => "a discount on list prices".into(),
        AnyCommitment::Egress(egress) => format!("${} for a GB of egress", egress.per_gb),
        AnyCommitment::Minimum(minimum) => format!("${} promised a {}", minimum.spend, word(minimum.term)),
        AnyCommitment::Units(units) => {
            let price = units.price.map(|price| format!(" at ${price} each")).unwrap_or_default();
            let said = row.map_or("; as the scenario says".into(), |row| format!("; {}", read_of(row)));
            let (count, unit, term) = (show::count_of(u64::from(units.units)), &units.unit, word(units.term));
            format!("{count} {unit} for {}, bought by the {term}{price}{said}", units.endpoints.join(", "))
        }
    }
}

fn word(term: Term) -> String {
    term.name().replace('_', " ")
}

/// What an endpoint charges, and who says so.
fn prices(scenario: &Scenario, spec: &EndpointSpec) -> Vec<String> {
    let times = match spec.price_factor.get() {
        1.0 => String::new(),
        factor => format!(", tokens times {factor}"),
    };
    if let Some(price) = &spec.price {
        let machines = match &spec.latency {
            Some(AnyLatency::ContinuousBatching(batching)) => batching.instances.get(),
            _ => 1,
        };
        let all = match price.per_hour {
            Some(_) if machines > 1 => format!(" for all {machines} machines together"),
            _ => String::new(),
        };
        return vec![format!("{}{all}{times}; as the scenario says", rates(price))];
    }
    if let Some(rent) = scenario.rent(spec) {
        let (price, share, row) = (rates(&rent.price()), rent.share(), rent.row);
        return vec![format!("{price}; {share} of a {}", unit(row))];
    }
    let offers = scenario.offers(spec).into_iter().map(|offer| {
        let from = offer.from.map(|day| format!(" from {day}")).unwrap_or_default();
        let until = offer.until.map(|day| format!(" until {day}")).unwrap_or_default();
        let (model, scope, tier) = (&offer.model, &offer.scope, offer.tier.name());
        let price = format!("{}{times}", rates(&offer.price));
        format!("{price}; {model} {scope} {tier}{from}{until}, read on {} from {}", offer.dated, offer.source)
    });
    offers.collect()
}

/// A unit with its price, and who says so.
fn unit(row: &UnitOffer) -> String {
    let UnitOffer { unit, provider, scope, term, price, .. } = row;
    format!("{unit} at {provider} in {scope}, ${price} by the {}, {}", term.name(), read_of(row))
}

fn read_of(UnitOffer { dated, source, .. }: &UnitOffer) -> String {
    format!("read on {dated} from {source}")
}

fn rates(price: &Price) -> String {
    let rate = |name: &str, rate: Option<Rate>| rate.map(|rate| format!("{name} ${rate}/M"));
    let hourly = price.per_hour.map(|amount| format!("${amount} an hour"));
    let cached = [
        rate("cache read", price.cache_read),
        rate("cache write", price.cache_write),
        rate("for hours", price.cache_write_long),
    ];
    let long = price
        .long_context
        .first()
        .map(|long| format!("other rates above {} tokens", show::count_of(u64::from(long.above))));
    let parts = [rate("in", price.input)].into_iter().chain(cached);
    parts.chain([rate("out", price.output), hourly, long]).flatten().collect::<Vec<_>>().join(", ")
}
