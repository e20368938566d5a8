//! Plans against closed forms, and against all that could have been bought.

mod conclusions;
mod costs;
mod demand;
mod independence;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use tollgate::analytic::newsvendor::Newsvendor;
use tollgate::analytic::normal;
use tollgate::commitments::Throughput;
use tollgate::error::{Error, ExitCode};
use tollgate::plan::demand::{Asked, Demand};
use tollgate::plan::newsvendor::{Bracket, HOURS_PER_MONTH, cost_per_month};
use tollgate::plan::play::{Candidate, Purchase, Question};
use tollgate::plan::{self, Answer, Settings};
use tollgate::price::{Money, Term};
use tollgate::scenario::change::Change;
use tollgate::scenario::plan::{Offer, Tier};
use tollgate::scenario::{Draft, Scenario};
use tollgate::section::{Scope, ScopeKind, Value};
use tollgate::trial::Trial;
use tollgate::weight::Weight;

/// Hourly demand of mean 100 and deviation 30, a committed unit at 0.6 of what it serves by use.
const NORMAL: Newsvendor = Newsvendor { mean: 100.0, deviation: 30.0, committed: 0.6, metered: 1.0 };

/// Hours of the normal law, shrunk to six minutes each and shuffled; a unit serves a thousand tokens a minute, and a request keeps
/// twenty units busy for one.
fn scenario(capacity: &str, options: &str, rest: &str) -> String {
    let count = 50;
    let rate = |nth: usize| {
        let share = ((nth * 17 % count) as f64 + 0.5) / count as f64;
        (NORMAL.mean + NORMAL.deviation * normal::quantile(share).expect("a share within")) / 20.0 / 60.0
    };
    let steps: Vec<String> =
        (0..count).map(|nth| format!("{{ rate = {:.6}, for = \"6m\" }}", rate(nth))).collect();
    format!(
        r#"
        date = "2026-11-23"
        duration = "5h"
        arrivals = {{ kind = "steps", gaps = "constant", steps = [{}] }}
        {rest}
        [[classes]]
        name = "chat"
        input = {{ kind = "fixed", tokens = 19994 }}
        output = {{ kind = "fixed", tokens = 1 }}
        max_tokens = 1
        [[endpoints]]
        name = "bought"
        provider = "azure"
        model = "gpt-5.4"
        capacity = {{ unit = "ptu", units = 50, tokens_per_minute = 1000, {capacity} }}
        spillover = "by-use"
        latency = {{ kind = "fixed", ttft = "10ms" }}
        [[endpoints]]
        name = "by-use"
        provider = "azure"
        model = "gpt-5.4"
        price = {{ input = "10", output = "60" }}
        latency = {{ kind = "fixed", ttft = "20ms" }}
        [[plan.options]]
        endpoint = "bought"
        {options}
        "#,
        steps.join(", ")
    )
}

struct Case {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Case {
    fn new(text: &str) -> Case {
        let folder = tempfile::tempdir().expect("a folder for the scenario");
        let path = folder.path().join("case.toml");
        std::fs::write(&path, text).expect("the scenario is written");
        Case { _folder: folder, path }
    }

    fn plan(&self, threads: usize) -> Result<Answer, Error> {
        self.plan_with(threads, 1_000)
    }

    fn plan_with(&self, threads: usize, plays_max: usize) -> Result<Answer, Error> {
        self.plan_within(threads, plays_max, 4)
    }

    fn plan_within(&self, threads: usize, plays_max: usize, replications_max: u32) -> Result<Answer, Error> {
        let draft = Draft::open(&self.path, None)?;
        let make = |changes: &[Change]| draft.scenario(changes);
        let question = Question::new(&make)?;
        let threads = NonZeroUsize::new(threads).expect("a number of threads");
        let settings = Settings { threads, precision: 0.005, replications_max, plays_max };
        plan::answer(&question, settings, &mut |_| ())
    }

    /// The cost of a month of each purchase there is, by units, over the first replications.
    fn all(&self, replications: u32) -> Vec<(Vec<u32>, f64)> {
        let draft = Draft::open(&self.path, None).expect("the scenario is there");
        let make = |changes: &[Change]| draft.scenario(changes);
        let question = Question::new(&make).expect("the scenario has a plan");
        let mut places = vec![Vec::new()];
        for offer in &question.offers {
            let longer = |place: &Vec<usize>| {
                let place = place.clone();
                (0..offer.sizes()).map(move |size| [place.clone(), vec![size]].concat())
            };
            places = places.iter().flat_map(longer).collect();
        }
        let cost = |sizes: &Vec<usize>| {
            let candidate = Candidate::from(Purchase { route: 0, sizes: sizes.clone() });
            let play = |nth| Trial::play(&question.scenario(&candidate, nth).unwrap()).unwrap();
            let costs = (0..replications).map(|nth| play(nth).total("cost_per_month").unwrap());
            costs.sum::<f64>() / f64::from(replications)
        };
        places.iter().map(|sizes| (question.units(sizes), cost(sizes))).collect()
    }
}

fn scopes(answer: &Answer, kind: ScopeKind) -> impl Iterator<Item = &Scope> {
    answer.section.scopes.iter().filter(move |scope| scope.kind == kind)
}

fn number(answer: &Answer, kind: ScopeKind, scope: &str, name: &str) -> f64 {
    let figure = answer.section.figure(kind, scope, name).unwrap_or_else(|| panic!("{scope}: no {name}"));
    figure.value.as_f64().unwrap_or_else(|| panic!("{scope}: {name} is {:?}", figure.value))
}

fn text<'a>(answer: &'a Answer, name: &str) -> &'a str {
    match answer.section.total(name).map(|figure| &figure.value) {
        Some(Value::Text(text)) => text,
        other => panic!("{name} is {other:?}"),
    }
}

fn units(answer: &Answer) -> Vec<f64> {
    scopes(answer, ScopeKind::Purchase)
        .map(|scope| number(answer, scope.kind, &scope.name, "plan_units"))
        .collect()
}
