//! What a provider passes on itself: served by the other endpoint, billed by it, and told the same on both clocks.
#![cfg(feature = "net")]

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tollgate::collectors::{Collector, Collectors};
use tollgate::http::client::{Remote, Transport};
use tollgate::http::clock::Clock;
use tollgate::login::keyring::Keyring;
use tollgate::machines;
use tollgate::mock::Mock;
use tollgate::outcome::{End, Ended, Outcome};
use tollgate::run::{Input, Interrupts, run};
use tollgate::scenario::Scenario;
use tollgate::section::{ScopeKind, Section};
use tollgate::simulate::{Flow, simulate};
use tollgate::time::Instant;
use tollgate::wire::Tier;

/// Bought capacity for 20 of a hundred requests, and what takes the rest.
fn scenario(provider: &str, settings: &str, other: &str) -> Scenario {
    scenario_with(provider, settings, TWENTY, other)
}

const TWENTY: &str = "[{ kind = 'requests', per_minute = 1, burst = 20 }]";

/// The same, with limits of the first endpoint.
fn scenario_with(provider: &str, settings: &str, limits: &str, other: &str) -> Scenario {
    parse(&text(provider, settings, limits, other))
}

fn parse(text: &str) -> Scenario {
    Scenario::parse(text, Path::new("spillover.toml")).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn text(provider: &str, settings: &str, limits: &str, other: &str) -> String {
    format!(
        "duration = '500ms'\narrivals = {{ kind = 'constant', rate = 200 }}\nretry = 'none'\nrouter = 'priority'\n\
         [[classes]]\nname = 'c'\ninput = {{ kind = 'fixed', tokens = 10 }}\noutput = {{ kind = 'fixed', tokens = 5 }}\n\
         max_tokens = 50\n\
         [[endpoints]]\nname = 'bought'\nprovider = '{provider}'\nmodel = 'bought'\n{settings}\n\
         limits = {limits}\n\
         latency = {{ kind = 'fixed', ttft = '5ms', itl = '1ms' }}\nprice = {{ per_hour = '36' }}\n\
         [[endpoints]]\nname = 'paygo'\nprovider = '{provider}'\nmodel = 'paygo'\n{other}\nweight = 0.000001\n\
         latency = {{ kind = 'fixed', ttft = '5ms', itl = '1ms' }}\nprice = {{ input = '2', output = '8' }}\n"
    )
}

/// Where the other takes `ttft` to its first token and 400 ms to the next, and nobody waits for longer than 300 ms.
fn given_up(ttft: &str) -> Scenario {
    let text = text("azure", "spillover = 'paygo'", TWENTY, "")
        .replace("max_tokens", "timeout = '300ms'\nmax_tokens");
    let (bought, paygo) = text.split_at(text.find("name = 'paygo'").unwrap());
    let slow = format!("ttft = '{ttft}', itl = '400ms'");
    parse(&(bought.to_string() + &paygo.replace("ttft = '5ms', itl = '1ms'", &slow)))
}

fn simulated(scenario: &Scenario) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    simulate(scenario, |outcome| {
        outcomes.push(outcome.clone());
        Flow::Continue
    })
    .unwrap();
    outcomes
}

/// The same over HTTP, against the scenario's mock.
fn ran(scenario: &Scenario) -> Vec<Outcome> {
    let clock = Clock::starting_in(Duration::from_millis(50));
    let mock = Mock::new(scenario, |_| true, |_| Ok(Some(Vec::new()))).unwrap();
    let mock =
        mock.bind(SocketAddr::from(([127, 0, 0, 1], 0)), clock).and_then(|bound| bound.embed()).unwrap();
    let remotes = scenario.endpoints.iter().zip(mock.urls()).map(|(spec, url)| Remote {
        name: spec.name.clone(),
        base_url: url.clone(),
        target: spec.target(),
        hints: true,
    });
    let input = Input {
        remotes: remotes.collect(),
        keyring: Keyring::open(scenario.endpoints.len()),
        transport: Transport::new(clock),
        grace: Duration::from_secs(5),
        interrupts: Interrupts::None,
    };
    let mut outcomes = Vec::new();
    let record = |outcome: &Outcome| {
        outcomes.push(outcome.clone());
        Flow::Continue
    };
    run(input, machines::dispatcher(scenario), record, |_| {}).unwrap();
    outcomes
}

/// What collectors say of refusals and of the cost.
fn learn(scenario: &Scenario, outcomes: &[Outcome]) -> [Section; 2] {
    let mut collectors = Collectors::new(&machines::setup(scenario, true));
    outcomes.iter().for_each(|outcome| collectors.collect(outcome));
    [collectors.refusals.finish(Instant::MAX), collectors.cost.finish(Instant::MAX)]
}

/// What the first endpoint passed on, its share, and what the second bills for it.
fn figures(scenario: &Scenario, outcomes: &[Outcome]) -> [f64; 3] {
    let [refusals, cost] = learn(scenario, outcomes);
    let of = |section: &Section, endpoint: &str, name: &str| {
        let scope =
            section.scopes.iter().find(|scope| scope.kind == ScopeKind::Endpoint && scope.name == endpoint);
        let figures = &scope.expect("the endpoint has a scope").figures;
        let figure = figures.iter().find(|figure| figure.name == name).expect("the figure is there");
        figure.value.as_f64().unwrap_or_else(|| panic!("{name} is {:?}", figure.value))
    };
    [
        of(&refusals, "bought", "spillover"),
        of(&refusals, "bought", "spillover_share"),
        of(&cost, "paygo", "cost_metered"),
    ]
}

/// Tiers of answers that were passed on, and of those that were not, both in order of the requests.
fn tiers(outcomes: &[Outcome]) -> Vec<(bool, Option<Tier>)> {
    let mut outcomes: Vec<&Outcome> = outcomes.iter().collect();
    outcomes.sort_by_key(|outcome| outcome.request.id);
    outcomes.iter().map(|outcome| (outcome.attempts[0].is_spilled, outcome.attempts[0].tier)).collect()
}

#[test]
fn a_run_and_its_simulation_agree_on_what_was_passed_on_and_what_it_costs() {
    let reserved = "region = 'us-east-1'\nservice_tier = 'reserved'\nspillover = 'paygo'";
    let rows = [
        ("azure", "spillover = 'paygo'", ""),
        ("azure", "headers = { x-ms-spillover-deployment = 'paygo' }", ""),
        ("vertex", "spillover = 'paygo'", ""),
        ("bedrock", reserved, "region = 'us-east-1'"),
    ];
    for (provider, settings, other) in rows {
        let scenario = scenario(provider, settings, other);
        let (virtually, really) = (simulated(&scenario), ran(&scenario));
        assert!(virtually.iter().all(|outcome| outcome.end == End::Done), "{provider}");
        // 80 of 100, each of ten tokens at $2 and five at $8 a million.
        assert_eq!(figures(&scenario, &virtually), [80.0, 0.8, 0.0048], "{provider}");
        assert_eq!(figures(&scenario, &really), figures(&scenario, &virtually), "{provider}");
        assert_eq!(tiers(&really), tiers(&virtually), "{provider}");
        let is_bought =
            |(is_spilled, tier): &(bool, Option<Tier>)| !is_spilled && *tier == Some(Tier::Reserved);
        let bought = tiers(&virtually).iter().filter(|served| is_bought(served)).count();
        assert_eq!(bought, if provider == "azure" { 0 } else { 20 }, "{provider}");
    }
}

#[test]
fn what_was_passed_on_and_given_up_is_billed_where_it_was_served() {
    let midway = given_up("100ms");
    let (virtually, really) = (simulated(&midway), ran(&midway));
    // 80 of 100, each of ten tokens at $2 and one at $8 a million; bought capacity would have charged nothing.
    assert_eq!(figures(&midway, &virtually), [80.0, 0.8, 0.002_24]);
    assert_eq!(figures(&midway, &really), figures(&midway, &virtually));
    let is_timed_out = |outcome: &&Outcome| outcome.end == End::TimedOut;
    assert_eq!(virtually.iter().filter(is_timed_out).count(), 80);
    // Before the first token only the provider knows, and the simulation.
    let early = given_up("1s");
    assert_eq!(figures(&early, &simulated(&early)), [80.0, 0.8, 0.0016]);
}

/// What is 80 ms away on either clock is refused, passed on and answered then.
#[test]
fn a_run_and_its_simulation_agree_on_endpoints_that_are_far_away() {
    let far = "spillover = 'paygo'\nround_trip = '80ms'";
    let scenario = scenario("azure", far, "round_trip = '40ms'");
    let (virtually, really) = (simulated(&scenario), ran(&scenario));
    assert_eq!(figures(&scenario, &virtually), [80.0, 0.8, 0.0048]);
    assert_eq!(figures(&scenario, &really), figures(&scenario, &virtually));
    let shortest = |outcomes: &[Outcome]| {
        let firsts = outcomes.iter().map(|outcome| {
            let attempt = &outcome.attempts[0];
            attempt.first_token.expect("it is answered").since(attempt.sent)
        });
        firsts.min().expect("there are outcomes")
    };
    let promised = Duration::from_millis(85);
    assert_eq!(shortest(&virtually), promised);
    assert!(shortest(&really) >= promised, "{:?}", shortest(&really));
}

/// OpenAI's and Azure's ramp rule: what exceeds it is served "at standard speed at standard price", and says so.
#[test]
fn a_downgrade_is_told_alike_by_a_run_and_its_simulation() {
    let ramp = "[{ kind = 'ramp', counts = 'requests', floor = 60, growth = 0.5, span = '15m', over = 'downgrade' }]";
    let settings =
        "service_tier = 'priority'\ndowngraded_latency = { kind = 'fixed', ttft = '40ms', itl = '1ms' }";
    let scenario = scenario_with("azure", settings, ramp, "");
    let played = simulated(&scenario);
    for outcome in &played {
        let attempt = &outcome.attempts[0];
        let ttft = attempt.first_token.unwrap().since(attempt.sent);
        let millis = if attempt.tier == Some(Tier::Standard) { 40 } else { 5 };
        assert_eq!(ttft, Duration::from_millis(millis));
    }
    let (virtually, really) = (tiers(&played), tiers(&ran(&scenario)));
    assert_eq!(virtually.iter().filter(|(_, tier)| *tier == Some(Tier::Priority)).count(), 60);
    assert_eq!(virtually.iter().filter(|(_, tier)| *tier == Some(Tier::Standard)).count(), 40);
    assert_eq!(really, virtually);
}

#[test]
fn a_call_that_wants_bought_capacity_alone_is_refused_and_one_that_does_not_leaves_it_alone() {
    for (kind, refused, spilled) in [("dedicated", 80, 0), ("shared", 0, 100)] {
        let settings =
            format!("spillover = 'paygo'\nheaders = {{ X-Vertex-AI-LLM-Request-Type = '{kind}' }}");
        let scenario = scenario("vertex", &settings, "");
        for outcomes in [simulated(&scenario), ran(&scenario)] {
            let is_429 =
                |ended: &Ended| matches!(ended, Ended::Rejected(rejection) if rejection.status == 429);
            let found = outcomes.iter().filter(|outcome| is_429(&outcome.attempts[0].ended)).count();
            assert_eq!(found, refused, "{kind}");
            assert_eq!(
                outcomes.iter().filter(|outcome| outcome.attempts[0].is_spilled).count(),
                spilled,
                "{kind}"
            );
        }
    }
}

#[test]
fn where_the_other_refuses_too_the_caller_is_told_what_the_first_said() {
    let minute = "limits = [{ kind = 'tokens', per_minute = 1, burst = 1 }, { kind = 'requests', per_minute = 1, burst = 30 }]";
    let scenario = scenario("azure", "spillover = 'paygo'", minute);
    for outcomes in [simulated(&scenario), ran(&scenario)] {
        let refusals: Vec<_> = outcomes
            .iter()
            .filter_map(|outcome| match &outcome.attempts[0].ended {
                Ended::Rejected(rejection) => Some((rejection.status, rejection.limit)),
                _ => None,
            })
            .collect();
        assert_eq!(refusals, vec![(429, "requests"); 79], "one job larger than the bucket was taken");
        assert!(outcomes.iter().all(|outcome| outcome.attempts.len() == 1));
        // What the other took is passed on, and what it refused too is not.
        assert_eq!(outcomes.iter().filter(|outcome| outcome.attempts[0].is_spilled).count(), 1);
    }
}
