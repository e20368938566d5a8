//! Alternatives in many worlds: expected costs, probabilities, regrets and tornadoes are those of the closed forms.

use std::num::NonZeroUsize;

use tollgate::error::{ExitCode, Result};
use tollgate::report::folder::Head;
use tollgate::report::summary::Host;
use tollgate::report::worlds::{self as report, Chosen, Worlds};
use tollgate::scenario::change::Change;
use tollgate::scenario::{Draft, Scenario};
use tollgate::worlds::{Answer, Question};

/// A minute like clockwork: 60 requests of $0.002 are $0.12, of which 43,800 make a month: $5,256. By the hour it is
/// 730 · $15 = $10,950.
const TWO_WAYS: &str = r#"
    duration = "1m"
    arrivals = { kind = "constant", rate = 1 }

    [[classes]]
    name = "chat"
    input = { kind = "fixed", tokens = 1_000 }
    output = { kind = "fixed", tokens = 10 }

    [[endpoints]]
    name = "by-token"
    provider = "openai"
    model = "m"
    latency = { kind = "fixed", ttft = "300ms", itl = "5ms" }
    price = { input = "2", output = "0" }

    [[endpoints]]
    name = "by-hour"
    provider = "openai"
    model = "m"
    latency = { kind = "fixed", ttft = "300ms", itl = "5ms" }
    price = { per_hour = "15" }

    [[alternatives]]
    name = "token"
    set = ['endpoints.by-hour.price={ input = "0", output = "0" }', 'classes.chat.exclude=["by-hour"]']

    [[alternatives]]
    name = "hour"
    set = ['classes.chat.exclude=["by-token"]']
"#;

const MONTH_BY_TOKEN: f64 = 5_256.0;
const MONTH_BY_HOUR: f64 = 10_950.0;

/// Chance in arrivals and lengths, and two alternatives that differ by $1 an hour.
const BY_CHANCE: &str = r#"
    duration = "36s"
    arrivals = { kind = "poisson", rate = 4 }
    thresholds = ["e2e_mean < 500ms"]

    [[classes]]
    name = "chat"
    input = { kind = "lognormal", median = 500, sigma = 1 }
    output = { kind = "fixed", tokens = 20 }

    [[endpoints]]
    name = "one"
    provider = "openai"
    model = "m"
    latency = { kind = "fixed", ttft = "300ms", itl = "5ms" }
    price = { input = "2", output = "8", per_hour = "1" }

    [[alternatives]]
    name = "dear"
    set = ["endpoints.one.price.per_hour=2"]

    [[alternatives]]
    name = "cheap"

    [[alternatives]]
    name = "just as cheap"

    [[alternatives]]
    name = "slow"
    set = ["endpoints.one.latency.ttft=450ms"]
"#;

const UNCERTAIN_LOAD: &str = "[uncertain]\ninputs = [{ key = \"load\", low = 1, high = 3 }]\n";
const UNCERTAIN_PRICE: &str = "[uncertain]\ninputs = [{ key = \"prices.by-token\", low = 1, high = 3 }]\n";

fn draft(text: &str) -> Draft {
    let folder = tempfile::tempdir().expect("a folder is made");
    let path = folder.path().join("scenario.toml");
    std::fs::write(&path, text).expect("the scenario is written");
    Draft::open(&path, None).expect("the scenario is read")
}

fn ask(text: &str, worlds: Option<u32>, threads: usize) -> Result<Answer> {
    let draft = draft(text);
    let make = |changes: &[Change]| -> Result<Scenario> { draft.scenario(changes) };
    let threads = NonZeroUsize::new(threads).expect("a number of threads");
    let question = Question::new(&make, &|| Ok(()), worlds, threads)?;
    let mut last = 0;
    let answer = question.answer(&mut |done| last = done)?;
    assert_eq!(last, question.plays());
    Ok(answer)
}

fn chosen<'a>(answer: &'a Answer, name: &str) -> &'a Chosen {
    answer.told.chosen(name).unwrap_or_else(|| panic!("there is no {name}"))
}

/// The price p is uniform in 1..3, cut into ten parts of 0.2 by each hypercube. By the token is cheaper up to p = 10950/5256
/// = 2.0833: in five parts always, in one by chance, in four never. A part's price is within 0.1 of its middle.
#[test]
fn costs_probabilities_and_regrets_are_those_of_the_law_of_the_price() {
    let answer = ask(&[TWO_WAYS, UNCERTAIN_PRICE].concat(), None, 2).unwrap();
    assert_eq!((answer.told.worlds, answer.rows.len()), (100, 100));
    let (token, hour) = (chosen(&answer, "token"), chosen(&answer, "hour"));
    let within = 0.1 * MONTH_BY_TOKEN;
    let is_near = |found: f64, truth: f64| assert!((found - truth).abs() < within, "{found} for {truth}");
    is_near(token.cost.mean, 2.0 * MONTH_BY_TOKEN);
    let (low, high) = token.cost.interval.unwrap();
    assert!(low < 2.0 * MONTH_BY_TOKEN && 2.0 * MONTH_BY_TOKEN < high && high - low < within, "{low} {high}");
    assert_eq!((hour.cost.mean, hour.cost.interval), (MONTH_BY_HOUR, Some((MONTH_BY_HOUR, MONTH_BY_HOUR))));
    is_near(token.quantiles[50], 2.0 * MONTH_BY_TOKEN);
    is_near(token.quantiles[90], 2.8 * MONTH_BY_TOKEN);
    let pair = answer.told.pair("token", "hour").unwrap();
    let cheaper = pair.cheaper.unwrap();
    assert!((0.5..=0.6).contains(&cheaper.share), "{cheaper:?}");
    assert!(cheaper.low < 0.5417 && 0.5417 < cheaper.high, "{cheaper:?}");
    assert!((pair.saved.mean - (MONTH_BY_HOUR - token.cost.mean)).abs() < 1e-6);
    // ∫ (p − 2.0833) / 2 dp from 2.0833 to 3, and the same below.
    let apart = MONTH_BY_HOUR / MONTH_BY_TOKEN;
    is_near(token.regret.mean, MONTH_BY_TOKEN * (3.0 - apart).powi(2) / 4.0);
    is_near(hour.regret.mean, MONTH_BY_TOKEN * (apart - 1.0).powi(2) / 4.0);
    is_near(token.regret_max, MONTH_BY_TOKEN * (2.9 - apart));
    is_near(hour.regret_max, MONTH_BY_TOKEN * (apart - 1.1));
    is_near(token.regret_p95, MONTH_BY_TOKEN * (2.9 - apart));
    assert_eq!((answer.told.ranking[0].as_str(), answer.told.minimax.as_str()), ("token", "token"));
    assert!((token.cheapest.unwrap().share + hour.cheapest.unwrap().share - 1.0).abs() < 1e-12);
}

#[test]
fn a_tornado_holds_one_input_at_its_p10_and_p90_and_all_others_at_their_likely_values() {
    let inputs = r#"
        [uncertain]
        inputs = [
            { key = "output_tokens", low = 1, high = 3 },
            { key = "prices.by-token", low = 1, high = 3 },
            { key = "input_tokens", low = 1, likely = 1, high = 2 },
        ]
    "#;
    let answer = ask(&[TWO_WAYS, inputs].concat(), Some(20), 2).unwrap();
    let found = answer.told.tornado.as_ref().unwrap();
    let is_near = |found: f64, truth: f64| {
        assert!((found - truth).abs() < 1e-6 * truth.abs().max(1.0), "{found} for {truth}")
    };
    assert_eq!((found.best.as_str(), found.second.as_deref()), ("hour", Some("token")));
    is_near(found.cost, MONTH_BY_HOUR);
    is_near(found.saved.unwrap(), 2.0 * MONTH_BY_TOKEN - MONTH_BY_HOUR);
    let [output, price, input] = &found.bars[..] else { panic!("{:?}", found.bars) };
    assert_eq!((output.low.as_str(), output.high.as_str()), ("1.2", "2.8"));
    assert_eq!(output.saved.unwrap(), (found.saved.unwrap(), found.saved.unwrap()));
    is_near(price.saved.unwrap().0, 1.2 * MONTH_BY_TOKEN - MONTH_BY_HOUR);
    is_near(price.saved.unwrap().1, 2.8 * MONTH_BY_TOKEN - MONTH_BY_HOUR);
    // Q(0.9) of the triangle 1, 1, 2 is 2 − √0.1 = 1.683772; 1,684 tokens.
    is_near(input.saved.unwrap().1, 2.0 * MONTH_BY_TOKEN * 1.684 - MONTH_BY_HOUR);
    is_near(price.cost.1, MONTH_BY_HOUR);
}

/// A rate within 1..3 asks for 60 to 180 requests, give or take one.
#[test]
fn cost_is_linear_in_the_load() {
    let answer = ask(&[TWO_WAYS, UNCERTAIN_LOAD].concat(), Some(20), 1).unwrap();
    for row in &answer.rows {
        let load: f64 = row.values[0].parse().unwrap();
        let cost = row.costs[0].as_dollars_f64();
        assert!((cost - load * MONTH_BY_TOKEN).abs() <= 1.01 * MONTH_BY_TOKEN / 60.0, "{load}: {cost}");
        assert_eq!(row.costs[1].as_dollars_f64(), MONTH_BY_HOUR);
    }
}

/// They meet the same requests, so that what they cost differs by the hour's price in each world: 730 · $1.
#[test]
fn alternatives_meet_the_same_chance_in_each_world() {
    let answer = ask(&[BY_CHANCE, UNCERTAIN_LOAD].concat(), Some(20), 2).unwrap();
    let pair = |a, b| answer.told.pair(a, b).unwrap();
    let saved = pair("cheap", "dear").saved;
    let (low, high) = saved.interval.unwrap();
    assert!((saved.mean - 730.0).abs() < 1e-6 && high - low < 1e-6, "{saved:?}");
    assert_eq!(pair("cheap", "dear").cheaper.unwrap().share, 1.0);
    assert_eq!(pair("dear", "cheap").cheaper.unwrap().share, 0.0);
    let alike = pair("cheap", "just as cheap");
    assert_eq!((alike.saved.mean, alike.cheaper.unwrap().share), (0.0, 0.0));
    for name in ["cheap", "just as cheap"] {
        let regret = chosen(&answer, name).regret_max;
        assert_eq!((chosen(&answer, name).cheapest.unwrap().share, regret), (1.0, 0.0));
    }
    assert!((chosen(&answer, "dear").regret_max - 730.0).abs() < 1e-6);
    let worlds: std::collections::BTreeSet<u32> = answer.rows.iter().map(|row| row.seed).collect();
    assert_eq!(worlds.len(), 20);
}

/// 300 ms and 20 tokens are 395 ms; 450 ms are 545.
#[test]
fn an_alternative_that_misses_a_threshold_is_named() {
    let answer = ask(&[BY_CHANCE, UNCERTAIN_LOAD].concat(), Some(20), 2).unwrap();
    assert_eq!(chosen(&answer, "cheap").met.unwrap().share, 1.0);
    assert_eq!(chosen(&answer, "slow").met.unwrap().share, 0.0);
    assert_eq!(
        answer.told.notes,
        ["slow misses a threshold in 20 of 20 worlds; what it costs there buys less"]
    );
}

#[test]
fn any_number_of_threads_finds_the_same() {
    let text = [BY_CHANCE, UNCERTAIN_LOAD].concat();
    let [one, three] = [1, 3].map(|threads| ask(&text, Some(20), threads).unwrap());
    assert_eq!((one.told, one.rows), (three.told, three.rows));
}

#[test]
fn a_scenario_without_alternatives_is_its_own() {
    let text = TWO_WAYS.split("[[alternatives]]").next().unwrap();
    let answer = ask(&[text, UNCERTAIN_LOAD].concat(), Some(21), 1).unwrap();
    assert_eq!((answer.told.worlds, answer.told.ranking), (30, vec!["as written".to_string()]));
    assert!(answer.told.tornado.is_some_and(|found| found.second.is_none()));
}

/// On average the price is 7/3: $12,264 by the token, and $13,140 by the hour. Most likely it is 3.
#[test]
fn the_answer_says_who_is_ahead_where_all_is_most_likely_and_what_turns_it() {
    let likely = UNCERTAIN_PRICE.replace("low = 1, high = 3", "low = 1, likely = 3, high = 3");
    let cheap = TWO_WAYS.replace("per_hour = \"15\"", "per_hour = \"18\"");
    let answer = ask(&[&cheap, &*likely].concat(), Some(20), 2).unwrap();
    let worlds = told(answer);
    let view = report::view(&worlds, std::path::Path::new("results"));
    let said = "where all is most likely, hour is cheaper, and token is at prices.by-token = 1.63";
    assert!(view.contains("token has the least expected cost") && view.contains(said), "{view}");
}

#[test]
fn what_cannot_be_asked_is_refused_before_anything_is_played() {
    let wrong = |text: &str, worlds| {
        let error = ask(text, worlds, 1).err().expect("it is refused");
        assert_eq!(error.code, ExitCode::Usage);
        error.to_string()
    };
    assert!(wrong(TWO_WAYS.split("[[alternatives]]").next().unwrap(), None).contains("no [uncertain]"));
    let text = [TWO_WAYS, UNCERTAIN_LOAD].concat();
    assert!(wrong(&text, Some(19)).contains("give 20 to 10000"));
    let unknown = text.replace("classes.chat.exclude", "classes.chats.exclude");
    assert!(wrong(&unknown, None).contains("there is no classes.chats"));
    let unknown = text.replace("\"load\"", "\"endpoints.nowhere.weight\"");
    assert!(wrong(&unknown, None).contains("there is no endpoints.nowhere"));
}

fn told(answer: Answer) -> Worlds {
    Worlds {
        head: Head {
            schema: report::SCHEMA,
            verb: report::VERB.into(),
            scenario: "two-ways".into(),
            question: "Which?".into(),
            seed: 1,
            version: "1".into(),
        },
        scenario_sha256: "a".into(),
        catalogue_sha256: "b".into(),
        told: answer.told,
        host: Host { started: "now".into(), wall_secs: 1.0, os: "os".into(), arch: "arch".into(), cpus: 1 },
    }
}

#[test]
fn what_is_written_can_be_read_and_drawn_again() {
    let text = [TWO_WAYS, UNCERTAIN_PRICE].concat();
    let answer = ask(&text, Some(20), 2).unwrap();
    let scenario = draft(&text).scenario(&[]).unwrap();
    let written = toml::to_string(&scenario).unwrap();
    let again = draft(&written).scenario(&[]).unwrap();
    assert_eq!((&again.uncertain, &again.alternatives), (&scenario.uncertain, &scenario.alternatives));
    let folder = tempfile::tempdir().unwrap();
    let rows = answer.rows.clone();
    let worlds = told(answer);
    report::write_rows(folder.path(), &worlds.told, &rows).unwrap();
    report::write_all(folder.path(), &worlds, &written).unwrap();
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let files = [
        "summary.json",
        "report.html",
        "plots/tornado_saved.svg",
        "plots/regret.svg",
        "plots/cost_by_world.png",
    ];
    let before = files.map(read);
    assert_eq!(report::render_again(folder.path()).unwrap(), Some(worlds));
    assert!(before == files.map(read));
    let rows = String::from_utf8(read(report::FILE)).unwrap();
    let head = "world,seed,prices.by-token,cost_per_month:token,cost_per_month:hour,refused_share:token,\
                refused_share:hour,thresholds_hold:token,thresholds_hold:hour";
    assert_eq!((rows.lines().next(), rows.lines().count()), (Some(head), 21));
}
