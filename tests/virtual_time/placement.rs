//! Requests go only where they may: residency, excluded providers, every router, failovers and hedges too.

use std::path::Path;

use tollgate::outcome::Outcome;
use tollgate::scenario::Scenario;
use tollgate::simulate::{Flow, simulate};

/// Two classes, of which one must stay in the EU and one may not use the third endpoint's provider; quotas so
/// small that most requests fail over.
fn scenario(router: &str) -> Scenario {
    let endpoint = |name: &str, provider: &str, more: &str| {
        format!(
            "[[endpoints]]\nname = \"{name}\"\nprovider = \"{provider}\"\nmodel = \"m\"\n{more}\n\
             latency = {{ kind = \"fixed\", ttft = \"400ms\", itl = \"1ms\" }}\n\
             limits = [{{ kind = \"requests\", per_minute = 60, burst = 1 }}]\nprice = {{ input = \"1\", output = \"1\" }}\n"
        )
    };
    let hedge = if router == "mirror" { "" } else { "hedge = { after = \"200ms\", share_max = 0.5 }" };
    let text = format!(
        "duration = \"20s\"\nrouter = \"{router}\"\narrivals = {{ kind = \"constant\", rate = 8 }}\n\
         {hedge}\n\
         [retry]\nkind = \"exponential\"\nattempts_max = 4\nbase = \"100ms\"\ncap = \"1s\"\n\
         [[classes]]\nname = \"patients\"\nresidency = \"eu\"\n\
         input = {{ kind = \"lognormal\", median = 100, sigma = 1 }}\noutput = {{ kind = \"fixed\", tokens = 5 }}\n\
         [[classes]]\nname = \"chat\"\nexclude = [\"openai\"]\n\
         input = {{ kind = \"fixed\", tokens = 10 }}\noutput = {{ kind = \"fixed\", tokens = 5 }}\n{}{}{}",
        endpoint("us", "azure", "residency = \"us\""),
        endpoint("eu", "azure", "residency = \"eu\""),
        endpoint("eu-direct", "openai", "residency = \"eu\""),
    );
    Scenario::parse(&text, Path::new("placement.toml")).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn no_attempt_of_a_class_goes_where_it_may_not() {
    for router in ["cheapest", "fastest", "least_in_flight", "priority", "round_robin", "weighted"] {
        let mut outcomes: Vec<Outcome> = Vec::new();
        let played = simulate(&scenario(router), |outcome| {
            outcomes.push(outcome.clone());
            Flow::Continue
        });
        assert_eq!(played.unwrap().requests, 160);
        let mut used = [[0; 3]; 2];
        for outcome in &outcomes {
            for attempt in &outcome.attempts {
                used[usize::from(outcome.request.class.0)][usize::from(attempt.endpoint.0)] += 1;
            }
        }
        let [patients, chat] = used;
        assert_eq!((patients[0], chat[2]), (0, 0), "{router}: {used:?}");
        assert!(
            [patients[1], patients[2], chat[0], chat[1]].iter().all(|count| *count > 0),
            "{router}: {used:?}"
        );
    }
}

#[test]
fn a_mirrored_plan_gives_every_endpoint_the_same_traffic() {
    let mut seen: [Vec<_>; 3] = Default::default();
    let played = simulate(&scenario("mirror"), |outcome| {
        let own = (outcome.request.id.0 % 3) as usize;
        seen[own].push((outcome.intended, outcome.request.class, outcome.request.input_tokens));
        assert!(outcome.attempts.iter().all(|attempt| usize::from(attempt.endpoint.0) == own));
        Flow::Continue
    });
    assert_eq!(played.unwrap().requests, 3 * 160);
    seen.iter_mut().for_each(|seen| seen.sort_by_key(|request| request.0));
    assert!(seen[0].len() == 160 && seen[0] == seen[1] && seen[1] == seen[2]);
}

const PLAIN: &str = "duration = \"20s\"\narrivals = { kind = \"constant\", rate = 5 }\n\
    [[classes]]\nname = \"chat\"\ninput = { kind = \"fixed\", tokens = 10 }\noutput = { kind = \"fixed\", tokens = 5 }\n";

fn played(text: &str) -> Vec<Outcome> {
    let scenario =
        Scenario::parse(text, Path::new("placement.toml")).unwrap_or_else(|error| panic!("{error}"));
    let mut outcomes = Vec::new();
    simulate(&scenario, |outcome| {
        outcomes.push(outcome.clone());
        Flow::Continue
    })
    .unwrap_or_else(|error| panic!("{error}"));
    outcomes
}

#[test]
fn the_way_to_an_endpoint_is_in_every_latency() {
    let endpoint = "[[endpoints]]\nname = \"far\"\nprovider = \"openai\"\nmodel = \"m\"\nround_trip = \"80ms\"\n\
        latency = { kind = \"fixed\", ttft = \"400ms\", itl = \"1ms\" }\nprice = { input = \"1\", output = \"1\" }\n";
    for outcome in played(&format!("{PLAIN}{endpoint}")) {
        let answer = outcome.answer().expect("it is answered");
        let first = answer.first_token.expect("it has tokens").since(outcome.intended);
        assert_eq!(first, std::time::Duration::from_millis(480));
    }
}

/// The catalogue retires gemini-3.6-flash on 2026-11-19 and has no more of it from that midnight on.
#[test]
fn a_model_that_is_retired_within_the_run_is_asked_until_that_midnight() {
    let endpoint = "[[endpoints]]\nname = \"old\"\nprovider = \"vertex\"\nmodel = \"gemini-3.6-flash\"\n\
        latency = { kind = \"fixed\", ttft = \"400ms\", itl = \"1ms\" }\n";
    let plain = PLAIN.replace("20s", "2d").replace("rate = 5", "rate = 0.01");
    let day = std::time::Duration::from_secs(86_400);
    let outcomes = played(&format!("date = \"2026-11-18\"\n{plain}{endpoint}"));
    assert!(outcomes.len() > 1000);
    for outcome in outcomes {
        let is_there = outcome.intended.since(tollgate::time::Instant::START) < day;
        assert_eq!(!outcome.attempts.is_empty(), is_there, "{:?}", outcome.intended);
    }
}

/// The catalogue has gemini-3.6-flash until 2026-11-19 and gpt-6-sol from 2026-09-22 on: at first there is one, then
/// both, and in the end the other; each is asked while it is there, in first attempts and in hedges.
#[test]
fn a_run_that_crosses_a_launch_and_a_retirement_asks_who_is_there() {
    let endpoint = |name: &str, provider: &str, model: &str| {
        format!(
            "[[endpoints]]\nname = \"{name}\"\nprovider = \"{provider}\"\nmodel = \"{model}\"\n\
             latency = {{ kind = \"fixed\", ttft = \"400ms\", itl = \"1ms\" }}\n"
        )
    };
    let head =
        "date = \"2026-09-20\"\nrouter = \"round_robin\"\nhedge = { after = \"200ms\", share_max = 1.0 }\n";
    let plain = PLAIN.replace("20s", "70d").replace("rate = 5", "rate = 0.001");
    let endpoints =
        [endpoint("old", "vertex", "gemini-3.6-flash"), endpoint("new", "openai", "gpt-6-sol")].concat();
    let (launch, retirement) = (2 * 86_400, 60 * 86_400);
    let mut hedged = 0;
    for outcome in played(&format!("{head}{plain}{endpoints}")) {
        assert_eq!(outcome.end, tollgate::outcome::End::Done);
        for attempt in &outcome.attempts {
            let secs = attempt.sent.since(tollgate::time::Instant::START).as_secs();
            let is_there = if attempt.endpoint.0 == 0 { secs < retirement } else { secs >= launch };
            assert!(is_there, "{} at {secs} s", attempt.endpoint.0);
        }
        hedged += u32::from(outcome.attempts.len() > 1);
    }
    assert!(hedged > 1000, "{hedged}");
}
