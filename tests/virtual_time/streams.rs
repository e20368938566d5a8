//! Classes with arrivals of their own: streams that know nothing of each other, merged by time.

use std::path::Path;

use tollgate::client::workload::Workload;
use tollgate::machines;
use tollgate::scenario::Scenario;
use tollgate::simulate::{Flow, simulate};
use tollgate::time::Instant;
use tollgate::wire::ClassId;

const LENGTHS: &str = "input = { kind = \"uniform\", min = 1, max = 3000 }\n\
                       output = { kind = \"uniform\", min = 1, max = 200 }\n\
                       reasoning = { kind = \"uniform\", min = 0, max = 50 }\n\
                       prefix = { tokens = 700, groups = 20, skew = 1 }\n";

fn scenario(head: &str, classes: &[(&str, &str)]) -> Scenario {
    let classes =
        classes.iter().map(|(name, keys)| format!("[[classes]]\nname = \"{name}\"\n{LENGTHS}{keys}\n"));
    let text = format!(
        "duration = \"60s\"\n{head}\n{}[[endpoints]]\nname = \"e\"\nprovider = \"openai\"\nmodel = \"m\"\n\
         latency = {{ kind = \"fixed\", ttft = \"200ms\", itl = \"1ms\" }}\nprice = {{ input = \"1\", output = \"1\" }}\n",
        classes.collect::<String>()
    );
    Scenario::parse(&text, Path::new("streams.toml")).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// What is planned of a class in the first minute, without the numbers of requests.
fn plan(scenario: &Scenario, class: &str) -> Vec<String> {
    let mut workload = machines::workload(scenario);
    let end = Instant::from_secs_f64(60.0);
    let (mut plan, mut before) = (Vec::new(), Instant::START);
    for id in 0.. {
        if workload.peek().is_none_or(|at| at >= end) {
            break;
        }
        let (at, job) = workload.take().expect("an announced request is there");
        assert_eq!(job.request.id.0, id, "numbers are dense, in order of time");
        assert!(before <= at);
        before = at;
        if name(&workload, &job.request) == class {
            let request = job.request;
            // A prefix's number is that of its class and its group.
            let prefix = request.beginnings.longest().map(|prefix| (prefix.id as u32, prefix.tokens));
            let lengths = (request.input_tokens, job.answer_tokens, job.reasoning_tokens);
            plan.push(format!("{at:?} {lengths:?} {prefix:?}"));
        }
    }
    plan
}

fn name<'a>(workload: &'a Workload, request: &tollgate::wire::Request) -> &'a str {
    &workload.class(request.class).name
}

const CHAT: (&str, &str) = ("chat", "arrivals = { kind = \"poisson\", rate = 8 }");
const BATCH: (&str, &str) = ("batch", "arrivals = { kind = \"gamma\", rate = 3, cv = 2 }");
const SHARED: &str = "arrivals = { kind = \"poisson\", rate = 5 }";

#[test]
fn a_class_draws_alone_what_it_draws_beside_others() {
    let together = scenario(SHARED, &[("rest", ""), BATCH, CHAT]);
    for (head, class) in [("", BATCH), ("", CHAT), (SHARED, ("rest", ""))] {
        let alone = plan(&scenario(head, &[class]), class.0);
        assert!(alone.len() > 100);
        assert_eq!(plan(&together, class.0), alone, "{}", class.0);
    }
}

#[test]
fn streams_share_no_luck_with_each_other_and_all_change_with_the_seed() {
    let twin = |name| (name, CHAT.1);
    let scenario = |seed: u32| scenario(&format!("seed = {seed}"), &[twin("a"), twin("b")]);
    let (a, b) = (plan(&scenario(1), "a"), plan(&scenario(1), "b"));
    assert!(a.iter().all(|planned| !b.contains(planned)));
    assert!(plan(&scenario(2), "a").iter().all(|planned| !a.contains(planned)));
}

#[test]
fn of_requests_due_at_once_the_shared_go_first_and_then_the_classes_in_their_order() {
    let own = "arrivals = { kind = \"constant\", rate = 1 }";
    let shared = scenario(own, &[("b", own), ("a", own), ("rest", "")]);
    let mut workload = machines::workload(&shared);
    let mut names = || {
        let (_, job) = workload.take().expect("a constant rate goes on");
        workload.class(job.request.class).name.clone()
    };
    assert_eq!([names(), names(), names(), names()], ["rest", "b", "a", "rest"]);
}

#[test]
fn a_closed_loop_of_one_class_waits_for_its_own_answers_only() {
    let closed = ("users", "arrivals = { kind = \"closed\", users = 3, think = \"1s\" }\ntimeout = \"5s\"");
    let scenario = scenario("", &[CHAT, closed]);
    let mut under_way = [0i64; 2];
    let mut events = Vec::new();
    simulate(&scenario, |outcome| {
        let class = usize::from(outcome.request.class.0);
        events.extend([(outcome.intended, 1, class), (outcome.finished, 0, class)]);
        Flow::Continue
    })
    .unwrap_or_else(|error| panic!("{error}"));
    events.sort();
    let mut most = 0;
    for (_, begins, class) in events {
        under_way[class] += if begins == 1 { 1 } else { -1 };
        most = most.max(under_way[1]);
    }
    assert_eq!((under_way, most), ([0, 0], 3));
}

#[test]
fn the_load_is_that_of_all_streams_and_scales_as_one() {
    let mut scenario = scenario(SHARED, &[("rest", ""), BATCH, CHAT]);
    let minute = std::time::Duration::from_secs(60);
    assert_eq!(scenario.expected(minute), Some(60.0 * (5.0 + 3.0 + 8.0)));
    scenario.scale(0.5);
    assert_eq!(scenario.expected(minute), Some(30.0 * (5.0 + 3.0 + 8.0)));
}

/// Requests of each class up to a time, from where the plan stands.
fn counts(workload: &mut Workload, until_secs: f64) -> Vec<u32> {
    let (end, mut counts) = (Instant::from_secs_f64(until_secs), vec![0; workload.classes().len()]);
    while workload.peek().is_some_and(|at| at < end) {
        let (_, job) = workload.take().expect("an announced request is there");
        counts[usize::from(job.request.class.0)] += 1;
    }
    counts
}

#[test]
fn classes_come_by_their_shares_of_the_arrivals_they_have_in_common() {
    let classes = [("a", "share = 1"), ("b", "share = 5"), ("c", "share = 2")];
    let arrivals = "arrivals = { kind = \"constant\", rate = 100 }";
    let found = counts(&mut machines::workload(&scenario(arrivals, &classes)), 80.0);
    // Binomial of 8,000: 4.5 standard deviations are 133, 195 and 174.
    let is_near = |nth: usize, mean: u32, bound: u32| found[nth].abs_diff(mean) < bound;
    assert!(is_near(0, 1000, 133) && is_near(1, 5000, 195) && is_near(2, 2000, 174), "{found:?}");
}

#[test]
fn a_class_that_is_not_wanted_ends_its_own_stream_and_a_shared_one_with_its_last() {
    let scenario = scenario(SHARED, &[("a", ""), CHAT, ("b", "")]);
    let mut workload = machines::workload(&scenario);
    workload.stop(ClassId(1));
    let first = counts(&mut workload, 60.0);
    assert!(first[0] > 0 && first[1] == 0 && first[2] > 0, "{first:?}");
    workload.stop(ClassId(0));
    assert!(counts(&mut workload, 120.0)[2] > 0, "one of two that share arrivals is still wanted");
    workload.stop(ClassId(2));
    assert_eq!(workload.peek(), None);
}
