//! Many conversations have the figures that were measured, or that follow from their settings.

use std::time::Duration;

use super::*;

/// Figures of the coding assistant's conversations of kv-cache-tester: requests, lengths and pauses as measured over
/// its 710 conversations.
pub fn coding_agent() -> Class {
    class(
        "output = { kind = 'lognormal', median = 261, sigma = 0.895 }\n[session]\nkind = 'synthetic'\n\
         turns = { kind = 'exponential', mean = 69 }\ntool_share = 0.85\n\
         first_input = { kind = 'uniform', min = 18000, max = 25000 }\n\
         new_input = { kind = 'lognormal', median = 877, sigma = 1.21 }\n\
         think = { kind = 'lognormal', median = '135s', sigma = 1.74 }\n\
         think_after_tool = { kind = 'empirical', quantiles = [[0, '1s'], [0.1, '4s'], [0.25, '5s'], [0.5, '9s'], \
         [0.75, '17s'], [0.9, '67s'], [0.97, '5m'], [0.99, '607s'], [1, '2h']] }\n\
         system = { tokens = 15000 }\ncompaction = { above = 167000, to = 30000 }",
    )
}

/// Of many conversations: requests, prompt tokens, those that the prompt before or the system prompt had, pauses above
/// five minutes.
struct Drawn {
    conversations: u64,
    requests: u64,
    input: u64,
    shared: u64,
    long_pauses: u64,
    compactions: u64,
}

fn draw(class: &Class, conversations: u64) -> Drawn {
    let mut drawn = Drawn { conversations, requests: 0, input: 0, shared: 0, long_pauses: 0, compactions: 0 };
    let session = class.session.as_ref().unwrap();
    let draft = Draft { answers: class.answers(), max_tokens: u32::MAX, system_tokens: &|_| 15_000 };
    for nth in 0..conversations {
        let conversation = session.conversation(nth, &Rng::new(nth), &draft);
        let turns = &conversation.main.turns;
        drawn.requests += turns.len() as u64;
        drawn.input += turns.iter().map(|turn| u64::from(turn.input_tokens)).sum::<u64>();
        drawn.shared += 15_000;
        drawn.compactions += conversation.main.texts.len() as u64 - 1;
        for pair in turns.windows(2) {
            let goes_on = pair[0].beginning.text == pair[1].beginning.text;
            drawn.shared += u64::from(if goes_on { pair[0].input_tokens } else { 15_000 });
            drawn.long_pauses += u64::from(pair[1].think > Duration::from_secs(300));
        }
    }
    drawn
}

/// A mean over n draws of standard deviation s lies within 4.5 s / √n of the truth.
#[test]
fn a_coding_agent_has_the_measured_figures() {
    const N: u64 = 4000;
    let (class, drawn) = (coding_agent(), draw(&coding_agent(), N));
    let mean = drawn.requests as f64 / drawn.conversations as f64;
    assert!((mean - 69.0).abs() < 4.5 * 69.0 / (N as f64).sqrt(), "{mean}");
    assert!((class.session.as_ref().unwrap().requests_mean() - 69.0).abs() < 0.1);
    // 7.0 % of pauses outlast five minutes: 0.85 · 3 % + 0.15 · (1 − Φ((ln 300 − ln 135) / 1.74)) = 7.4 % here.
    let pauses = (drawn.requests - N) as f64;
    let long = drawn.long_pauses as f64 / pauses;
    assert!((long - 0.0737).abs() < 4.5 * (0.0737 * 0.9263 / pauses).sqrt(), "{long}");
    // 96.3 % of prompt tokens were in a prompt before; real conversations part from their text more often than by
    // compactions alone, of which there is one in about 170 calls.
    let hit = drawn.shared as f64 / drawn.input as f64;
    assert!((0.955..0.978).contains(&hit), "{hit}");
    let calls = drawn.requests as f64 / drawn.compactions as f64;
    assert!((85.0..170.0).contains(&calls), "{calls}");
}

/// A prompt of turn n, without compaction, is first + (n − 1) · (answer + new) on average.
#[test]
fn context_grows_by_answers_and_new_input() {
    let class = class(
        "output = { kind = 'uniform', min = 0, max = 200 }\n[session]\nkind = 'synthetic'\nthink = '1s'\n\
         turns = { kind = 'fixed', tokens = 50 }\nfirst_input = { kind = 'uniform', min = 500, max = 1500 }\n\
         new_input = { kind = 'uniform', min = 0, max = 600 }",
    );
    let draft = Draft { answers: class.answers(), max_tokens: u32::MAX, system_tokens: &|_| 0 };
    let last = |nth| {
        let conversation = class.session.as_ref().unwrap().conversation(nth, &Rng::new(nth), &draft);
        f64::from(conversation.main.turns[49].input_tokens)
    };
    let mean = (0..2000).map(last).sum::<f64>() / 2000.0;
    // The variance of 49 (answer + new) and a first: 49 (200² + 600²) / 12 + 1000² / 12.
    let sd = (49.0f64 * (200f64.powi(2) + 600f64.powi(2)) / 12.0 + 1e6 / 12.0).sqrt();
    assert!((mean - 20_600.0).abs() < 4.5 * sd / 2000f64.sqrt(), "{mean}");
}

#[test]
fn requests_of_sub_agents_are_expected_as_they_are_drawn() {
    let class = fixed(
        21,
        "tool_share = 0.5\nthink_after_tool = '3s'\nagents = { share = 0.25, turns = { kind = 'uniform', min = 2, max = 6 }, \
         count = { kind = 'uniform', min = 1, max = 3 }, first_input = { kind = 'fixed', tokens = 40 }, \
         new_input = { kind = 'fixed', tokens = 1 } }",
    );
    let session = class.session.as_ref().unwrap();
    // 21 turns; 20 answers, of which a quarter start 2 sub-agents of 4 turns.
    assert_eq!(session.requests_mean(), 21.0 + 20.0 * 0.25 * 2.0 * 4.0);
    let draft = Draft { answers: class.answers(), max_tokens: u32::MAX, system_tokens: &|_| 0 };
    let requests = |nth| session.conversation(nth, &Rng::new(nth), &draft).requests() as f64;
    let mean = (0..4000).map(requests).sum::<f64>() / 4000.0;
    // Each answer adds at most 18 with probability 1/4: a variance below 81 · 20.
    assert!((mean - 61.0).abs() < 4.5 * (81.0f64 * 20.0 / 4000.0).sqrt(), "{mean}");
}
