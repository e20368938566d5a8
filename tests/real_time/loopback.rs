//! The mock behind a real socket: for a raw client, and for a run that is compared with its simulation.
#![cfg(feature = "net")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use tollgate::http::client::{Remote, Transport};
use tollgate::http::clock::Clock;
use tollgate::login::keyring::Keyring;
use tollgate::machines;
use tollgate::mock::{Embedded, Mock};
use tollgate::outcome::{End, Ended, Outcome};
use tollgate::price::{Price, Tariff};
use tollgate::providers::PROVIDERS;
use tollgate::providers::target::MARKING;
use tollgate::run::{Ending, Input, Interrupts, Progress, Ran, run};
use tollgate::scenario::{EndpointSpec, Scenario};
use tollgate::simulate::{Flow, simulate};
use tollgate::wire::{FaultKind, Usage};

#[test]
fn a_run_against_the_mock_is_the_simulation_and_never_early() {
    let scenario = scenario(
        "arrivals = { kind = \"poisson\", rate = 400 }",
        "output = { kind = \"uniform\", min = 0, max = 20 }\nreasoning = { kind = \"fixed\", tokens = 3 }",
        &["", ""],
    );
    let mut simulated = Vec::new();
    simulate(&scenario, |outcome| {
        simulated.push(outcome.clone());
        Flow::Continue
    })
    .unwrap();
    let mut ran = play(&scenario);
    for outcomes in [&mut simulated, &mut ran] {
        outcomes.sort_by_key(|outcome| outcome.request.id);
    }
    assert_eq!(simulated.len(), ran.len());
    for (simulated, ran) in simulated.iter().zip(&ran) {
        assert_eq!(ran.request, simulated.request);
        assert_eq!((ran.intended, ran.end), (simulated.intended, End::Done));
        let (theirs, ours) = (simulated.answer().unwrap(), ran.answer().unwrap());
        assert_eq!((ours.endpoint, ours.usage, ours.is_cut), (theirs.endpoint, theirs.usage, theirs.is_cut));
        assert!(ours.first_token >= theirs.first_token && ours.last_token >= theirs.last_token);
        assert!(ran.finished >= simulated.finished);
        assert_eq!(u64::from(ours.chunks), ours.usage.generated(), "one event for each token");
    }
}

/// Every provider in every dialect: what was sent, what came back, what caches did for it and what it costs are the
/// simulation's.
#[test]
fn a_run_is_the_simulation_in_every_protocol() {
    let rows = PROVIDERS
        .iter()
        .flat_map(|(provider, speaks)| speaks.dialects().iter().map(move |dialect| (*provider, *dialect)));
    let endpoints: String = rows
        .enumerate()
        .map(|(index, (provider, dialect))| {
            let breakpoints = if MARKING.contains(&dialect) { "explicit" } else { "automatic" };
            format!(
                "[[endpoints]]\nname = \"e{index}\"\nprovider = \"{provider}\"\ndialect = \"{dialect}\"\n\
                 cache = {{ ttl = \"1m\", ttl_long = \"1h\", min_tokens = 8, step = 4, counts_writes = true, \
                 breakpoints = \"{breakpoints}\" }}\nmodel = \"m-1\"\nlatency = {{ kind = \"fixed\", ttft = \"5ms\", itl = \"1ms\" }}\n\
                 price = {{ input = \"1\", output = \"1\" }}\n"
            )
        })
        .collect();
    for (stream, ttl) in [(true, "long"), (false, "short")] {
        let text = format!(
            "duration = \"1s\"\nrouter = \"round_robin\"\narrivals = {{ kind = \"constant\", rate = 100 }}\n\
             [[classes]]\nname = \"c\"\nstream = {stream}\nmax_tokens = 16\n\
             prefix = {{ tokens = 30, groups = 2, ttl = \"{ttl}\" }}\n\
             input = {{ kind = \"uniform\", min = 1, max = 90 }}\n\
             output = {{ kind = \"uniform\", min = 1, max = 24 }}\n\
             reasoning = {{ kind = \"uniform\", min = 0, max = 4 }}\n{endpoints}"
        );
        let scenario =
            Scenario::parse(&text, Path::new("rows.toml")).unwrap_or_else(|error| panic!("{error}"));
        let mut simulated = Vec::new();
        simulate(&scenario, |outcome| {
            simulated.push(outcome.clone());
            Flow::Continue
        })
        .unwrap();
        let mut ran = play(&scenario);
        for outcomes in [&mut simulated, &mut ran] {
            outcomes.sort_by_key(|outcome| outcome.request.id);
        }
        assert_eq!(simulated.len(), ran.len());
        for (simulated, ran) in simulated.iter().zip(&ran) {
            let spec = &scenario.endpoints[usize::from(simulated.attempts[0].endpoint.0)];
            let row = format!("{} {}", spec.provider.name(), spec.dialect().name());
            assert_eq!((ran.end, ran.attempts.len()), (End::Done, 1), "{row}: {ran:?}");
            let (theirs, ours) = (simulated.answer().unwrap(), ran.answer().unwrap());
            assert_eq!(
                (ours.endpoint, ours.usage, ours.is_cut),
                (theirs.endpoint, theirs.usage, theirs.is_cut),
                "{row}"
            );
            assert!(ours.first_token >= theirs.first_token && ran.finished >= simulated.finished, "{row}");
            assert!(ours.raw_usage.is_some(), "{row}");
        }
        let of = |part: fn(&Usage) -> u32| ran.iter().map(|ran| part(&ran.answer().unwrap().usage)).max();
        assert!(of(|usage| usage.cache_read) > Some(0) && of(|usage| usage.cache_write) > Some(0));
        assert_eq!(of(|usage| usage.cache_write_long) > Some(0), ttl == "long");
    }
}

#[test]
fn a_run_sends_nothing_once_its_budget_is_spent() {
    // An answer is 10 tokens in and 20 out, a dollar each.
    let mut scenario = scenario(
        "arrivals = { kind = \"constant\", rate = 200 }\nbudget = { max = \"600\" }",
        "output = { kind = \"fixed\", tokens = 20 }\nmax_tokens = 20",
        &[""],
    );
    let dollar = "1000000".parse().ok();
    scenario.endpoints[0].tariff = Tariff::fixed(Price { input: dollar, output: dollar, ..Price::default() });
    let mut outcomes = Vec::new();
    let record = |outcome: &Outcome| {
        outcomes.push(outcome.clone());
        Flow::Continue
    };
    let ran = play_with(&scenario, record, |_| {});
    assert_eq!(ran.spent.len(), 1);
    // The twentieth answer spends it. What came after was in flight then.
    let outcomes: Vec<Outcome> = outcomes;
    assert!(outcomes.len() < 100, "{} of more than 100 planned", outcomes.len());
    // It is billed once the driver looks at it, which is after it was read.
    assert!(outcomes[19].finished <= ran.stopped, "{:?}", ran.stopped);
    let late = outcomes[20..].iter().flat_map(|outcome| &outcome.attempts);
    assert!(late.into_iter().all(|attempt| attempt.sent <= ran.stopped));
}

#[test]
fn answers_in_one_piece_are_the_simulations_too() {
    let scenario = scenario(
        "arrivals = { kind = \"constant\", rate = 100 }",
        "output = { kind = \"fixed\", tokens = 7 }\nstream = false",
        &[""],
    );
    let outcomes = play(&scenario);
    assert!(!outcomes.is_empty());
    for outcome in &outcomes {
        let answer = outcome.answer().expect("nothing refuses");
        assert_eq!((answer.usage.input, answer.usage.output, answer.chunks), (10, 7, 1));
    }
}

#[test]
fn refusals_fail_over_and_outages_cut_streams() {
    let outage =
        "{ kind = \"outage\", windows = [{ from = \"100ms\", for = \"200ms\" }], break_streams = true }";
    let scenario = scenario(
        "retry = { kind = \"exponential\", attempts_max = 2 }\narrivals = { kind = \"constant\", rate = 100 }",
        "output = { kind = \"fixed\", tokens = 40 }",
        &[outage, ""],
    );
    let outcomes = play(&scenario);
    assert!(outcomes.iter().all(|outcome| outcome.end == End::Done), "the second endpoint is always there");
    let first: Vec<_> = outcomes.iter().map(|outcome| &outcome.attempts[0].ended).collect();
    assert!(first.iter().any(|ended| matches!(ended, Ended::Rejected(_))));
    let is_cut = |ended: &&Ended| matches!(ended, Ended::Broken(fault) if fault.kind == FaultKind::Truncated);
    let cut = first.iter().filter(|ended| is_cut(ended)).count();
    assert!(cut > 0, "streams under way at 100 ms break: {first:?}");
}

#[test]
fn a_run_shows_where_it_stands_and_stops_its_arrivals_when_told() {
    let scenario = scenario("arrivals = { kind = \"constant\", rate = 100 }", OUTPUT, &[""]);
    let mut shown = Vec::new();
    let ran = play_with(&scenario, |_| Flow::Continue, |progress| shown.push(progress));
    assert!(shown.len() >= 3, "at the start, in between and at the end: {shown:?}");
    let last = shown.last().unwrap();
    assert_eq!((last.asked, last.done, last.in_flight, last.now), (ran.requests, ran.requests, 0, ran.ended));
    let stopped = play_with(&scenario, |_| Flow::Stop, |_| {});
    assert_eq!(stopped.ending, Ending::Complete);
    assert!((1..ran.requests).contains(&stopped.requests), "{} of {}", stopped.requests, ran.requests);
}

#[test]
fn every_endpoint_has_its_prefix_and_a_lone_one_also_the_root() {
    let two = embed(&scenario(ARRIVALS, OUTPUT, &["", ""]));
    for (path, status) in [
        ("/e0/v1/chat/completions", 200),
        ("/e1/chat/completions", 200),
        ("/e1/nothing", 404),
        ("/v1/chat/completions", 404),
        ("/", 404),
        ("/e", 404),
    ] {
        assert_eq!(post(two.addr(), path, ASK).0, status, "{path}");
    }
    let (_, text) = post(two.addr(), "/v1/chat/completions", ASK);
    assert!(text.contains("there are: /e0, /e1"), "{text}");
    assert_eq!(two.urls()[1], format!("http://{}/e1", two.addr()));
    let one = embed(&scenario(ARRIVALS, OUTPUT, &[""]));
    for path in ["/e0/v1/chat/completions", "/v1/chat/completions"] {
        assert_eq!(post(one.addr(), path, ASK).0, 200, "{path}");
    }
}

#[test]
fn a_foreign_call_gets_an_answer_of_the_scenarios_classes() {
    let mock = embed(&scenario(ARRIVALS, "output = { kind = \"fixed\", tokens = 9 }", &[""]));
    let (status, text) = post(mock.addr(), "/v1/chat/completions", ASK);
    assert_eq!(status, 200);
    assert!(text.contains("\"completion_tokens\":9"), "{text}");
    let (_, text) = post(mock.addr(), "/v1/chat/completions", &ASK.replace("]}", "],\"stream\":true}"));
    assert!(text.contains("[DONE]") && text.matches("\"content\":\" ").count() == 9, "{text}");
}

/// A mock of one endpoint with this cache, and what each of two calls of a client that knows nothing of us is told.
fn usages(cache: &str, bodies: [String; 2]) -> [String; 2] {
    let mut scenario = scenario(ARRIVALS, OUTPUT, &[""]);
    let table: toml::Table = toml::from_str(&format!("cache = {cache}")).unwrap();
    scenario.endpoints[0].cache = Some(table["cache"].clone().try_into().unwrap());
    let mock = embed(&scenario);
    bodies.map(|body| {
        let (status, text) = post(mock.addr(), "/v1/chat/completions", &body);
        assert_eq!(status, 200, "{text}");
        text
    })
}

#[test]
fn a_foreign_clients_prompts_are_cached_by_their_common_beginning() {
    let system = "You are terse. ".repeat(400);
    let body = |question: &str| {
        format!(
            r#"{{"model":"m","messages":[{{"role":"system","content":"{system}"}},{{"role":"user","content":"{question}"}}]}}"#
        )
    };
    let [first, second] = usages("\"openai\"", [body("Why?"), body("How so?")]);
    assert!(first.contains("\"cached_tokens\":0,"), "{first}");
    // 6000 characters are about 1500 tokens: eleven steps of 128.
    assert!(second.contains("\"cached_tokens\":1408,\"cache_write_tokens\":0"), "{second}");
    let [_, other] = usages("\"openai\"", [body("Why?"), body("How so?").replacen("You", "Who", 1)]);
    assert!(other.contains("\"cached_tokens\":0,"), "{other}");
}

#[test]
fn a_foreign_clients_breakpoint_says_what_is_cached() {
    let system = "You are terse. ".repeat(400);
    let body = |question: &str| {
        format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":[{{"type":"text","text":"{system}","prompt_cache_breakpoint":{{"mode":"explicit"}}}},{{"type":"text","text":"{question}"}}]}}]}}"#
        )
    };
    let [first, second] = usages("\"openai-5.6\"", [body("Why?"), body("How so?")]);
    assert!(first.contains("\"cached_tokens\":0,\"cache_write_tokens\":1500"), "{first}");
    assert!(second.contains("\"cached_tokens\":1500,\"cache_write_tokens\":0"), "{second}");
    let plain =
        |question: &str| body(question).replace(r#","prompt_cache_breakpoint":{"mode":"explicit"}"#, "");
    let [_, unmarked] = usages("\"openai-5.6\"", [plain("Why?"), plain("How so?")]);
    assert!(unmarked.contains("\"cached_tokens\":0,\"cache_write_tokens\":0"), "{unmarked}");
}

#[test]
fn a_call_that_is_too_large_or_no_call_is_refused() {
    let mock = embed(&scenario(ARRIVALS, OUTPUT, &[""]));
    assert_eq!(post(mock.addr(), "/v1/chat/completions", "{").0, 400);
    let mut stream = TcpStream::connect(mock.addr()).unwrap();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 67108865\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[test]
fn a_client_that_leaves_frees_its_place() {
    let limit = "{ kind = \"concurrency\", max = 1, queue_max = 0 }";
    let mock = embed(&scenario(ARRIVALS, "output = { kind = \"fixed\", tokens = 100000 }", &[limit]));
    let ask = ASK.replace("]}", "],\"stream\":true}");
    for _ in 0..3 {
        let mut stream = TcpStream::connect(mock.addr()).unwrap();
        write_call(&mut stream, "/v1/chat/completions", &ask);
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        assert_eq!(post(mock.addr(), "/v1/chat/completions", &ask).0, 429, "the only place is taken");
        drop(stream);
        // The close has to cross the loopback; nothing else says that it has.
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_mock_that_is_dropped_listens_no_more() {
    let mock = embed(&scenario(ARRIVALS, OUTPUT, &[""]));
    let addr = mock.addr();
    assert_eq!(post(addr, "/v1/chat/completions", ASK).0, 200);
    let lateness = mock.finish();
    assert!(lateness.count() > 0);
    assert!(TcpStream::connect(addr).is_err());
}

const ARRIVALS: &str = "arrivals = { kind = \"constant\", rate = 1 }";
const OUTPUT: &str = "output = { kind = \"fixed\", tokens = 2 }";
const ASK: &str = r#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#;

/// A scenario of half a second with one class, and an endpoint with each of `limits`.
fn scenario(head: &str, class: &str, limits: &[&str]) -> Scenario {
    let endpoints: String = (0..)
        .zip(limits)
        .map(|(index, limit): (u32, &&str)| {
            format!(
                "[[endpoints]]\nname = \"e{index}\"\nprovider = \"openai\"\nmodel = \"m\"\nlimits = [{limit}]\n\
                 latency = {{ kind = \"fixed\", ttft = \"5ms\", itl = \"1ms\" }}\n\
                 price = {{ input = \"1\", output = \"1\" }}\n"
            )
        })
        .collect();
    let text = format!(
        "duration = \"500ms\"\n{head}\n[[classes]]\nname = \"c\"\ntimeout = \"20s\"\n\
         input = {{ kind = \"fixed\", tokens = 10 }}\n{class}\n{endpoints}"
    );
    Scenario::parse(&text, Path::new("loopback.toml")).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn mock(scenario: &Scenario) -> Mock {
    Mock::new(scenario, |_| true, |_| Ok(Some(Vec::new()))).expect("its endpoints have latencies")
}

fn embed(scenario: &Scenario) -> Embedded {
    embed_on(scenario, Clock::starting_in(Duration::ZERO))
}

fn embed_on(scenario: &Scenario, clock: Clock) -> Embedded {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    mock(scenario).bind(any, clock).and_then(|bound| bound.embed()).expect("loopback has a free port")
}

/// Runs the scenario against its own mock.
fn play(scenario: &Scenario) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let record = |outcome: &Outcome| {
        outcomes.push(outcome.clone());
        Flow::Continue
    };
    let ran = play_with(scenario, record, |_| {});
    assert_eq!((ran.requests, ran.ending), (outcomes.len() as u64, Ending::Complete));
    outcomes
}

fn play_with(scenario: &Scenario, record: impl FnMut(&Outcome) -> Flow, show: impl FnMut(Progress)) -> Ran {
    let clock = Clock::starting_in(Duration::from_millis(50));
    let mock = embed_on(scenario, clock);
    let remote = |(spec, url): (&EndpointSpec, &String)| Remote {
        name: "mock".into(),
        base_url: url.clone(),
        target: spec.target(),
        hints: true,
    };
    let input = Input {
        remotes: scenario.endpoints.iter().zip(mock.urls()).map(remote).collect(),
        keyring: Keyring::open(mock.urls().len()),
        transport: Transport::new(clock),
        grace: Duration::from_secs(5),
        interrupts: Interrupts::None,
    };
    run(input, machines::dispatcher(scenario), record, show).unwrap()
}

/// Status and text of the answer to a call of a client that knows nothing of us.
fn post(addr: SocketAddr, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(addr).unwrap();
    write_call(&mut stream, path, body);
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no status in {text}")), text)
}

fn write_call(stream: &mut TcpStream, path: &str, body: &str) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all((head + body).as_bytes()).unwrap();
}
