//! An answer that was read in time counts, however busy the loop was when its time ran out.
#![cfg(all(feature = "net", unix))]

use std::path::Path;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use tollgate::login::keyring::Keyring;
use tollgate::machines;
use tollgate::outcome::End;
use tollgate::outcome::Outcome;
use tollgate::run::{Input, Interrupts, Progress, run};
use tollgate::scenario::Scenario;
use tollgate::simulate::Flow;

use crate::support::attempt::*;
use crate::support::rogue::*;

#[test]
fn a_long_answer_read_in_time_is_done_although_another_was_recorded_past_its_deadline() {
    // The server has both requests before it answers, and both answers wait in the sockets before the client
    // reads: a short one, and one of many more events than are handled in a moment. The client does not read while it shows
    // where it stands, and it is not waited for there: it may still have a request to write.
    let (arrive, arrived) = channel();
    let addr = rogue(move |mut stream| {
        if read_request(&mut stream) {
            arrive.send(stream).expect("the test waits");
        }
    });
    let started = Instant::now();
    let (mut waiting, mut held) = (Vec::new(), Vec::new());
    let answer_both = |_: Progress| {
        waiting.extend(arrived.try_iter());
        if waiting.len() == 2 {
            for (events, mut stream) in [1, 3_000].into_iter().zip(waiting.drain(..)) {
                let body = LITTLE.repeat(events) + STREAM_END;
                send(&mut stream, format!("{STREAM_HEAD}{}0\r\n\r\n", chunk(&body)).as_bytes());
                held.push(stream);
            }
        }
    };
    let mut outcomes = Vec::new();
    let record = |outcome: &Outcome| {
        if outcomes.is_empty() {
            // The other's deadline passes meanwhile.
            std::thread::sleep(Duration::from_millis(1200).saturating_sub(started.elapsed()));
        }
        outcomes.push(outcome.clone());
        Flow::Continue
    };
    let input = Input {
        remotes: vec![remote(&format!("http://{addr}"))],
        keyring: Keyring::open(1),
        transport: transport(),
        grace: Duration::ZERO,
        interrupts: Interrupts::None,
    };
    let scenario = Scenario::parse(SCENARIO, Path::new("timely.toml")).unwrap_or_else(|e| panic!("{e}"));
    run(input, machines::dispatcher(&scenario), record, answer_both).unwrap();
    assert_eq!(outcomes.len(), 2);
    assert_eq!(outcomes.iter().map(|outcome| outcome.attempts[0].chunks).max(), Some(3_000));
    assert!(outcomes.iter().all(|outcome| outcome.end == End::Done), "{outcomes:?}");
}

const LITTLE: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n";

/// Two requests at the start, with a second each.
const SCENARIO: &str = "duration = \"100ms\"\n[arrivals]\nkind = \"constant\"\nrate = 20\n\
    [[classes]]\nname = \"c\"\ntimeout = \"1s\"\ninput = { kind = \"fixed\", tokens = 20 }\n\
    output = { kind = \"fixed\", tokens = 5 }\n\
    [[endpoints]]\nname = \"e\"\nprovider = \"openai\"\nmodel = \"m\"\nurl = \"http://127.0.0.1:1\"\n\
    price = { input = \"1\", output = \"1\" }\n";
