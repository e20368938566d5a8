//! The mock, driven flat out over HTTP, admits what the same limits admit in virtual time at the same instants: call by
//! call, for each kind of limit.
#![cfg(feature = "net")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant as Moment};

use tollgate::http::clock::Clock;
use tollgate::machines;
use tollgate::mock::Mock;
use tollgate::scenario::Scenario;
use tollgate::server::cloud::Cloud;
use tollgate::server::endpoint::Detail;
use tollgate::time::Instant;
use tollgate::wire::{AttemptId, Beginnings, Cached, ClassId, Job, Reply, Request, RequestId};

/// Limits by kind, each tight enough to refuse part of what comes.
const LIMITS: [&str; 13] = [
    "{ kind = 'requests', per_minute = 6000, burst = 50 }",
    "{ kind = 'requests', per_minute = 6000, window = 'second' }",
    "{ kind = 'requests', per_minute = 6000, burst = 20, count_refused = true }",
    "{ kind = 'tokens', per_minute = 600_000, burst = 5000 }",
    "{ kind = 'tokens', per_minute = 600_000, offered = { combine = 'max' }, window = 'second' }",
    "{ kind = 'tokens', per_minute = 600_000, burst = 5000, settled = { cache_read = 0, output = 5 } }",
    "{ kind = 'tokens', per_minute = 600_000, burst = 2000, settled = { output = 8 }, room = 'below' }",
    "{ kind = 'concurrency', max = 3, queue_max = 2 }",
    "{ kind = 'tokens', per_minute = 300_000, burst = 900, offered = { input = 0, max_tokens = 0 }, room = 'below', meter = 'as_produced', on_exhausted = 'cut' }",
    "{ kind = 'context', max = 60 }",
    "{ kind = 'ramp', counts = 'requests', floor = 90, growth = 0.5, span = '1m' }",
    "{ kind = 'shared_capacity', counts = 'requests', median_per_minute = 3000, sigma = 0.5, lasts = '1s', status = 429 }",
    "{ kind = 'outage', random = { mean_up = '1s', mean_down = '100ms' } }",
];

#[test]
fn every_kind_of_limit_admits_over_http_what_it_admits_in_virtual_time() {
    for limit in LIMITS {
        let scenario = scenario(&format!("limits = [{limit}]\n"), "");
        assert_eq!(differences(&scenario, &["/e0"]), 0, "{limit}");
    }
}

#[test]
fn a_pool_shared_by_two_endpoints_does_too() {
    let pool = LIMITS[..7].join(", ").replace("6000", "30_000").replace("600_000", "6_000_000");
    let pool = format!("[[pools]]\nname = 'p'\nlimits = [{pool}]\n");
    let scenario = scenario("pools = ['p']\nlimits = [{ kind = 'concurrency', max = 6 }]\n", &pool);
    assert_eq!(differences(&scenario, &["/e0", "/e1"]), 0);
}

#[test]
fn so_do_a_provisioned_deployment_and_the_one_it_spills_to() {
    let limits = "limits = [{ kind = 'requests', per_minute = 3000, burst = 20 }]\n";
    let mut scenario = scenario(limits, "");
    scenario.endpoints[0].spillover = Some("e1".into());
    assert_eq!(differences(&scenario, &["/e0"]), 0);
}

/// Two deployments alike, of which tests use one or both. With this seed the random outage comes within the second.
fn scenario(settings: &str, pools: &str) -> Scenario {
    let endpoint = |name: &str| {
        format!(
            "[[endpoints]]\nname = '{name}'\nprovider = 'azure'\nmodel = 'm'\n{settings}\
             latency = {{ kind = 'lognormal', ttft_median = '5ms', ttft_sigma = 0.8, itl = '100us' }}\n\
             price = {{ input = '1', output = '1' }}\n"
        )
    };
    let text = format!(
        "seed = 55\nduration = '1s'\narrivals = {{ kind = 'constant', rate = 1 }}\n[[classes]]\nname = 'c'\n\
         input = {{ kind = 'fixed', tokens = 10 }}\noutput = {{ kind = 'uniform', min = 0, max = 90 }}\n{}{}{pools}",
        endpoint("e0"),
        endpoint("e1")
    );
    Scenario::parse(&text, Path::new("admission.toml")).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// What the mock writes of its calls.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Drives a mock of the scenario flat out, and counts the calls on which virtual time disagrees with it.
fn differences(scenario: &Scenario, paths: &[&str]) -> usize {
    let log = Shared::default();
    let mock = Mock::new(scenario, |_| true, |_| Ok(Some(Vec::new()))).unwrap();
    let bound = mock.bind(SocketAddr::from(([127, 0, 0, 1], 0)), Clock::starting_in(Duration::ZERO)).unwrap();
    let mock = bound.logged(Box::new(log.clone())).embed().unwrap();
    let (addr, until) = (mock.addr(), Moment::now() + FLAT_OUT);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|nth| scope.spawn(move || drive(addr, paths[nth % paths.len()], nth, until)))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    mock.finish();
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let rows: Vec<Vec<&str>> = log.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), statuses.len(), "each call is a row");
    let refused = rows.iter().filter(|row| row[9] != "200").count();
    let passed_on = rows.iter().filter(|row| !row[12].is_empty() && row[1] != row[12]).count();
    assert!(refused + passed_on > 0 && refused < rows.len(), "{refused} of {} were refused", rows.len());
    let mut cloud = machines::cloud(scenario, Detail::EachToken, |_| true).unwrap();
    rows.iter().filter(|row| !agrees(scenario, &mut cloud, row)).count()
}

/// Asks again and again on one connection; the statuses of the answers.
fn drive(addr: SocketAddr, path: &str, nth: usize, until: Moment) -> Vec<u16> {
    let mut stream = BufReader::new(TcpStream::connect(addr).unwrap());
    stream.get_ref().set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut statuses = Vec::new();
    while Moment::now() < until {
        let max = 20 + 10 * ((nth + statuses.len()) % 8);
        let body = format!(
            r#"{{"model":"m","max_tokens":{max},"messages":[{{"role":"user","content":"{}"}}]}}"#,
            "four ".repeat(max)
        );
        let head = format!(
            "POST {path}/openai/v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.get_mut().write_all((head + &body).as_bytes()).unwrap();
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().unwrap();
            } else if let Some(rest) = line.strip_prefix("content-length: ") {
                length = rest.parse().unwrap();
            } else if line.is_empty() {
                break;
            }
        }
        stream.read_exact(&mut vec![0; length]).unwrap();
        statuses.push(status);
    }
    statuses
}

/// Whether the row's call, at its instant in virtual time, is admitted or refused as the row says.
fn agrees(scenario: &Scenario, cloud: &mut Cloud, row: &[&str]) -> bool {
    let (secs, nanos) = row[0].split_once('.').unwrap();
    let at =
        Instant::from_nanos(secs.parse::<u64>().unwrap() * 1_000_000_000 + nanos.parse::<u64>().unwrap());
    let place = |name: &str| scenario.endpoints.iter().position(|spec| spec.name == name);
    let endpoint = place(row[1]).unwrap();
    let number = |column: usize| row[column].parse::<u32>().ok();
    let id = AttemptId { request: RequestId(row[2].parse().unwrap()), nth: row[3].parse().unwrap() };
    let request = Request {
        id: id.request,
        class: ClassId(0),
        priority: 0,
        input_tokens: number(4).unwrap(),
        max_tokens: number(5),
        stream: row[8] == "true",
        beginnings: Beginnings::None,
        content: Default::default(),
    };
    let (answer_tokens, reasoning_tokens) = (number(6).unwrap(), number(7).unwrap());
    let job = Job { request, answer_tokens, reasoning_tokens, cached: Cached::NONE };
    while let Some(due) = cloud.deadline().filter(|due| *due <= at) {
        cloud.wake(due, &mut Vec::new());
    }
    let mut expected = ("200".to_string(), String::new(), String::new());
    let mut replies = Vec::new();
    cloud.offer(at, endpoint, (id, job), scenario.terms(endpoint).spill, &mut replies);
    for said in replies {
        if let (true, Reply::Rejected(rejection)) = (said.id == id, said.reply) {
            let wait = rejection.retry_after.map(|wait| format!("{:.3}", wait.as_secs_f64()));
            expected = (rejection.status.to_string(), rejection.limit.into(), wait.unwrap_or_default());
        }
    }
    let served_by = cloud.passed_on(id).or(Some(endpoint)).filter(|_| expected.0 == "200");
    let is_same = (row[9], row[10], row[11]) == (&*expected.0, &*expected.1, &*expected.2)
        && place(row[12]) == served_by;
    if !is_same {
        println!("{row:?} but {expected:?} by {served_by:?}");
    }
    is_same
}

const THREADS: usize = 8;
const FLAT_OUT: Duration = Duration::from_secs(1);
