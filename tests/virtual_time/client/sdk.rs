//! The retry presets in the machine: an SDK keeps to its endpoint, and to what happens inside its own call.

use tollgate::rng::{Purpose, Rng};
use tollgate::time::span_from_secs;

use super::*;

const KINDS: [&str; 4] = ["anthropic-python", "botocore-standard", "google-genai", "openai-python"];

/// A preset with retries, also where its SDK has none by default.
fn sdk(kind: &str) -> String {
    format!("[retry]\nkind = \"{kind}\"\nattempts_max = 3\n")
}

fn down() -> Reply {
    Reply::Rejected(Rejection {
        status: 503,
        limit: "",
        retry_after: None,
        is_retryable: true,
        should_retry: None,
    })
}

/// The wait of the first request's `nth` failure by a formula of the draw.
fn drawn(nth: u32, formula: impl Fn(f64) -> f64) -> Duration {
    span_from_secs(formula(Rng::new(1).of(Purpose::Retry, 0, nth).unit()))
}

#[test]
fn an_sdk_waits_and_asks_the_endpoint_that_failed_again_resting_or_not() {
    type Formula = fn(f64) -> f64;
    let stainless: [Formula; 2] = [|luck| 0.5 * (1.0 - 0.25 * luck), |luck| 1.0 - 0.25 * luck];
    let formulas: [[Formula; 2]; 4] = [
        stainless,
        [|luck| 0.05 * luck, |luck| 0.1 * luck],
        [|luck| 1.0 + luck, |luck| 2.0 + luck],
        stainless,
    ];
    for (kind, formulas) in KINDS.iter().zip(formulas) {
        let cooling = "[cooling]\nfailures = 1\nrest = \"50s\"\n";
        let mut client = Client::new(&(sdk(kind) + cooling));
        for (nth, formula) in (1..).zip(formulas) {
            let failed = client.now;
            client.reply(nth as usize - 1, down());
            assert_eq!(client.wake(), failed + drawn(nth, formula), "{kind}, wait {nth}");
        }
        client.reply(2, down());
        assert_eq!((client.only_outcome().end, client.endpoints()), (End::Refused, vec![0, 0, 0]), "{kind}");
    }
}

#[test]
fn google_genai_has_no_retries_unless_told_otherwise() {
    let mut client = Client::new("[retry]\nkind = \"google-genai\"\n");
    client.reply(0, down());
    assert_eq!((client.only_outcome().end, client.sent.len()), (End::Refused, 1));
}

#[test]
fn only_some_sdks_heed_a_promise_and_those_keep_it_to_the_nanosecond() {
    for (kind, is_heeded) in KINDS.into_iter().zip([true, false, false, true]) {
        let mut client = Client::new(&sdk(kind));
        client.reply(0, refused(Some(7)));
        assert_eq!(client.wake() == Instant::from_secs_f64(8.0), is_heeded, "{kind}");
        assert_eq!(client.endpoints(), [0, 0], "{kind}");
    }
}

#[test]
fn what_breaks_in_the_middle_of_a_stream_is_the_applications() {
    for kind in KINDS {
        for fault in [FaultKind::Server, FaultKind::Truncated, FaultKind::Garbled] {
            let mut client = Client::new(&sdk(kind));
            client.reply(0, token()).reply(0, Reply::Broken(Fault::new(fault, "")));
            assert_eq!((client.only_outcome().end, client.sent.len()), (End::Broken, 1), "{kind}");
        }
    }
}

#[test]
fn a_silence_before_the_stream_is_retried_and_one_within_it_is_not() {
    for kind in KINDS {
        let mut client = Client::new(&sdk(kind));
        client.at(14.0);
        assert_eq!((client.done.len(), client.endpoints()), (0, vec![0, 0]), "{kind}");
        let mut client = Client::new(&sdk(kind));
        client.at(2.0).reply(0, token()).at(14.0);
        assert_eq!((client.only_outcome().end, client.sent.len()), (End::TimedOut, 1), "{kind}");
    }
}

#[test]
fn an_sdk_that_was_never_called_retries_nothing() {
    let settings = sdk("openai-python") + "[cooling]\non_retry_after = true\n";
    let mut client = Client::with_load("duration = \"4.5s\"\nrouter = \"round_robin\"", &settings);
    let retry_after = Some(Duration::from_secs(30));
    let refused = Rejection { status: 400, limit: "", retry_after, is_retryable: false, should_retry: None };
    for nth in 0..3 {
        client.at(nth as f64 + 1.0).reply(nth, Reply::Rejected(refused));
    }
    client.at(4.0);
    let last = client.done.last().expect("four requests are done");
    assert_eq!((last.end, last.attempts.len(), client.endpoints()), (End::Shed, 0, vec![0, 1, 2]));
}

#[test]
fn after_a_hedge_the_sdk_that_failed_last_goes_on() {
    let hedge = "[hedge]\nafter = \"2s\"\nshare_max = 1\n";
    let mut client = Client::new(&(sdk("openai-python") + hedge));
    client.at(3.0).reply(0, down()).reply(1, down());
    client.wake();
    assert_eq!(client.endpoints(), [0, 1, 1]);
}

/// Each request meets three 503s: 17 pay 2 · 14 of the 500, the next only 14, and then none can. Four
/// answers give 4 to the 10 that are left, which is one retry more.
#[test]
fn botocores_retries_end_with_its_bucket_and_come_back_with_answers() {
    let settings = "[retry]\nkind = \"botocore-standard\"\n";
    let mut client = Client::with_load("duration = \"25.5s\"", settings);
    for request in 0..25 {
        // No wait is longer than 0.1 s, and what answers a request that is done is not heard.
        for tries in 0..3 {
            client.at(f64::from(request) + 1.0 + 0.2 * f64::from(tries));
            let reply = if (20..24).contains(&request) { finished() } else { down() };
            client.reply(client.sent.len() - 1, reply);
        }
    }
    let attempts: Vec<_> = client.done.iter().map(|outcome| outcome.attempts.len()).collect();
    let expected = [[3; 17].as_slice(), &[2, 1, 1], &[1; 4], &[2]].concat();
    assert_eq!(attempts, expected);
}
