//! Classes with routers and budgets of their own: what one has or spends is nothing to the others.

use std::path::Path;

use tollgate::collectors::Collectors;
use tollgate::machines;
use tollgate::outcome::Outcome;
use tollgate::price::Money;
use tollgate::scenario::Scenario;
use tollgate::section::{ScopeKind, Section, Value};
use tollgate::simulate::{Flow, Played, simulate};
use tollgate::time::Instant;

/// Two classes, each of whose answered requests costs a dollar at endpoint `dear` and half of it at `cheap`.
fn scenario(head: &str, a: &str, b: &str) -> Scenario {
    let class = |name, keys| {
        format!(
            "[[classes]]\nname = \"{name}\"\ninput = {{ kind = \"fixed\", tokens = 500_000 }}\n\
             output = {{ kind = \"fixed\", tokens = 10 }}\nmax_tokens = 10\n{keys}\n"
        )
    };
    let endpoint = |name, price| {
        format!(
            "[[endpoints]]\nname = \"{name}\"\nprovider = \"openai\"\nmodel = \"m\"\n\
             latency = {{ kind = \"fixed\", ttft = \"2s\" }}\nprice = {{ input = \"{price}\", output = \"0\" }}\n"
        )
    };
    let text = [
        "duration = \"60s\"",
        head,
        &class("a", a),
        &class("b", b),
        &endpoint("dear", "2"),
        &endpoint("cheap", "1"),
    ];
    let text = text.join("\n");
    Scenario::parse(&text, Path::new("tenants.toml")).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn play(scenario: &Scenario) -> (Vec<Outcome>, Played, Vec<Section>) {
    let mut collectors = Collectors::new(&machines::setup(scenario, true));
    let mut outcomes = Vec::new();
    let played = simulate(scenario, |outcome| {
        collectors.collect(outcome);
        outcomes.push(outcome.clone());
        Flow::Continue
    });
    let played = played.unwrap_or_else(|error| panic!("{error}"));
    let sections = collectors.finish(played.stopped);
    (outcomes, played, sections)
}

fn of(outcomes: &[Outcome], class: u16) -> Vec<&Outcome> {
    outcomes.iter().filter(|outcome| outcome.request.class.0 == class).collect()
}

fn cost(sections: &[Section], class: &str) -> Value {
    let section = sections.iter().find(|section| section.name == "cost").expect("there is a cost section");
    section.figure(ScopeKind::Class, class, "cost_metered").expect("classes have costs").value.clone()
}

const OWN: &str = "arrivals = { kind = \"constant\", rate = 2 }";

#[test]
fn a_class_that_has_spent_its_budget_stops_and_no_other_does() {
    let (outcomes, played, sections) =
        play(&scenario("", &format!("{OWN}\nbudget = {{ max = \"5\" }}"), OWN));
    // Asked every half second and answered after two, the fifth dollar is spent at 4 s; the eight of before are paid for.
    let spent = played.spent.iter().map(|spent| (spent.at, spent.class.map(|class| class.0)));
    assert_eq!(spent.collect::<Vec<_>>(), [(Instant::from_secs_f64(4.0), Some(0))]);
    assert_eq!((of(&outcomes, 0).len(), of(&outcomes, 1).len()), (8, 120));
    assert_eq!(cost(&sections, "a"), Value::from("8".parse::<Money>().unwrap()));
    assert_eq!(cost(&sections, "b"), Value::from("120".parse::<Money>().unwrap()));
    assert_eq!(played.stopped, Instant::MAX, "the run went on to its end");
}

#[test]
fn of_shared_arrivals_those_of_a_class_without_money_are_not_sent() {
    let shared = "arrivals = { kind = \"constant\", rate = 2 }";
    let (whole, ..) = play(&scenario(shared, "", ""));
    let (outcomes, played, _) = play(&scenario(shared, "budget = { max = \"5\", strict = true }", ""));
    let intended = |outcomes: &[Outcome], class| -> Vec<_> {
        of(outcomes, class).iter().map(|outcome| outcome.intended).collect()
    };
    assert_eq!(intended(&outcomes, 1), intended(&whole, 1), "the other class comes as it would have");
    assert_eq!(intended(&outcomes, 0), intended(&whole, 0)[..5]);
    assert_eq!(played.spent.len(), 1);
}

#[test]
fn a_run_is_over_when_every_class_has_spent_its_budget() {
    let keys = "budget = { max = \"5\" }";
    let (outcomes, played, _) = play(&scenario("arrivals = { kind = \"constant\", rate = 2 }", keys, keys));
    assert_eq!(played.spent.len(), 2);
    assert!(played.ended < Instant::from_secs_f64(30.0), "{:?}", played.ended);
    assert!(outcomes.len() >= 10);
}

#[test]
fn the_budget_of_all_counts_what_classes_with_their_own_spend() {
    let head = "budget = { max = \"5\", strict = true }";
    let keys = format!("{OWN}\nbudget = {{ max = \"3\", strict = true }}");
    let (outcomes, played, _) = play(&scenario(head, &keys, OWN));
    let classes: Vec<_> = played.spent.iter().map(|spent| spent.class.map(|class| class.0)).collect();
    assert_eq!((of(&outcomes, 0).len(), of(&outcomes, 1).len(), classes), (3, 2, vec![None, Some(0)]));
    let keys = format!("{OWN}\nbudget = {{ max = \"1\", strict = true }}");
    let (outcomes, played, _) = play(&scenario(head, &keys, OWN));
    let classes: Vec<_> = played.spent.iter().map(|spent| spent.class.map(|class| class.0)).collect();
    // What a class has no room for is not laid aside for all.
    assert_eq!((of(&outcomes, 0).len(), of(&outcomes, 1).len(), classes), (1, 4, vec![Some(0), None]));
}

#[test]
fn retries_of_a_class_end_with_its_budget() {
    let head = "retry = { kind = \"exponential\", attempts_max = 9, base = \"1s\", cap = \"1s\" }";
    // Each attempt is given up after a second and billed for its prompt.
    let stall = "timeout = \"60s\"\nstall_timeout = \"1s\"";
    let once = "arrivals = { kind = \"steps\", gaps = \"constant\", steps = [{ rate = 1, for = \"1s\" }] }";
    let keys = format!("{once}\n{stall}\nbudget = {{ max = \"1.50\" }}");
    let (outcomes, played, _) = play(&scenario(head, &keys, &format!("{once}\n{stall}")));
    let attempts =
        |class| of(&outcomes, class).iter().map(|outcome| outcome.attempts.len()).collect::<Vec<_>>();
    assert_eq!(attempts(0), [2], "a dollar, half of it at the other, and no third");
    assert!(attempts(1)[0] > 2);
    assert_eq!(played.spent.len(), 1);
}

#[test]
fn a_class_is_routed_by_its_own_router_and_the_others_by_the_scenarios() {
    let (outcomes, ..) = play(&scenario("", &format!("{OWN}\nrouter = \"cheapest\""), OWN));
    let endpoints = |class| -> Vec<u16> {
        of(&outcomes, class)
            .iter()
            .flat_map(|outcome| &outcome.attempts)
            .map(|attempt| attempt.endpoint.0)
            .collect()
    };
    assert!(endpoints(0).iter().all(|endpoint| *endpoint == 1));
    assert!(endpoints(1).iter().all(|endpoint| *endpoint == 0));
}

#[test]
fn the_round_of_one_class_does_not_move_that_of_another() {
    let turns = |a: &str| {
        let (outcomes, ..) = play(&scenario("router = \"round_robin\"", &format!("{OWN}\n{a}"), OWN));
        let turns = of(&outcomes, 0).into_iter().map(|outcome| outcome.attempts[0].endpoint.0);
        turns.take(4).collect::<Vec<_>>()
    };
    assert_eq!(turns(""), [0, 0, 0, 0], "each round has one request of either class");
    assert_eq!(turns("router = \"round_robin\""), [0, 1, 0, 1]);
}

#[test]
fn refusals_of_classes_add_up_to_those_of_the_run() {
    let limits = "limits = [{ kind = \"requests\", per_minute = 30, burst = 3 }]";
    let head = "retry = { kind = \"exponential\", attempts_max = 3 }";
    let text =
        toml::to_string(&scenario(head, OWN, &format!("{OWN}\nexclude = [\"cheap\"]"))).expect("it is TOML");
    let text = text.replacen("model = \"m\"\n", &format!("model = \"m\"\n{limits}\n"), 1);
    let scenario = Scenario::parse(&text, Path::new("case.toml")).unwrap_or_else(|error| panic!("{error}"));
    let (outcomes, _, sections) = play(&scenario);
    let section = sections.iter().find(|section| section.name == "refusals").expect("there are refusals");
    let count =
        |kind, name, figure: &str| match section.figure(kind, name, figure).map(|figure| &figure.value) {
            Some(Value::Count(count)) => *count,
            other => panic!("{figure} of {name} is {other:?}"),
        };
    for figure in
        ["attempts", "rejected", "throttled", "retries", "throttled_requests", "refused_requests", "spilled"]
    {
        let of = |class| count(ScopeKind::Class, class, figure);
        assert_eq!(of("a") + of("b"), count(ScopeKind::Total, "", figure), "{figure}");
    }
    let refused = of(&outcomes, 1).iter().filter(|outcome| outcome.answer().is_none()).count();
    assert_eq!(count(ScopeKind::Class, "b", "refused_requests"), refused as u64);
    assert_eq!(
        count(ScopeKind::Class, "a", "refused_requests"),
        0,
        "what one has no room for, the other takes"
    );
    assert!(refused > 10);
}

/// Two jobs of 100 ms each come at every second, to one place.
#[test]
fn of_classes_that_wait_at_one_endpoint_the_one_of_the_lowest_priority_is_served_first() {
    let first = |scheduling: &str, priority: i32| -> Vec<u16> {
        let class = |name, priority| {
            format!(
                "[[classes]]\nname = \"{name}\"\npriority = {priority}\narrivals = {{ kind = \"constant\", rate = 1 }}\n\
                 input = {{ kind = \"fixed\", tokens = 9 }}\noutput = {{ kind = \"fixed\", tokens = 1 }}\n"
            )
        };
        let endpoint = format!(
            "[[endpoints]]\nname = \"own\"\nprovider = \"self_hosted\"\nmodel = \"m\"\n\
             price = {{ input = \"0\", output = \"0\" }}\nlatency = {{ kind = \"fixed\", ttft = \"300ms\" }}\n\
             limits = [{{ kind = \"concurrency\", max = 1, queue_max = 9, scheduling = \"{scheduling}\" }}]\n"
        );
        let busy = class("busy", 0).replace("rate = 1", "rate = 1.25");
        let text = format!("duration = \"4s\"\n{busy}{}{}{endpoint}", class("a", 0), class("b", priority));
        let scenario = Scenario::parse(&text, Path::new("priority.toml")).unwrap_or_else(|e| panic!("{e}"));
        let (mut outcomes, ..) = play(&scenario);
        outcomes.retain(|outcome| outcome.request.class.0 > 0);
        outcomes.sort_by_key(|outcome| outcome.finished);
        outcomes.iter().map(|outcome| outcome.request.class.0).collect()
    };
    assert_eq!(first("fcfs", 0), [1, 2, 1, 2, 1, 2, 1, 2]);
    assert_eq!(first("priority", 3), [1, 2, 1, 2, 1, 2, 1, 2]);
    assert_eq!(first("priority", -3), [2, 1, 2, 1, 2, 1, 2, 1]);
}

/// Cobham's queue: at one place, with Poisson arrivals of 0.2 and 0.3 a second and exponential answers of a second on
/// average, those who go before wait 0.5 / (1 − 0.2) = 0.625 s and the others 0.5 / ((1 − 0.2)(1 − 0.5)) = 1.25 s; first
/// come first served all wait 1 s. The mean of n waits of such a queue has a variance of about 29 / n (Daley 1968, at a
/// load of a half); the others' is larger by less than four.
#[test]
fn those_of_a_lower_priority_wait_as_long_as_the_theory_of_queues_says() {
    let class = |name, rate, priority| {
        format!(
            "[[classes]]\nname = \"{name}\"\npriority = {priority}\narrivals = {{ kind = \"poisson\", rate = {rate} }}\n\
             input = {{ kind = \"fixed\", tokens = 9 }}\noutput = {{ kind = \"exponential\", mean = 10_000 }}\n"
        )
    };
    let mean_waits = |scheduling: &str| {
        let endpoint = format!(
            "[[endpoints]]\nname = \"own\"\nprovider = \"self_hosted\"\nmodel = \"m\"\n\
             price = {{ input = \"0\", output = \"0\" }}\nlatency = {{ kind = \"fixed\", ttft = \"100us\", itl = \"100us\" }}\n\
             limits = [{{ kind = \"concurrency\", max = 1, queue_max = 1000, scheduling = \"{scheduling}\" }}]\n"
        );
        let text = format!(
            "duration = \"40000s\"\n{}{}{endpoint}",
            class("first", 0.2, -1),
            class("others", 0.3, 0)
        );
        let scenario = Scenario::parse(&text, Path::new("queue.toml")).unwrap_or_else(|e| panic!("{e}"));
        let (outcomes, ..) = play(&scenario);
        [0, 1].map(|class| {
            let of_class = of(&outcomes, class);
            // Of an answer of k tokens the first comes after its wait and 0.1 ms.
            let first = |outcome: &Outcome| outcome.answer().and_then(|answer| answer.first_token);
            let waits = of_class.iter().map(|outcome| {
                first(outcome).expect("all are answered").since(outcome.intended).as_secs_f64()
            });
            waits.sum::<f64>() / of_class.len() as f64
        })
    };
    let bound = |n: f64, more: f64| 4.5 * (more * 29.0 / n).sqrt();
    let ([first, others], fcfs) = (mean_waits("priority"), mean_waits("fcfs"));
    assert!((first - 0.625).abs() < bound(8_000.0, 1.0), "{first}");
    assert!((others - 1.25).abs() < bound(12_000.0, 4.0), "{others}");
    assert!(fcfs.iter().all(|wait| (wait - 1.0).abs() < bound(8_000.0, 1.0)), "{fcfs:?}");
}

#[test]
fn what_comes_over_time_is_told_of_each_class_where_there_are_several() {
    let keys = |rate: u32| {
        format!("arrivals = {{ kind = \"constant\", rate = {rate} }}\nslo = {{ e2e = \"{rate}s\" }}")
    };
    let (outcomes, _, sections) = play(&scenario("", &keys(1), &keys(4)));
    let series = sections.iter().find(|section| section.name == "series").expect("there is one");
    let points = |name: &str, class: &str| -> Vec<f64> {
        let curve = series.curves.iter().find(|curve| curve.name == name && curve.series == class);
        curve.expect("the class has a curve").points.iter().map(|point| point.1 * 0.5).collect()
    };
    assert_eq!(points("offered_by_class", "a")[..4], [1.0, 0.0, 1.0, 0.0]);
    assert_eq!(points("offered_by_class", "b")[..4], [2.0; 4]);
    // An answer comes after two seconds, which only one of the classes takes for good.
    assert_eq!(points("good_by_class", "a").iter().sum::<f64>(), 0.0);
    assert_eq!(points("good_by_class", "b").iter().sum::<f64>(), of(&outcomes, 1).len() as f64);
    let mut one = scenario("", OWN, OWN);
    one.classes.truncate(1);
    let (_, _, alone) = play(&one);
    let curves = alone.iter().flat_map(|section| &section.curves);
    assert!(!curves.map(|curve| &*curve.name).any(|name| name.ends_with("_by_class")));
}

#[test]
fn of_requests_due_at_one_instant_those_of_the_lowest_priority_go_first() {
    for (priority, order) in [(0, [0, 1, 0, 1]), (-1, [1, 0, 1, 0]), (1, [0, 1, 0, 1])] {
        let (mut outcomes, ..) = play(&scenario("", OWN, &format!("{OWN}\npriority = {priority}")));
        outcomes.sort_by_key(|outcome| outcome.request.id);
        let classes: Vec<u16> = outcomes.iter().map(|outcome| outcome.request.class.0).take(4).collect();
        assert_eq!(classes, order, "{priority}");
    }
}
