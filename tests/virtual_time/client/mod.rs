//! The client machine against a scripted server: what it sends, when, and what it makes of the answers.

mod safety;
mod sdk;

use std::time::Duration;

use tollgate::client::dispatcher::{Action, Dispatcher, Event};
use tollgate::machines;
use tollgate::outcome::{Cause, End, Ended, Outcome};
use tollgate::scenario::Scenario;
use tollgate::time::Instant;
use tollgate::wire::{AttemptId, Fault, FaultKind, Finish, Kind, Rejection, Reply, Source, Tokens, Usage};

/// A client of three endpoints a, b and c that asks its first request at 1 s, with what the case adds.
struct Client {
    machine: Dispatcher,
    now: Instant,
    sent: Vec<(AttemptId, u16)>,
    cancelled: Vec<AttemptId>,
    done: Vec<Outcome>,
}

impl Client {
    fn new(settings: &str) -> Client {
        Client::with_load("duration = \"1.5s\"", settings)
    }

    fn with_load(load: &str, settings: &str) -> Client {
        let endpoint = |name| {
            format!(
                "[[endpoints]]\nname = \"{name}\"\nprovider = \"openai\"\nmodel = \"m\"\n\
                 latency = {{ kind = \"fixed\", ttft = \"1s\" }}\nprice = {{ input = \"1\", output = \"1\" }}\n"
            )
        };
        let class = "[[classes]]\nname = \"chat\"\ninput = { kind = \"fixed\", tokens = 10 }\n\
                     output = { kind = \"fixed\", tokens = 5 }\ntimeout = \"60s\"\nstall_timeout = \"10s\"\n";
        let arrivals = "[arrivals]\nkind = \"steps\"\ngaps = \"constant\"\n\
                        steps = [{ rate = 0, for = \"1s\" }, { rate = 1, for = \"1h\" }]\n";
        let text =
            [load, arrivals, class, &endpoint("a"), &endpoint("b"), &endpoint("c"), settings].join("\n");
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let scenario =
            Scenario::parse(&text, &folder.join("case.toml")).unwrap_or_else(|error| panic!("{error}"));
        let machine = machines::dispatcher(&scenario);
        let mut client =
            Client { machine, now: Instant::START, sent: vec![], cancelled: vec![], done: vec![] };
        client.at(1.0);
        client.at(1.0);
        client
    }

    /// Lets time pass up to `secs`, waking the machine whenever it asks.
    fn at(&mut self, secs: f64) -> &mut Client {
        let until = Instant::from_secs_f64(secs);
        while let Some(at) = self.machine.deadline().filter(|at| *at <= until) {
            self.event(at, Event::Wake);
        }
        self.now = until;
        self
    }

    /// Lets time pass until the machine asks to be woken, and wakes it.
    fn wake(&mut self) -> Instant {
        self.now = self.machine.deadline().expect("it waits for something");
        self.event(self.now, Event::Wake);
        self.now
    }

    fn event(&mut self, now: Instant, event: Event) {
        for action in self.machine.on_event(now, event) {
            match action {
                Action::Cancel { id, .. } => self.cancelled.push(id),
                Action::Done(outcome) => self.done.push((*outcome).clone()),
                Action::Send { id, endpoint, .. } => self.sent.push((id, endpoint.0)),
            }
        }
    }

    /// The first byte of the n-th attempt has left.
    fn sent(&mut self, nth: usize) -> &mut Client {
        let (id, at) = (self.sent[nth].0, self.now);
        self.event(at, Event::Sent { id, at });
        self
    }

    /// A reply to the n-th attempt sent.
    fn reply(&mut self, nth: usize, reply: Reply) -> &mut Client {
        let (id, at) = (self.sent[nth].0, self.now);
        self.event(at, Event::Reply { id, at, reply });
        self
    }

    fn endpoints(&self) -> Vec<u16> {
        self.sent.iter().map(|(_, endpoint)| *endpoint).collect()
    }

    fn only_outcome(&self) -> &Outcome {
        assert_eq!(self.done.len(), 1, "{:?}", self.done);
        &self.done[0]
    }
}

fn refused(retry_after: Option<u64>) -> Reply {
    let retry_after = retry_after.map(Duration::from_secs);
    Reply::Rejected(Rejection {
        status: 429,
        limit: "tokens",
        retry_after,
        is_retryable: true,
        should_retry: None,
    })
}

fn broken() -> Reply {
    Reply::Broken(Fault::new(FaultKind::Reset, "reset"))
}

fn token() -> Reply {
    Reply::Tokens(Tokens { kind: Kind::Text, count: 1, steady: None })
}

fn finished() -> Reply {
    let usage = Usage { input: 10, output: 5, source: Source::Provider, ..Usage::default() };
    Reply::Finished(Finish::new(usage, false))
}

fn retry(attempts_max: u32) -> String {
    format!("[retry]\nkind = \"exponential\"\nattempts_max = {attempts_max}\nbase = \"1s\"\ncap = \"1s\"\n")
}

#[test]
fn a_refused_request_fails_over_at_once_and_waits_only_when_all_were_tried() {
    let mut client = Client::new(&retry(5));
    client.reply(0, refused(Some(7))).reply(1, refused(Some(3))).reply(2, refused(Some(5)));
    assert_eq!(client.endpoints(), [0, 1, 2], "each endpoint once, in order, without a wait");
    client.at(3.999);
    assert_eq!(client.endpoints().len(), 3, "no sooner than the earliest promise, 3 s after 1 s");
    client.at(5.001);
    assert_eq!(client.endpoints(), [0, 1, 2, 0], "and no later than the jitter's end above it");
    client.reply(3, token()).at(6.0).reply(3, finished());
    let outcome = client.only_outcome();
    assert_eq!((outcome.end, outcome.winner, outcome.attempts.len()), (End::Done, Some(3), 4));
    assert_eq!(outcome.intended, Instant::from_secs_f64(1.0), "the wait is part of the latency");
    assert!(outcome.attempts[1..].iter().all(|attempt| attempt.cause == Cause::Retry));
}

#[test]
fn without_a_retry_policy_the_first_failure_ends_the_request() {
    let mut client = Client::new("");
    client.reply(0, refused(None));
    assert_eq!((client.only_outcome().end, client.sent.len()), (End::Refused, 1));
}

#[test]
fn what_cannot_succeed_is_not_retried() {
    let mut client = Client::new(&retry(5));
    client.reply(
        0,
        Reply::Rejected(Rejection {
            status: 400,
            limit: "",
            retry_after: None,
            is_retryable: false,
            should_retry: None,
        }),
    );
    assert_eq!((client.only_outcome().end, client.sent.len()), (End::Refused, 1));
}

#[test]
fn attempts_are_capped() {
    let mut client = Client::new(&retry(5));
    for nth in 0..5 {
        let later = client.now.as_secs_f64() + 2.0;
        client.reply(nth, broken()).at(later);
    }
    let outcome = client.only_outcome();
    assert_eq!((outcome.end, outcome.attempts.len(), client.sent.len()), (End::Broken, 5, 5));
}

#[test]
fn a_promise_beyond_the_requests_time_ends_it_at_once() {
    let mut client = Client::new(&retry(5));
    for nth in 0..3 {
        client.reply(nth, refused(Some(100)));
    }
    assert_eq!((client.only_outcome().end, client.only_outcome().finished), (End::Refused, client.now));
}

#[test]
fn the_whole_time_ends_a_request_to_the_nanosecond_and_cancels_what_is_live() {
    let mut client = Client::new("");
    client.reply(0, token());
    for nth in 1..=9 {
        client.at(1.0 + 6.0 * f64::from(nth)).reply(0, token());
    }
    client.at(60.999_999_999);
    assert!(client.done.is_empty());
    client.at(61.0);
    let outcome = client.only_outcome();
    assert_eq!((outcome.end, &outcome.attempts[0].ended), (End::TimedOut, &Ended::TimedOut));
    assert_eq!(client.cancelled, [client.sent[0].0]);
    assert_eq!(outcome.attempts[0].usage.output, 10, "what came was counted: it is billed");
}

#[test]
fn a_silence_is_a_stall_and_a_sign_of_life_ends_the_silence() {
    let mut client = Client::new("");
    client.at(10.999).reply(0, token()).at(20.998);
    assert!(client.done.is_empty());
    client.at(20.999);
    let outcome = client.only_outcome();
    assert_eq!((outcome.end, &outcome.attempts[0].ended), (End::TimedOut, &Ended::Stalled));
}

#[test]
fn a_hedge_goes_elsewhere_and_the_first_token_decides() {
    let mut client = Client::new("[hedge]\nafter = \"2s\"\nshare_max = 1");
    client.sent(0).at(2.999);
    assert_eq!(client.endpoints(), [0]);
    client.at(3.0);
    assert_eq!(client.endpoints(), [0, 1]);
    client.at(4.0).reply(1, token());
    assert_eq!(client.cancelled, [client.sent[0].0]);
    client.at(5.0).reply(0, finished());
    assert!(client.done.is_empty(), "the loser's answer comes too late to count");
    client.reply(1, finished());
    let outcome = client.only_outcome();
    assert_eq!((outcome.end, outcome.winner), (End::Done, Some(1)));
    assert_eq!((&outcome.attempts[0].ended, outcome.attempts[1].cause), (&Ended::Cancelled, Cause::Hedge));
    assert_eq!(outcome.attempts[0].usage.input, 10, "the loser's prompt was worked on, so it is billed");
}

#[test]
fn a_refused_hedge_leaves_the_first_attempt_alone() {
    let mut client = Client::new("[hedge]\nafter = \"2s\"\nshare_max = 1");
    client.at(3.0).reply(1, refused(None)).at(4.0).reply(0, token()).reply(0, finished());
    assert_eq!((client.only_outcome().end, client.only_outcome().winner), (End::Done, Some(0)));
}

#[test]
fn no_hedge_goes_beyond_the_cap() {
    let mut client = Client::new("[hedge]\nafter = \"2s\"\nshare_max = 0.5");
    client.at(4.0);
    assert_eq!(client.endpoints(), [0], "one hedge for one request would be all of them");
}

#[test]
fn an_answer_in_one_piece_has_its_first_token_when_it_is_whole() {
    let mut client = Client::new("");
    client.at(3.0).reply(0, finished());
    let attempt = client.only_outcome().answer().expect("it was answered");
    assert_eq!([attempt.first_token, attempt.first_text, attempt.last_token], [Some(client.now); 3]);
}

#[test]
fn reasoning_is_a_first_token_and_not_a_first_text() {
    let mut client = Client::new("");
    client.at(2.0).reply(0, Reply::Tokens(Tokens { kind: Kind::Reasoning, count: 3, steady: None }));
    client.at(3.0).reply(0, token()).at(3.5).reply(0, token()).reply(0, finished());
    let attempt = client.only_outcome().answer().expect("it was answered");
    let at = |secs| Some(Instant::from_secs_f64(secs));
    assert_eq!([attempt.first_token, attempt.first_text, attempt.last_token], [at(2.0), at(3.0), at(3.5)]);
    assert_eq!((attempt.chunks, attempt.gaps.as_slice()), (3, [1_000_000, 500_000].as_slice()));
}

#[test]
fn a_late_send_moves_the_sent_stamp_and_not_the_intended_one() {
    let mut client = Client::new("");
    let late = Instant::from_secs_f64(1.25);
    let id = client.sent[0].0;
    client.event(late, Event::Sent { id, at: late });
    client.at(2.0).reply(0, finished());
    let outcome = client.only_outcome();
    assert_eq!((outcome.intended, outcome.attempts[0].sent), (Instant::from_secs_f64(1.0), late));
}

#[test]
fn an_answer_was_whole_when_it_was_read_and_not_when_it_was_looked_at() {
    let mut client = Client::new("");
    client.sent(0).at(2.0).reply(0, token());
    let (id, read, now) = (client.sent[0].0, Instant::from_secs_f64(3.0), Instant::from_secs_f64(3.4));
    client.event(now, Event::Reply { id, at: read, reply: finished() });
    let outcome = client.only_outcome();
    assert_eq!((outcome.end, outcome.finished, outcome.attempts[0].finished), (End::Done, read, read));
}

#[test]
fn requests_are_sent_on_plan_whatever_became_of_those_before() {
    let mut client = Client::with_load("duration = \"4.5s\"", "");
    client.at(10.0);
    assert_eq!(client.sent.len(), 4, "nothing was answered, and the plan was kept");
    client.event(client.now, Event::Abort);
    assert_eq!(client.done.len(), 4);
    assert!(client.done.iter().all(|outcome| outcome.end == End::Cancelled));
    assert!(client.machine.is_idle());
}

#[test]
fn after_a_stop_what_is_under_way_goes_on_and_nothing_new_comes() {
    let mut client = Client::with_load("duration = \"4.5s\"", "");
    client.at(2.0).event(Instant::from_secs_f64(2.0), Event::Stop);
    client.at(5.0);
    assert_eq!(client.sent.len(), 2);
    client.reply(0, finished()).reply(1, finished());
    assert!(client.machine.is_idle() && client.done.iter().all(|outcome| outcome.end == End::Done));
}

#[test]
fn a_request_that_meets_only_resting_endpoints_waits_for_the_first_to_come_back() {
    let cooling = "[cooling]\nfailures = 1\nrest = \"4s\"\n";
    let mut client = Client::new(&(retry(6) + cooling));
    client.reply(0, broken()).reply(1, broken()).reply(2, broken());
    client.at(4.999);
    assert_eq!(client.sent.len(), 3, "all rest until 5 s");
    client.at(6.001);
    assert_eq!(client.endpoints(), [0, 1, 2, 0]);
}

#[test]
fn a_request_that_meets_only_resting_endpoints_is_shed_when_its_tries_are_over() {
    let cooling = "[cooling]\nfailures = 1\nrest = \"50s\"\n";
    let mut client = Client::new(&(retry(4) + cooling));
    client.reply(0, broken()).reply(1, broken()).reply(2, broken()).at(3.0);
    let outcome = client.only_outcome();
    assert_eq!((outcome.end, outcome.attempts.len()), (End::Shed, 3));
}

#[test]
fn an_attempt_that_never_left_is_not_billed() {
    let mut client = Client::new("");
    client.at(20.0);
    let outcome = client.only_outcome();
    assert_eq!(outcome.attempts[0].ended, Ended::Stalled);
    assert!(!outcome.attempts[0].is_sent && outcome.attempts[0].usage.prompt() == 0);
}

#[test]
fn nothing_is_sent_when_the_whole_time_is_over() {
    let both = retry(5) + "[hedge]\nafter = \"60s\"\nshare_max = 1\n";
    let mut client = Client::new(&both);
    client.reply(0, token());
    for nth in 1..=10 {
        client.at(1.0 + 5.9 * f64::from(nth)).reply(0, token());
    }
    client.at(61.0);
    assert_eq!((client.only_outcome().end, client.sent.len()), (End::TimedOut, 1));
}
