//! Replications, pairs and what stops them.

use std::path::Path;

use super::*;
use crate::scenario::unlike;

fn scenario(class: &str, more: &str) -> Scenario {
    let text = format!(
        r#"
            seed = 9
            duration = "60s"
            {more}
            arrivals = {{ kind = "poisson", rate = 5 }}
            classes = [{{ name = "c", input = {{ kind = "fixed", tokens = 1000 }}, {class} }}]
            endpoints = [{{ name = "e", provider = "openai", model = "m", price = {{ input = "1", output = "2" }}, latency = {{ kind = "lognormal", ttft_median = "500ms", ttft_sigma = 0.5, itl = "1ms", itl_sigma = 0.1, jitter = 0 }} }}]
        "#
    );
    Scenario::parse(&text, Path::new("test.toml")).unwrap_or_else(|error| panic!("{error}"))
}

fn usual() -> Scenario {
    scenario(OUTPUT, "")
}

const OUTPUT: &str = r#"output = { kind = "uniform", min = 1, max = 400 }"#;

fn order(least: u32, most: u32, precision: Option<&str>, threads: usize) -> Order {
    Order {
        least,
        most,
        precision: precision.map(|text| text.parse().expect("a precision")),
        threads: NonZeroUsize::new(threads).expect("a number of threads"),
    }
}

fn first(scenario: &Scenario) -> Vec<Section> {
    Trial::play(scenario).unwrap_or_else(|error| panic!("{error}")).sections
}

/// Plays the first of them, and says what it came to.
fn play_first(scenarios: &[&Scenario]) -> impl FnOnce() -> Result<Option<Readings>> + Send {
    let scenario = scenarios[0].clone();
    move || Ok(Some(Readings::of(&first(&scenario))))
}

fn run(scenarios: &[&Scenario], order: &Order) -> Replicated {
    let replicated = replicate(scenarios, play_first(scenarios), order, || false, |_, _| ());
    replicated.unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn replications_are_the_same_on_any_number_of_threads_and_the_first_is_the_scenarios_own() {
    let scenario = usual();
    let one = run(&[&scenario], &order(5, 5, None, 1));
    let three = run(&[&scenario], &order(5, 5, None, 3));
    assert_eq!(one.readings, three.readings);
    assert_eq!(one.readings[0].len(), 5);
    assert_eq!(one.readings[0][0], Readings::of(&first(&scenario)));
    let costs: Vec<_> = one.readings[0].iter().map(|one| one.total("cost_total")).collect();
    assert!(costs.windows(2).all(|pair| pair[0] != pair[1]), "{costs:?}");
}

#[test]
fn an_interval_is_students_of_the_replications_figures() {
    let scenario = usual();
    let sections = first(&scenario);
    let replicated = run(&[&scenario], &order(6, 6, None, 2));
    let certainty = certainty(&replicated, &sections);
    let costs = replicated.readings[0].iter().map(|one| one.total("cost_total").expect("a cost"));
    let truth = costs.collect::<Sample>().interval(Confidence::P95);
    assert_eq!(certainty.total("cost_total").expect("it is told").bounds, Bounds::from(truth));
    assert_eq!((certainty.replications, certainty.notes.len()), (6, 0));
    // 300 answers are just about enough for a p99: not in each replication.
    let p99 = &certainty.total("ttft_p99").expect("it is told").bounds;
    assert!(matches!(p99, Bounds::TooFew { needed: 6, .. }), "{p99:?}");
}

#[test]
fn an_interval_ends_where_no_figure_can_be() {
    let found = Interval::around(0.1, 0.2, Confidence::P95);
    assert_eq!(found.possible(Unit::Share, &[0.0, 0.2]).low, 0.0);
    assert_eq!(Interval::around(0.9, 0.2, Confidence::P95).possible(Unit::Share, &[0.8, 1.0]).high, 1.0);
    assert_eq!(Interval::around(0.9, 0.2, Confidence::P95).possible(Unit::Usd, &[0.8, 1.0]).high, 1.1);
    assert!(found.possible(Unit::Usd, &[-0.1, 0.3]).low < 0.0);
}

#[test]
fn a_share_is_never_sure_to_be_below_nothing_or_above_all() {
    let scenario = usual();
    let sections = first(&scenario);
    let certainty = certainty(&run(&[&scenario], &order(3, 3, None, 2)), &sections);
    assert_eq!(certainty.notes.len(), 1, "three are few");
    for sure in certainty.figures.iter().filter(|sure| sure.unit == Unit::Share) {
        if let Bounds::Interval { low, high, .. } = sure.bounds {
            assert!(low >= 0.0 && high <= 1.0, "{sure:?}");
        }
    }
}

#[test]
fn replications_go_on_until_a_figure_is_known_as_well_as_was_asked_or_may_go_on_no_more() {
    let scenario = usual();
    let replicated = run(&[&scenario], &order(3, 200, Some("5%:e2e_mean"), 2));
    let (reached, interval) = replicated.reached.clone().expect("a precision was asked for");
    let interval = interval.expect("there is an interval");
    assert!(reached.is_reached && interval.half_width() <= 0.05 * interval.estimate, "{interval:?}");
    let have = replicated.readings[0].len();
    assert!((3..100).contains(&have), "{have}");
    // It is told as wide as looking again and again makes it.
    let certainty = certainty(&replicated, &first(&scenario));
    assert_eq!(certainty.total("e2e_mean").expect("it is told").bounds, Bounds::from(Ok(interval)));

    let replicated = run(&[&scenario], &order(3, 4, Some("0.01%"), 2));
    let (reached, _) = replicated.reached.expect("a precision was asked for");
    assert_eq!((reached.is_reached, replicated.readings[0].len()), (false, 4));
    assert_eq!(reached.asked, "0.01 %:cost_total");
}

#[test]
fn a_figure_that_there_is_not_in_each_replication_is_no_aim() {
    let scenario = usual();
    let order = order(3, 9, Some("1%:ttft_p999"), 2);
    let replicated = run(&[&scenario], &order);
    let certainty = certainty(&replicated, &first(&scenario));
    assert!(!certainty.precision.expect("one was asked for").is_reached);
    assert!(
        certainty.notes[0].contains("only 0 of 3 replications have such a figure"),
        "{:?}",
        certainty.notes
    );
}

#[test]
fn what_stops_early_tells_of_the_pairs_that_are_whole() {
    let scenario = usual();
    let sides = [&scenario, &scenario];
    let stopped = replicate(&sides, play_first(&sides), &order(9, 9, None, 1), || true, |_, _| ());
    assert_eq!(stopped.unwrap_or_else(|error| panic!("{error}")).readings, [vec![], vec![]]);
    let cut = replicate(&sides, || Ok(None), &order(9, 9, None, 2), || false, |_, _| ());
    assert_eq!(cut.unwrap_or_else(|error| panic!("{error}")).readings, [vec![], vec![]]);
}

#[test]
fn a_precision_is_a_share_of_a_figure_that_there_is() {
    for (text, message) in [
        ("1%:tftt_p99", "did you mean 'ttft_p99'?"),
        ("0%", "nothing is known to 0 %"),
        ("one", "is no share"),
        ("1%:verdict", "there is no figure 'verdict'"),
    ] {
        let error = text.parse::<Wanted>().unwrap_err();
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn a_scenario_differs_from_itself_by_nothing_and_common_chance_tells_small_differences() {
    let (a, dealt) = (usual(), scenario(OUTPUT, "router = \"round_robin\""));
    let sections = first(&a);
    let replicated = run(&[&a, &dealt], &order(4, 4, None, 2));
    let sides = [&replicated.readings[0][..], &replicated.readings[1][..]];
    let against = pairs::against(sides, &sections, "B".into(), unlike::between(&a, &dealt));
    assert_eq!(against.headline().as_deref(), Some("B costs the same"));
    assert!(against.unlike.is_empty(), "{:?}", against.unlike);

    // Answers longer by a token: some cents in a dollar that varies by more.
    let b = scenario(r#"output = { kind = "uniform", min = 2, max = 401 }"#, "");
    let replicated = run(&[&a, &b], &order(4, 4, None, 2));
    let sides = [&replicated.readings[0][..], &replicated.readings[1][..]];
    let against = pairs::against(sides, &sections, "B".into(), unlike::between(&a, &b));
    assert_eq!(against.unlike, ["class 'c' differs in `output`"]);
    let cost = against.figures.iter().find(|one| one.place.figure == "cost_total").expect("it is told");
    let Bounds::Interval { low, .. } = cost.difference else { panic!("{cost:?}") };
    assert!(low > 0.0 && cost.variance_ratio.expect("both vary") < 0.01, "{cost:?}");
    assert!(against.headline().expect("a month").starts_with("B costs $"), "{:?}", against.headline());
}
