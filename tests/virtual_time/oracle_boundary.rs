//! No policy can see an answer's length before the answer is there: two worlds that differ in nothing else get
//! the same requests, at the same endpoints, at the same instants.

use std::path::Path;
use std::time::Duration;

use tollgate::client::dispatcher::{Action, Event};
use tollgate::client::routers::AnyRouter;
use tollgate::machines;
use tollgate::scenario::Scenario;
use tollgate::time::Instant;
use tollgate::wire::{Rejection, Reply};

/// What a client sends in ten seconds in which every third attempt is refused and the others stay silent.
fn sends(router: &str, answer_tokens: u32) -> Vec<(Instant, u64, u16, u16)> {
    let endpoint = |name: &str, input: &str| {
        format!(
            "[[endpoints]]\nname = \"{name}\"\nprovider = \"openai\"\nmodel = \"m\"\n\
             latency = {{ kind = \"fixed\", ttft = \"1s\" }}\nprice = {{ input = \"{input}\", output = \"9\" }}\n"
        )
    };
    let text = format!(
        "duration = \"10s\"\nrouter = \"{router}\"\nhedge = {{ after = \"1s\", share_max = 0.5 }}\n\
         retry = {{ kind = \"exponential\", attempts_max = 5 }}\n[arrivals]\nkind = \"poisson\"\nrate = 20\n\
         [[classes]]\nname = \"c\"\ninput = {{ kind = \"uniform\", min = 1, max = 900 }}\n\
         output = {{ kind = \"fixed\", tokens = {answer_tokens} }}\ntimeout = \"4s\"\n{}{}{}",
        endpoint("a", "3"),
        endpoint("b", "2"),
        endpoint("c", "1")
    );
    let scenario = Scenario::parse(&text, Path::new("case.toml")).unwrap_or_else(|error| panic!("{error}"));
    let mut client = machines::dispatcher(&scenario);
    let mut sends = Vec::new();
    while let Some(now) = client.deadline() {
        let mut refused = Vec::new();
        for action in client.on_event(now, Event::Wake) {
            if let Action::Send { id, endpoint, .. } = action {
                sends.push((now, id.request.0, id.nth, endpoint.0));
                refused.extend((sends.len() % 3 == 0).then_some(id));
            }
        }
        while let Some(id) = refused.pop() {
            let retry_after = Some(Duration::from_millis(300));
            let reply = Reply::Rejected(Rejection {
                status: 429,
                limit: "tokens",
                retry_after,
                is_retryable: true,
                should_retry: None,
            });
            for action in client.on_event(now, Event::Reply { id, at: now, reply }) {
                if let Action::Send { id, endpoint, .. } = action {
                    sends.push((now, id.request.0, id.nth, endpoint.0));
                    refused.extend((sends.len() % 3 == 0).then_some(id));
                }
            }
        }
    }
    sends
}

#[test]
fn no_routing_retry_or_hedge_depends_on_an_answer_that_has_not_come() {
    for router in AnyRouter::KINDS {
        let (short, long) = (sends(router, 1), sends(router, 5_000));
        assert!(
            short.len() > 150 && short.iter().any(|(_, _, nth, _)| *nth > 0),
            "{router}: there is something to compare"
        );
        assert_eq!(short, long, "{router}");
    }
}
