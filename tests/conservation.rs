//! Whatever the scenario, every request is recorded once, every attempt ends once, and no stamp runs backwards.

mod support;

use proptest::prelude::*;
use tollgate::outcome::{Attempt, End, Ended, Outcome};
use tollgate::scenario::Scenario;
use tollgate::simulate::{Flow, simulate};
use tollgate::time::Instant;

fn play(scenario: &Scenario) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let played = simulate(scenario, |outcome| {
        outcomes.push(outcome.clone());
        Flow::Continue
    });
    let played = played.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(outcomes.len() as u64, played.requests);
    outcomes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_request_is_recorded_exactly_once(scenario in support::scenarios()) {
        let mut ids: Vec<u64> = play(&scenario).iter().map(|outcome| outcome.request.id.0).collect();
        ids.sort_unstable();
        let planned: Vec<u64> = (0..ids.len() as u64).collect();
        prop_assert_eq!(ids, planned);
    }

    #[test]
    fn every_end_agrees_with_its_attempts(scenario in support::scenarios()) {
        for outcome in play(&scenario) {
            let done = outcome.attempts.iter().filter(|attempt| attempt.ended == Ended::Done).count();
            prop_assert_eq!(done, usize::from(outcome.end == End::Done), "{:?}", outcome);
            prop_assert_eq!(outcome.answer().map(|answer| &answer.ended), (done > 0).then_some(&Ended::Done));
            prop_assert!(outcome.end == End::Shed || !outcome.attempts.is_empty());
            let attempts_max = scenario.retry.attempts_max() as usize + usize::from(scenario.hedge.is_some());
            prop_assert!(outcome.attempts.len() <= attempts_max, "{:?}", outcome);
        }
    }

    #[test]
    fn no_stamp_runs_backwards(scenario in support::scenarios()) {
        for outcome in play(&scenario) {
            for attempt in &outcome.attempts {
                let stamps = stamps(&outcome, attempt);
                prop_assert!(stamps.is_sorted(), "{:?} in {:?}", stamps, outcome);
            }
        }
    }

    #[test]
    fn an_answer_is_billed_for_what_was_asked_and_given(scenario in support::scenarios()) {
        for outcome in play(&scenario) {
            for attempt in &outcome.attempts {
                let usage = attempt.usage;
                let max = outcome.request.max_tokens.map_or(u64::MAX, u64::from);
                prop_assert!(usage.generated() <= max);
                match attempt.ended {
                    Ended::Done => prop_assert_eq!(usage.prompt(), u64::from(outcome.request.input_tokens)),
                    Ended::Rejected(_) => prop_assert_eq!((usage.prompt(), usage.generated()), (0, 0)),
                    _ => {}
                }
            }
        }
    }
}

/// Intended ≤ sent ≤ first token ≤ first text ≤ last token ≤ attempt's end ≤ request's end.
fn stamps(outcome: &Outcome, attempt: &Attempt) -> Vec<Instant> {
    let tokens = [attempt.first_token, attempt.first_text, attempt.last_token].into_iter().flatten();
    let ends = [attempt.finished, outcome.finished];
    [outcome.intended, attempt.sent].into_iter().chain(tokens).chain(ends).collect()
}
