//! `tollgate run`: the client half in real time, against mocks or real endpoints.

use std::path::PathBuf;
use std::time::Duration;

use tollgate::collectors::Collectors;
use tollgate::error::{Error, ExitCode, Result};
use tollgate::estimate::{Costs, estimate};
use tollgate::http::Versions;
use tollgate::http::clock::Clock;
use tollgate::http::interrupt::Interrupt;
use tollgate::http::proxy::Proxies;
use tollgate::http::tls::Roots;
use tollgate::machines;
use tollgate::mock::{Embedded, Mock};
use tollgate::price::Money;
use tollgate::providers::{Contents, Target};
use tollgate::report::show;
use tollgate::report::summary::Verb;
use tollgate::run::{Ending, Input, Interrupts, Remote, Transport, run};
use tollgate::scenario::{EndpointSpec, Scenario};
use tollgate::simulate::Flow;

use super::found::{Found, Told};
use super::login;
use super::output::{self, Progress};
use super::subject::{self, Subject};

/// Play a scenario in real time over HTTP, against embedded mocks or real endpoints
#[derive(clap::Args)]
#[command(after_help = "Example: tollgate run scenarios/first-light.toml --duration 10s")]
pub struct Args {
    #[command(flatten)]
    subject: subject::Common,
    /// No row for every attempt in requests.csv
    #[arg(long)]
    no_rows: bool,
    /// Send to hosts beyond this machine; it may cost money
    #[arg(long)]
    live: bool,
    /// How long what is under way may go on after the first Ctrl-C
    #[arg(long, default_value = "5s")]
    grace: tollgate::number::Span,
    /// Believe the authorities in this PEM file beside the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The version of HTTP to speak; auto agrees on it in the TLS handshake
    #[arg(long, value_name = "VERSION", default_value = "auto")]
    http: Http,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Http {
    #[value(name = "1.1")]
    One,
    #[value(name = "2")]
    Two,
    Auto,
}

pub fn execute(args: Args) -> Result<ExitCode> {
    let scenario = args.subject.load()?;
    guard(&scenario, args.live)?;
    let transport = transport(&args)?;
    let keyring = login::keyring(&scenario, transport.roots.clone(), transport.proxies.clone())?;
    let subject = Subject::new(&args.subject, scenario, Verb::Run, false)?;
    let mut log = if args.no_rows { None } else { Some(subject.log()?) };
    let mut collectors = Collectors::new(&subject.setup);
    let clock = Clock::starting_in(LEAD);
    let embedded = embed(&subject.scenario, clock)?;
    let input = Input {
        remotes: remotes(&subject.scenario, embedded.as_ref()),
        keyring,
        transport: Transport { clock, ..transport },
        grace: args.grace.get(),
        interrupts: Interrupts::Signals,
    };
    let millis = subject.scenario.duration.get().as_millis();
    let mut progress = Progress::new(u64::try_from(millis).unwrap_or(u64::MAX), args.subject.quiet);
    let dispatcher = machines::dispatcher(&subject.scenario);
    // Two hands on one log: a row at each outcome, and a flush while nothing happens.
    let log_cell = std::cell::RefCell::new(&mut log);
    let ran = run(
        input,
        dispatcher,
        |outcome| {
            collectors.collect(outcome);
            if let Some(log) = log_cell.borrow_mut().as_mut() {
                log.collect(outcome);
            }
            Flow::Continue
        },
        |now| {
            if let Some(log) = log_cell.borrow_mut().as_mut() {
                log.flush();
            }
            let message = || {
                let secs = now.now.as_secs_f64().max(1e-3);
                let rate = now.asked as f64 / secs;
                let (flying, done) = (now.in_flight, now.done);
                format!(
                    "{rate:.0}/s · {flying} in flight · {done} done · {} refused · {} failed",
                    now.refused, now.failed
                )
            };
            progress.set(now.now.as_nanos() / 1_000_000, message);
        },
    )?;
    progress.finish();
    drop(embedded);
    if ran.ending == Ending::Left {
        // Asked twice to go: what is buffered is saved, nothing more is made of it.
        let _ = log.map(|log| log.finish());
        return Ok(ExitCode::Interrupted);
    }
    Interrupt::restore();
    let found = Found {
        sections: collectors.finish(ran.stopped),
        told: Told::default(),
        collectors,
        until: ran.stopped,
        is_interrupted: ran.ending == Ending::Interrupted,
        spent: ran.spent,
        log_failure: log.and_then(|log| log.finish().err()),
        files: Vec::new(),
    };
    let code = subject.conclude(&args.subject, found, subject::threads())?;
    match ran.failure {
        Some(why) => Err(Error::failed(format!("the trace could not be played to its end: {why}"))),
        None => Ok(code),
    }
}

/// From the start of the process's work to the start of the plan: connections and threads are ready by then.
const LEAD: Duration = Duration::from_millis(50);

/// How requests travel; by another clock than the run's, which starts later.
fn transport(args: &Args) -> Result<Transport> {
    let roots = args.ca_file.as_deref().map_or(Ok(Roots::System), Roots::with_file)?;
    let versions = match args.http {
        Http::One => Versions::Http1,
        Http::Two => Versions::Http2,
        Http::Auto => Versions::Auto,
    };
    let clock = Clock::starting_in(Duration::ZERO);
    Ok(Transport { roots, versions, proxies: Proxies::from_env()?, ..Transport::new(clock) })
}

/// Hosts beyond this machine are only asked with `--live`, after it was said what that will cost.
fn guard(scenario: &Scenario, is_live: bool) -> Result<()> {
    let remote: Vec<_> = scenario.endpoints.iter().filter(|spec| spec.is_remote()).collect();
    if remote.is_empty() {
        return Ok(());
    }
    let hosts =
        remote.iter().map(|spec| format!("{} ({})", spec.name, spec.url)).collect::<Vec<_>>().join(", ");
    let estimate = estimate(scenario)?;
    let unbounded = estimate.unbounded.unwrap_or("a price is not known");
    let (requests, costs) = (estimate.requests, cost_of(&estimate.total, unbounded));
    if !is_live {
        return Err(Error::usage(format!(
            "this would send about {requests} requests to {hosts}, for {costs}; add --live to mean it, and \
             --max-cost to bound it"
        )));
    }
    output::complain(&format!("sending about {requests} requests to {hosts}, for {costs}"));
    for (spec, costs) in scenario.endpoints.iter().zip(&estimate.endpoints) {
        output::complain(&format!("  {}: {}", spec.name, cost_of(costs, unbounded)));
    }
    match scenario.budget {
        Some(budget) if budget.strict => {
            output::complain(&format!("never spending more than ${}", budget.max))
        }
        Some(budget) => output::complain(&format!(
            "stopping at ${}, and then paying only for what is under way",
            budget.max
        )),
        None => output::complain("without a bound on the cost; --max-cost sets one"),
    }
    Ok(())
}

fn cost_of(costs: &Costs, unbounded: &str) -> String {
    let capacity = match costs.capacity {
        Money::ZERO => String::new(),
        capacity => format!(" and {} for capacity", show::dollars(capacity)),
    };
    let worst = match costs.worst {
        Some(worst) => format!("{} at worst", show::dollars(worst)),
        None => format!("without an upper bound, as {unbounded}"),
    };
    format!("{} expected{capacity}, {worst}", show::dollars(costs.expected))
}

/// One mock for all endpoints that want one, on a socket and a thread of its own.
fn embed(scenario: &Scenario, clock: Clock) -> Result<Option<Embedded>> {
    // Our own requests to our own mock need no key.
    let mock = Mock::new(scenario, EndpointSpec::is_mock, |_| Ok(Some(Vec::new())))?;
    if mock.is_empty() {
        return Ok(None);
    }
    let bound = mock.bind((std::net::Ipv4Addr::LOCALHOST, 0).into(), clock).and_then(|bound| bound.embed());
    bound.map(Some).map_err(|cause| Error::failed(format!("could not start the embedded mock: {cause}")))
}

fn remotes(scenario: &Scenario, embedded: Option<&Embedded>) -> Vec<Remote> {
    let contents = Contents::new(&scenario.classes);
    let mut mocks = embedded.map_or(&[] as &[String], Embedded::urls).iter();
    let remote = |spec: &EndpointSpec| {
        let base_url = match spec.is_mock() {
            true => {
                let url = mocks.next().expect("each mock has its URL");
                format!("{url}{}", spec.provider.get().base())
            }
            false => spec.url.clone(),
        };
        Remote {
            name: spec.name.clone(),
            base_url,
            target: Target { contents: contents.clone(), ..spec.target() },
            hints: spec.hints || spec.is_mock(),
        }
    };
    scenario.endpoints.iter().map(remote).collect()
}
