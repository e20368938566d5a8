//! Whatever the scenario, every request is recorded once, every attempt ends once, and no stamp runs backwards.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use proptest::prelude::*;
use tollgate::client::safety::{Safety, Storm, StormStop};
use tollgate::number::{Share, Span};
use tollgate::outcome::{Attempt, End, Ended, Outcome};
use tollgate::scenario::Scenario;
use tollgate::simulate::{Flow, simulate};
use tollgate::time::Instant;

use crate::support;

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

    /// Each bound in turn, tight enough to be met.
    #[test]
    fn within_bounds_every_request_is_recorded_once_and_no_more_is_done(
        scenario in support::scenarios(), max in 1u32..30, which in 0usize..4
    ) {
        let mut scenario = scenario;
        let storm = Storm { errors: Share::new(0.3).expect("a share"), of_last: NonZeroU32::MIN };
        let in_flight_max = NonZeroU32::new(max);
        let time_max = Span(Duration::from_millis(u64::from(max) * 100));
        scenario.safety = [
            Safety { in_flight_max, ..Safety::default() },
            Safety { requests_max: NonZeroU64::new(max.into()), ..Safety::default() },
            Safety { storm: Some(StormStop::At(storm)), ..Safety::default() },
            Safety { time_max: Some(time_max), ..Safety::default() },
        ][which];
        let outcomes = play(&scenario);
        let mut ids: Vec<u64> = outcomes.iter().map(|outcome| outcome.request.id.0).collect();
        ids.sort_unstable();
        prop_assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "each once: {:?}", ids);
        let last = outcomes.iter().map(|outcome| outcome.finished).max();
        match which {
            0 => {
                let asked = |outcome: &&Outcome| outcome.end != End::Dropped;
                let starts = outcomes.iter().filter(asked).map(|outcome| (outcome.intended, 1));
                let ends = outcomes.iter().filter(asked).map(|outcome| (outcome.finished, -1));
                let mut steps: Vec<(Instant, i64)> = starts.chain(ends).collect();
                steps.sort_unstable();
                let there = steps.iter().scan(0, |there, (_, step)| { *there += step; Some(*there) });
                prop_assert!(there.max().unwrap_or(0) <= i64::from(max));
            }
            1 => prop_assert!(outcomes.len() <= max as usize),
            2 => {}
            _ => prop_assert!(last.is_none_or(|last| last <= Instant::START + time_max.get())),
        }
        for outcome in outcomes.iter().filter(|outcome| outcome.end == End::Dropped) {
            prop_assert!(which == 0 && outcome.attempts.is_empty() && outcome.finished == outcome.intended);
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
