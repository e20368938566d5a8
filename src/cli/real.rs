//! A scenario in real time: what every verb asks that sends requests, and how it plays one.

use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tollgate::client::arrivals::AnyArrivals;
use tollgate::client::safety::{Safety, Storm, StormStop};
use tollgate::collectors::cost::Cost;
use tollgate::error::{Error, Result};
use tollgate::estimate::{Costs, Estimate, estimate};
use tollgate::http::clock::Clock;
use tollgate::http::pacer::Pacing;
use tollgate::http::proxy::Proxies;
use tollgate::http::tls::Roots;
use tollgate::http::{self, Versions};
use tollgate::login::keyring::Keyring;
use tollgate::machines;
use tollgate::mock::{Embedded, Mock};
use tollgate::number::Span;
use tollgate::outcome::Outcome;
use tollgate::price::Money;
use tollgate::providers::{Contents, Target};
use tollgate::report::show;
use tollgate::run::{Input, Interrupts, Progress, Ran, Remote, Transport, run};
use tollgate::scenario::{EndpointSpec, Scenario};
use tollgate::simulate::Flow;

use super::client::Client;
use super::{login, output};

#[derive(clap::Args)]
pub struct Real {
    /// Send to hosts beyond this machine; it may cost money
    #[arg(long)]
    pub live: bool,
    /// How long what is under way may go on after the first Ctrl-C
    #[arg(long, default_value = "5s")]
    grace: Span,
    /// Believe the authorities in this PEM file beside the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The version of HTTP to speak; auto agrees on it in the TLS handshake
    #[arg(long, value_name = "VERSION", default_value = "auto")]
    http: Http,
    #[command(flatten)]
    pub client: Client,
    /// Send no more than so many requests
    #[arg(long, value_name = "N")]
    max_requests: Option<NonZeroU64>,
    /// Give up what is under way after so long, such as 10m, whatever the plan says
    #[arg(long, value_name = "SPAN", value_parser = some_time)]
    max_time: Option<Span>,
    /// Drop a request that comes while so many are under way; as many as this process may have sockets, if not given
    #[arg(long, value_name = "N")]
    max_in_flight: Option<NonZeroU32>,
    /// Go on however many requests fail
    #[arg(long)]
    no_storm_stop: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Http {
    #[value(name = "1.1")]
    One,
    #[value(name = "2")]
    Two,
    Auto,
}

impl Real {
    /// Whether anything is asked of it.
    pub fn is_given(&self) -> bool {
        let has_caps = self.max_requests.is_some() || self.max_time.is_some() || self.max_in_flight.is_some();
        self.live || self.ca_file.is_some() || has_caps || self.client.is_given() || self.no_storm_stop
    }

    /// Puts the bounds of the command line into the scenario.
    pub fn bound(&self, scenario: &mut Scenario) -> Result<()> {
        let safety = &mut scenario.safety;
        safety.requests_max = self.max_requests.or(safety.requests_max);
        safety.time_max = self.max_time.or(safety.time_max);
        safety.in_flight_max = self.max_in_flight.or(safety.in_flight_max);
        if self.no_storm_stop {
            safety.storm = Some(StormStop::Off);
        }
        match scenario.unsafe_because() {
            Some(mistake) => Err(Error::usage(format!("{}; {}", mistake.message, mistake.help))),
            None => Ok(()),
        }
    }

    /// What a run of the scenario needs from outside; so that what is missing is said before anything is made.
    pub fn stage(&self, scenario: &Scenario) -> Result<Stage> {
        let transport = self.transport(scenario)?;
        let keyring = login::keyring(scenario, transport.roots.clone(), transport.proxies.clone())?;
        Ok(Stage { transport, keyring, grace: self.grace.get() })
    }

    /// How requests travel; by another clock than the run's, which starts later.
    fn transport(&self, scenario: &Scenario) -> Result<Transport> {
        let roots = self.ca_file.as_deref().map_or(Ok(Roots::System), Roots::with_file)?;
        let versions = match self.http {
            Http::One => Versions::Http1,
            Http::Two => Versions::Http2,
            Http::Auto => Versions::Auto,
        };
        let (policy, proxies) = (scenario.connections, Proxies::from_env()?);
        let usual = self.client.transport(Clock::starting_in(Duration::ZERO));
        Ok(Transport { roots, versions, proxies, policy, ..usual })
    }

    /// Hosts beyond this machine are only asked with `--live`, after it was said what that will cost in all: the scenario
    /// `times` over.
    pub fn guard(&self, scenario: &Scenario, times: u32) -> Result<()> {
        if scenario.endpoints.iter().any(EndpointSpec::is_remote) {
            self.guard_sum(scenario, &estimate(scenario)?.times(times).within(scenario.safety.requests_max))?;
        }
        Ok(())
    }

    /// The same, where it was estimated what is sent in all.
    pub fn guard_sum(&self, scenario: &Scenario, estimate: &Estimate) -> Result<()> {
        let remote: Vec<_> = scenario.endpoints.iter().filter(|spec| spec.is_remote()).collect();
        if remote.is_empty() {
            return Ok(());
        }
        let hosts =
            remote.iter().map(|spec| format!("{} ({})", spec.name, spec.url)).collect::<Vec<_>>().join(", ");
        let unbounded = estimate.unbounded.unwrap_or("a price is not known");
        let (requests, costs) = (estimate.requests, cost_of(&estimate.total, unbounded));
        if !self.live {
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
}

/// What is left of the bounds of a scenario that is run several times: caps and budgets are of all runs together.
pub struct Allowance {
    began: Instant,
    requests: u64,
    spent: Money,
    /// Of it, by each class.
    spent_by_class: Vec<Money>,
}

impl Allowance {
    pub fn new() -> Allowance {
        Allowance { began: Instant::now(), requests: 0, spent: Money::ZERO, spent_by_class: Vec::new() }
    }

    /// Leaves the next run what is left; false where that is nothing.
    pub fn bound(&self, scenario: &mut Scenario) -> bool {
        let Scenario { budget, classes, safety, .. } = scenario;
        if let Some(max) = safety.requests_max {
            safety.requests_max = NonZeroU64::new(max.get().saturating_sub(self.requests));
            if safety.requests_max.is_none() {
                return false;
            }
        }
        if let Some(max) = &mut safety.time_max {
            *max = Span(max.get().saturating_sub(self.began.elapsed()));
        }
        let of_classes = classes.iter_mut().zip(&self.spent_by_class);
        let of_classes = of_classes.filter_map(|(class, spent)| Some((class.budget.as_mut()?, *spent)));
        let budgets = budget.as_mut().map(|budget| (budget, self.spent)).into_iter().chain(of_classes);
        let mut has_money = true;
        for (budget, spent) in budgets {
            budget.max = budget.max - spent;
            has_money &= budget.max > Money::ZERO;
        }
        has_money && safety.time_max.is_none_or(|max| !max.is_zero())
    }

    /// A run is over.
    pub fn spend(&mut self, requests: u64, cost: &Cost) {
        self.requests += requests;
        self.spent += cost.spent();
        let by_class = cost.spent_by_class();
        self.spent_by_class.resize(by_class.len(), Money::ZERO);
        self.spent_by_class.iter_mut().zip(by_class).for_each(|(sum, spent)| *sum += spent);
    }
}

/// All that a run needs beside its scenario.
pub struct Stage {
    transport: Transport,
    keyring: Keyring,
    grace: Duration,
}

impl Stage {
    /// Plays a scenario to its end. `record` hears of each outcome, and `show` where it stands.
    pub fn play(
        self,
        scenario: &Scenario,
        interrupts: Interrupts,
        record: impl FnMut(&Outcome) -> Flow,
        show: impl FnMut(Progress),
    ) -> Result<Ran> {
        let dispatcher = machines::dispatcher(scenario).within(safety(scenario));
        let clock = Clock::starting_in(LEAD);
        let embedded = embed(scenario, clock, self.transport.pacing)?;
        let input = Input {
            remotes: remotes(scenario, embedded.as_ref()),
            keyring: self.keyring,
            transport: Transport { clock, ..self.transport },
            grace: self.grace,
            interrupts,
        };
        run(input, dispatcher, record, show)
    }
}

/// The bounds of a run: the scenario's own, and where it says nothing, as many under way as there is room for, and a stop
/// where everything fails. What an embedded mock refuses is what the scenario asks it to refuse.
fn safety(scenario: &Scenario) -> Safety {
    http::raise_descriptor_limit();
    let is_mocked = scenario.endpoints.iter().any(EndpointSpec::is_mock);
    let sockets = http::descriptors().unwrap_or(u64::MAX).saturating_sub(DESCRIPTORS_SPARE);
    // Both ends of a connection to an embedded mock are in this process.
    let sockets = if is_mocked { sockets / 2 } else { sockets };
    // A closed loop bounds itself, and has as many under way as it asks for.
    let users = scenario.streams().filter_map(|(_, arrivals)| match arrivals {
        AnyArrivals::Closed(closed) => Some(closed.users.get()),
        _ => None,
    });
    let in_flight = u32::try_from(sockets).unwrap_or(u32::MAX).min(IN_FLIGHT_MAX);
    let in_flight = in_flight.max(users.fold(0, u32::saturating_add));
    let storm = match scenario.endpoints.iter().all(EndpointSpec::is_mock) {
        true => StormStop::Off,
        false => StormStop::At(Storm::default()),
    };
    Safety {
        in_flight_max: scenario.safety.in_flight_max.or(NonZeroU32::new(in_flight.max(1))),
        storm: scenario.safety.storm.or(Some(storm)),
        ..scenario.safety
    }
}

/// From the start of the process's work to the start of the plan: connections and threads are ready by then.
pub(super) const LEAD: Duration = Duration::from_millis(20);

/// More requests under way are a plan that went wrong, unless the scenario says that they are meant.
const IN_FLIGHT_MAX: u32 = 50_000;

/// For the log, results, timers, names being resolved and connections at rest.
const DESCRIPTORS_SPARE: u64 = 128;

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
pub(super) fn embed(scenario: &Scenario, clock: Clock, pacing: Pacing) -> Result<Option<Embedded>> {
    // Our own requests to our own mock need no key.
    let mock = Mock::new(scenario, EndpointSpec::is_mock, |_| Ok(Some(Vec::new())))?;
    if mock.is_empty() {
        return Ok(None);
    }
    let bound = mock.bind((std::net::Ipv4Addr::LOCALHOST, 0).into(), clock);
    let embedded = bound.and_then(|bound| bound.paced(pacing).embed());
    embedded.map(Some).map_err(|cause| Error::failed(format!("could not start the embedded mock: {cause}")))
}

pub(super) fn remotes(scenario: &Scenario, embedded: Option<&Embedded>) -> Vec<Remote> {
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

/// A time of some length.
pub(super) fn some_time(text: &str) -> std::result::Result<Span, String> {
    let span: Span = text.parse()?;
    if span.get().is_zero() { Err("a time above 0 is needed, such as 10m".into()) } else { Ok(span) }
}
