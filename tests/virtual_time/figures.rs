//! Figures of small scenarios whose truth can be counted by hand.

use std::path::Path;

use tollgate::collectors::Collectors;
use tollgate::machines;
use tollgate::outcome::{Ended, Outcome};
use tollgate::price::{Price, Tariff};
use tollgate::scenario::Scenario;
use tollgate::section::{ScopeKind, Section, Value, Verdict};
use tollgate::simulate::{Flow, simulate};

/// What a scenario comes to: its outcomes and its sections.
fn play(text: &str) -> (Vec<Outcome>, Vec<Section>) {
    let scenario = Scenario::parse(text, Path::new("case.toml")).unwrap_or_else(|error| panic!("{error}"));
    let mut collectors = Collectors::new(&machines::setup(&scenario, true));
    let mut outcomes = Vec::new();
    let played = simulate(&scenario, |outcome| {
        collectors.collect(outcome);
        outcomes.push(outcome.clone());
        Flow::Continue
    });
    let played = played.unwrap_or_else(|error| panic!("{error}"));
    (outcomes, collectors.finish(played.stopped))
}

/// One class and one endpoint, with what the case sets.
fn scenario(head: &str, class: &str, endpoint: &str) -> String {
    format!(
        "{head}\n[[classes]]\nname = \"c\"\ninput = {{ kind = \"fixed\", tokens = 100 }}\n{class}\n\
         [[endpoints]]\nname = \"e\"\nprovider = \"openai\"\nmodel = \"m\"\n{endpoint}\n"
    )
}

fn total<'a>(sections: &'a [Section], name: &str) -> &'a Value {
    let figure = sections.iter().find_map(|section| section.total(name));
    &figure.unwrap_or_else(|| panic!("there is no {name}")).value
}

#[test]
fn rates_and_reserved_capacity_are_of_the_whole_duration_and_not_up_to_the_last_answer() {
    let head = "duration = \"10h\"\n[arrivals]\nkind = \"steps\"\ngaps = \"constant\"\n\
                steps = [{ rate = 1, for = \"1h\" }, { rate = 0, for = \"9h\" }]";
    let endpoint = "latency = { kind = \"fixed\", ttft = \"1s\" }\nprice = { per_hour = \"10\" }";
    let (_, sections) = play(&scenario(head, "output = { kind = \"fixed\", tokens = 1 }", endpoint));
    assert_eq!(*total(&sections, "cost_reserved"), Value::Money("100".parse().unwrap()));
    assert_eq!(*total(&sections, "cost_total"), Value::Money("100".parse().unwrap()));
    assert_eq!(*total(&sections, "offered_rate"), Value::Number(0.1));
}

#[test]
fn a_rate_over_time_is_of_the_span_in_which_requests_come() {
    let head = "duration = \"700ms\"\n[arrivals]\nkind = \"constant\"\nrate = 10";
    let endpoint = "latency = { kind = \"fixed\", ttft = \"1s\" }\nprice = { per_hour = \"10\" }";
    let (_, sections) = play(&scenario(head, "output = { kind = \"fixed\", tokens = 1 }", endpoint));
    let series = sections.iter().find(|section| section.name == "series").expect("there is a series section");
    let offered = series.curves.iter().find(|curve| curve.series == "offered").expect("it has a curve");
    assert_eq!(offered.points[..2], [(0.0, 10.0), (0.5, 10.0)]);
}

#[test]
fn what_was_said_first_of_a_kind_of_fault_is_kept_with_the_endpoint() {
    let head = "duration = \"4s\"\n[arrivals]\nkind = \"constant\"\nrate = 1";
    let endpoint = "latency = { kind = \"fixed\", ttft = \"100ms\", itl = \"10ms\" }\n\
                    limits = [{ kind = \"outage\", windows = [{ from = \"5s\", for = \"1s\" }], break_streams = true }]\n\
                    price = { input = \"1\", output = \"10\" }";
    let (outcomes, sections) =
        play(&scenario(head, "output = { kind = \"fixed\", tokens = 1000 }", endpoint));
    let Ended::Broken(fault) = &outcomes[0].attempts[0].ended else { panic!("{:?}", outcomes[0]) };
    let refusals = sections.iter().find(|section| section.name == "refusals").unwrap();
    let figure = |name: &str| refusals.figure(ScopeKind::Endpoint, "e", name).map(|figure| &figure.value);
    let name = format!("fault_{}", fault.kind.name());
    assert_eq!(figure(&name), Some(&Value::Count(4)));
    assert_eq!(figure(&format!("{name}_said")), Some(&Value::Text(fault.detail.clone())));
    assert_eq!(figure("fault_dns_said"), None);
}

#[test]
fn a_broken_stream_is_billed_for_every_token_that_came() {
    let head = "duration = \"1s\"\n[arrivals]\nkind = \"constant\"\nrate = 1";
    let endpoint = "latency = { kind = \"fixed\", ttft = \"100ms\", itl = \"10ms\" }\n\
                    limits = [{ kind = \"outage\", windows = [{ from = \"9.5s\", for = \"1s\" }], break_streams = true }]\n\
                    price = { input = \"1\", output = \"10\" }";
    let (outcomes, sections) =
        play(&scenario(head, "output = { kind = \"fixed\", tokens = 1000 }", endpoint));
    let attempt = &outcomes[0].attempts[0];
    assert!(matches!(attempt.ended, Ended::Broken(_)));
    // The first token at 0.1 s and one each 10 ms: 941 by 9.5 s.
    assert_eq!((attempt.usage.input, attempt.usage.output), (100, 941));
    assert_eq!(*total(&sections, "cost_wasted"), Value::Money("0.00951".parse().unwrap()));
}

#[test]
fn an_answer_given_up_midway_is_never_billed_for_more_than_it_has() {
    let head = "duration = \"1s\"\n[arrivals]\nkind = \"constant\"\nrate = 20";
    let endpoint = "latency = { kind = \"continuous_batching\", batch_max = 32, itl = \"10ms\", itl_per_sequence = \"10ms\" }\n\
                    price = { input = \"1\", output = \"10\" }";
    let class = "output = { kind = \"fixed\", tokens = 150 }\ntimeout = \"5s\"";
    let (outcomes, _) = play(&scenario(head, class, endpoint));
    assert!(outcomes.iter().flat_map(|outcome| &outcome.attempts).all(|attempt| attempt.usage.output <= 150));
}

#[test]
fn a_stream_that_flows_is_no_stall_however_slow_a_full_batch_would_be() {
    let head = "duration = \"10s\"\n[arrivals]\nkind = \"constant\"\nrate = 0.5";
    let endpoint = "latency = { kind = \"continuous_batching\", batch_max = 256, itl = \"10ms\", itl_per_sequence = \"1ms\" }\n\
                    price = { per_hour = \"1\" }";
    let class = "output = { kind = \"fixed\", tokens = 100 }\nstall_timeout = \"250ms\"";
    let (_, sections) = play(&scenario(head, class, endpoint));
    assert_eq!((total(&sections, "done"), total(&sections, "stalled")), (&Value::Count(5), &Value::Count(0)));
}

#[test]
fn a_bound_met_exactly_is_met_and_no_percentile_is_above_the_longest() {
    let head = "duration = \"100s\"\n[arrivals]\nkind = \"constant\"\nrate = 10";
    let endpoint = "latency = { kind = \"fixed\", ttft = \"2s\" }\nprice = { per_hour = \"1\" }";
    let (_, sections) = play(&scenario(head, "output = { kind = \"fixed\", tokens = 1 }", endpoint));
    assert_eq!(
        (total(&sections, "ttft_p99"), total(&sections, "ttft_max")),
        (&Value::Number(2.0), &Value::Number(2.0))
    );
    let threshold: tollgate::collectors::threshold::Threshold = "ttft_p99 <= 2s".parse().unwrap();
    assert_eq!(threshold.judge(&sections).verdict, Verdict::Pass);
}

#[test]
fn answers_without_tokens_are_samples_of_the_whole_answer() {
    let head = "duration = \"10s\"\n[arrivals]\nkind = \"constant\"\nrate = 10";
    let endpoint = "latency = { kind = \"fixed\", ttft = \"1s\" }\nprice = { input = \"1\", output = \"1\" }";
    let (_, sections) = play(&scenario(head, "output = { kind = \"fixed\", tokens = 0 }", endpoint));
    assert_eq!(
        (total(&sections, "samples"), total(&sections, "ttft_p50")),
        (&Value::Count(100), &Value::None)
    );
}

#[test]
fn tokens_without_a_price_are_counted_and_their_cost_is_unknown() {
    let head = "duration = \"10s\"\n[arrivals]\nkind = \"constant\"\nrate = 10";
    let endpoint = "latency = { kind = \"fixed\", ttft = \"1s\" }\nprice = { input = \"1\", output = \"1\" }";
    let text = scenario(head, "output = { kind = \"fixed\", tokens = 7 }", endpoint);
    let mut scenario =
        Scenario::parse(&text, Path::new("case.toml")).unwrap_or_else(|error| panic!("{error}"));
    let price = Price { input: "1".parse().ok(), ..Price::default() };
    scenario.endpoints[0].tariff = Tariff::fixed(price);
    let mut collectors = Collectors::new(&machines::setup(&scenario, true));
    let played = simulate(&scenario, |outcome| {
        collectors.collect(outcome);
        Flow::Continue
    });
    let sections = collectors.finish(played.unwrap_or_else(|error| panic!("{error}")).stopped);
    assert!(matches!(total(&sections, "cost_total"), Value::Unknown(why) if why.contains("price.output")));
    assert_eq!(*total(&sections, "billed_output_tokens"), Value::Count(700));
    let series = sections.iter().find(|section| section.name == "series").expect("there is a series section");
    assert!(
        series.curves.iter().all(|curve| curve.name != "cost_over_time"),
        "an unknown cost is not drawn as none"
    );
}

#[test]
fn the_load_that_is_played_is_the_load_that_is_written_down() {
    for arrivals in [
        "kind = \"constant\"\nrate = 3",
        "kind = \"gamma\"\nrate = 3\ncv = 2",
        "kind = \"diurnal\"\nrate = 3",
        "kind = \"ramp\"\nfrom = 1\nto = 5\nover = \"5s\"",
        "kind = \"steps\"\nsteps = [{ rate = 3, for = \"1h\" }]",
    ] {
        let head = format!("duration = \"10s\"\n[arrivals]\n{arrivals}");
        let endpoint = "latency = { kind = \"fixed\", ttft = \"1s\" }\nprice = { per_hour = \"1\" }";
        let text = scenario(&head, "output = { kind = \"fixed\", tokens = 1 }", endpoint);
        let mut scenario =
            Scenario::parse(&text, Path::new("case.toml")).unwrap_or_else(|error| panic!("{error}"));
        let before = scenario.expected(scenario.duration.get()).expect("an open loop says");
        scenario.scale(2.0);
        let written = toml::to_string(&scenario).expect("a scenario can be written");
        let again =
            Scenario::parse(&written, Path::new("again.toml")).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(again.expected(again.duration.get()), Some(2.0 * before), "{arrivals}");
    }
}

/// Two classes, one with reasoning, at an endpoint that refuses and at one that is asked next.
#[test]
fn what_is_counted_by_class_by_endpoint_and_in_all_is_what_the_outcomes_say() {
    let text = r#"
        duration = "2m"
        arrivals = { kind = "poisson", rate = 4 }
        retry = { kind = "exponential", attempts_max = 2, base = "1s" }
        classes = [
            { name = "a", input = { kind = "fixed", tokens = 100 }, output = { kind = "fixed", tokens = 50 } },
            { name = "b", input = { kind = "fixed", tokens = 100 }, reasoning = { kind = "fixed", tokens = 30 }, output = { kind = "fixed", tokens = 50 } },
        ]
        endpoints = [
            { name = "e", provider = "openai", model = "m", price = { input = "1", output = "2" }, latency = { kind = "lognormal", ttft_median = "900ms", ttft_sigma = 0.8, itl = "20ms" }, limits = [{ kind = "concurrency", max = 2 }] },
            { name = "f", provider = "openai", model = "m", price = { input = "1", output = "2" }, latency = { kind = "fixed", ttft = "2s" }, limits = [{ kind = "concurrency", max = 3 }] },
        ]
    "#;
    let (outcomes, sections) = play(text);
    let figure = |kind, scope: &str, name: &str| {
        let figure = sections.iter().find_map(|section| section.figure(kind, scope, name));
        figure.unwrap_or_else(|| panic!("{scope} has no {name}")).value.clone()
    };
    let count = |of: &dyn Fn(&Outcome) -> usize| Value::Count(outcomes.iter().map(of).sum::<usize>() as u64);
    let mut kinds = [0; 3];
    for (nth, name) in ["e", "f"].into_iter().enumerate() {
        let count = |is: &dyn Fn(&tollgate::outcome::Attempt) -> bool| {
            let here = |outcome: &Outcome| {
                let attempts = outcome.attempts.iter();
                attempts.filter(|attempt| usize::from(attempt.endpoint.0) == nth && is(attempt)).count()
            };
            count(&here)
        };
        let is_rejected = |ended: &Ended| matches!(ended, Ended::Rejected(_));
        assert_eq!(figure(ScopeKind::Endpoint, name, "attempts"), count(&|_| true));
        assert_eq!(
            figure(ScopeKind::Endpoint, name, "rejected"),
            count(&|attempt| is_rejected(&attempt.ended))
        );
        assert_eq!(
            figure(ScopeKind::Endpoint, name, "done"),
            count(&|attempt| matches!(attempt.ended, Ended::Done))
        );
    }
    for (kind, name, classes) in
        [(ScopeKind::Class, "a", 0..1), (ScopeKind::Class, "b", 1..2), (ScopeKind::Total, "", 0..2)]
    {
        let own = |outcome: &Outcome| classes.contains(&usize::from(outcome.request.class.0));
        let is_done = |outcome: &Outcome| outcome.winner.is_some();
        assert_eq!(figure(kind, name, "attempts"), count(&|one| usize::from(own(one)) * one.attempts.len()));
        assert_eq!(figure(kind, name, "requests"), count(&|one| usize::from(own(one))));
        assert_eq!(figure(kind, name, "done"), count(&|one| usize::from(own(one) && is_done(one))));
        assert_eq!(
            figure(kind, name, "refused_requests"),
            count(&|one| usize::from(own(one) && !is_done(one)))
        );
        for (measure, at) in [("ttft_max", 0), ("ttfo_max", 1)] {
            let answers = outcomes.iter().filter(|one| own(one)).filter_map(|one| Some((one, one.answer()?)));
            let span = |(one, attempt): (&Outcome, &tollgate::outcome::Attempt)| {
                let first = [attempt.first_token, attempt.first_text][at].expect("an answer has tokens");
                (first.since(one.intended).as_nanos() as f64 / 1e3).round() / 1e6
            };
            assert_eq!(figure(kind, name, measure), Value::Number(answers.map(span).fold(0.0, f64::max)));
        }
    }
    for one in &outcomes {
        kinds[0] += usize::from(one.winner.is_none());
        kinds[1] += usize::from(one.attempts.len() == 1);
        kinds[2] += usize::from(one.attempts.len() > 1);
    }
    assert!(kinds.iter().all(|count| *count > 20), "{kinds:?}");
}
