//! Poisson arrivals in real time: the planned gaps are the simulation's, and the gaps between sends are still exponential.
//!
//! With F(x) = 1 − exp(−λx) the law of the gaps, D the distance of n planned gaps from it (Kolmogorov and Smirnov's), and p
//! the share of gaps with an end that came more than δ late: the others are longer or shorter by δ at most, so of the gaps
//! as they came no smaller a share is up to x than F(x − δ) − D − p, and no larger than F(x + δ) + D + p. As F(x + δ) − F(x) is
//! F(δ) at most, they are no farther from the law than D + F(δ) + p, whichever δ is taken: the least of these is allowed.
#![cfg(feature = "net")]

use std::collections::BTreeMap;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tollgate::http::clock::Clock;
use tollgate::login::keyring::Keyring;
use tollgate::machines;
use tollgate::mock::Mock;
use tollgate::outcome::{End, Outcome};
use tollgate::providers::Target;
use tollgate::run::{Input, Interrupts, Remote, Transport, run};
use tollgate::scenario::Scenario;
use tollgate::simulate::{Flow, simulate};

const RATE: f64 = 200.0;

/// Of n gaps that are exponential one set in a hundred is farther than this / √n from the law.
const ONE_IN_A_HUNDRED: f64 = 1.628;

/// What is allowed for lateness where nothing but the client itself can have been late: that of a millisecond is F(1 ms) = 0.18.
const OF_THE_CLIENT: f64 = 0.2;

#[test]
fn gaps_between_sends_are_those_planned_and_exponential() {
    let scenario = scenario();
    let mut planned = Vec::new();
    simulate(&scenario, |outcome| {
        planned.push((outcome.request.id.0, outcome.intended.as_secs_f64()));
        Flow::Continue
    })
    .unwrap_or_else(|error| panic!("{error}"));
    planned.sort_by_key(|(id, _)| *id);
    let planned: Vec<f64> = planned.into_iter().map(|(_, at)| at).collect();
    let of_plan = distance(&planned);
    let critical = ONE_IN_A_HUNDRED / ((planned.len() - 1) as f64).sqrt();
    assert!(of_plan < critical, "planned gaps: {of_plan} and {critical}");
    for _ in 0..PLAYS_MAX {
        let Played { intended, sent, read, waiting } = play(&scenario);
        assert_eq!(intended, planned, "the plan is the simulation's, to the last bit");
        println!("other work had the client's processor for {waiting:?} of the time");
        for (what, times) in [("sent", &sent), ("read by the mock", &read)] {
            assert!(times.iter().zip(&planned).all(|(at, planned)| at >= planned), "{what} before its time");
            let (found, late) = (distance(times), lateness(times, &planned));
            println!("{what}: {found:.4} from the law, {of_plan:.4} planned, {late:.4} for lateness");
            assert!(found <= of_plan + late + ROUNDING, "{what}: {found}, {of_plan} and {late}");
        }
        assert!(sent.iter().zip(&read).all(|(sent, read)| sent <= read), "no send is after its arrival");
        // Where other work had the processor, its share in what was late cannot be told.
        if waiting.is_some_and(|share| share < QUIET) {
            let (found, late) = (distance(&sent), lateness(&sent, &planned));
            assert!(late < OF_THE_CLIENT, "the client itself was late: {late}");
            assert!(found < critical, "sent gaps: {found} and {critical}");
            return;
        }
    }
}

/// Instants in seconds, by request.
struct Played {
    intended: Vec<f64>,
    sent: Vec<f64>,
    /// By the mock.
    read: Vec<f64>,
    /// The share of time in which the client was ready and other work had its processor.
    waiting: Option<f64>,
}

fn play(scenario: &Scenario) -> Played {
    let clock = Clock::starting_in(Duration::from_millis(50));
    let log = Shared::default();
    let mock = Mock::new(scenario, |_| true, |_| Ok(Some(Vec::new()))).expect("its endpoint has a latency");
    let bound = mock.bind((Ipv4Addr::LOCALHOST, 0).into(), clock).expect("loopback has a free port");
    let mock = bound.logged(Box::new(log.clone())).embed().expect("a thread can be started");
    let remote = Remote {
        name: "e".into(),
        base_url: format!("{}/v1", mock.urls()[0]),
        target: Target::new("openai".parse().expect("a provider"), "m"),
        hints: true,
    };
    let input = Input {
        remotes: vec![remote],
        keyring: Keyring::open(1),
        transport: Transport::new(clock),
        grace: Duration::from_secs(20),
        interrupts: Interrupts::None,
    };
    let mut outcomes = BTreeMap::new();
    let record = |outcome: &Outcome| {
        assert_eq!((outcome.end, outcome.attempts.len()), (End::Done, 1), "{outcome:?}");
        outcomes.insert(outcome.request.id.0, (outcome.intended, outcome.attempts[0].sent));
        Flow::Continue
    };
    let ran =
        run(input, machines::dispatcher(scenario), record, |_| {}).unwrap_or_else(|error| panic!("{error}"));
    mock.finish();
    let log = String::from_utf8(log.0.lock().expect("nobody panicked").clone()).expect("text");
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[2].parse::<u64>().expect("a request"), cells[0].parse::<f64>().expect("a time"))
    };
    let read: BTreeMap<u64, f64> = log.lines().skip(1).map(row).collect();
    assert!(read.keys().eq(outcomes.keys()), "every request came once");
    Played {
        intended: outcomes.values().map(|(intended, _)| intended.as_secs_f64()).collect(),
        sent: outcomes.values().map(|(_, sent)| sent.as_secs_f64()).collect(),
        read: read.into_values().collect(),
        waiting: ran.harness.processor.and_then(|processor| processor.waiting),
    }
}

/// What the mock writes of its calls.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panicked").write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// How far the gaps between these instants are from the exponential law: Kolmogorov and Smirnov's distance.
fn distance(times: &[f64]) -> f64 {
    let mut gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_by(f64::total_cmp);
    let n = gaps.len() as f64;
    let of = |(nth, gap): (usize, &f64)| {
        let share = law(*gap);
        (share - nth as f64 / n).abs().max((share - (nth + 1) as f64 / n).abs())
    };
    gaps.iter().enumerate().map(of).fold(0.0, f64::max)
}

/// F(δ) + p, for the δ with which that is least.
fn lateness(times: &[f64], planned: &[f64]) -> f64 {
    let late: Vec<f64> = times.iter().zip(planned).map(|(at, planned)| at - planned).collect();
    let mut ends: Vec<f64> = late.windows(2).map(|pair| pair[0].max(pair[1])).collect();
    ends.sort_by(f64::total_cmp);
    let n = ends.len() as f64;
    let of = |(nth, most): (usize, &f64)| law(*most) + 1.0 - (nth + 1) as f64 / n;
    ends.iter().enumerate().map(of).fold(1.0, f64::min)
}

/// The share of gaps up to so many seconds.
fn law(secs: f64) -> f64 {
    1.0 - (-RATE * secs.max(0.0)).exp()
}

fn scenario() -> Scenario {
    let text = format!(
        "seed = 1\nduration = \"3s\"\narrivals = {{ kind = \"poisson\", rate = {RATE} }}\n\
         [[classes]]\nname = \"c\"\ninput = {{ kind = \"fixed\", tokens = 20 }}\n\
         output = {{ kind = \"fixed\", tokens = 2 }}\n\
         [[endpoints]]\nname = \"e\"\nprovider = \"openai\"\nmodel = \"m\"\n\
         latency = {{ kind = \"fixed\", ttft = \"2ms\", itl = \"1ms\" }}\nprice = {{ input = \"1\", output = \"1\" }}\n"
    );
    Scenario::parse(&text, Path::new("poisson.toml")).unwrap_or_else(|error| panic!("{error}"))
}

/// Until one is played while the machine has little else to do.
const PLAYS_MAX: u32 = 3;

/// With a smaller share of waiting than this, what was late is the client's.
const QUIET: f64 = 0.02;

/// Of times that are kept in nanoseconds, and written with as many digits.
const ROUNDING: f64 = 1e-6;
