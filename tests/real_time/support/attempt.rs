//! Attempts made with the client alone, and what they were told.

use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::RootCertStore;
use tollgate::client::dispatcher::Event;
use tollgate::http::client::{Client, Counts, Remote, Transport};
use tollgate::http::clock::Clock;
use tollgate::http::runtime;
use tollgate::http::tls::Roots;
use tollgate::login::keyring::Keyring;
use tollgate::providers::Target;
use tollgate::wire::{AttemptId, Beginnings, Cached, ClassId, EndpointId, Job, Reply, Request, RequestId};

/// Far more than any of these needs.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What became of attempts that were made one after the other.
pub struct Asked {
    pub events: Vec<Event>,
    pub counts: Counts,
}

impl Asked {
    pub fn replies(&self) -> impl DoubleEndedIterator<Item = &Reply> {
        self.events.iter().filter_map(|event| match event {
            Event::Reply { reply, .. } => Some(reply),
            _ => None,
        })
    }

    /// How the last one ended.
    pub fn end(&self) -> String {
        match self.replies().next_back() {
            Some(Reply::Broken(fault)) => fault.kind.name().into(),
            Some(Reply::Finished(_)) => "done".into(),
            Some(Reply::Rejected(rejection)) => format!("rejected {}", rejection.status),
            other => format!("{other:?}"),
        }
    }

    pub fn detail(&self) -> &str {
        match self.replies().next_back() {
            Some(Reply::Broken(fault)) => &fault.detail,
            _ => "",
        }
    }

    pub fn tokens(&self) -> u32 {
        let tokens = self.replies().filter_map(|reply| match reply {
            Reply::Tokens(tokens) => Some(tokens.count),
            _ => None,
        });
        tokens.sum()
    }
}

pub fn ask(url: &str) -> Asked {
    ask_with(url, &transport(), 1)
}

/// Makes `times` attempts, one after the other.
pub fn ask_with(url: &str, transport: &Transport, times: u64) -> Asked {
    let runtime = runtime().unwrap();
    let asked = runtime.block_on(async {
        let (mut client, mut heard) = Client::new(vec![remote(url)], Keyring::open(1), transport).unwrap();
        let mut events = Vec::new();
        for nth in 0..times {
            let (id, job) = job(nth);
            client.send(id, EndpointId(0), &job);
            let play = async {
                while let Some(event) = heard.recv().await {
                    let is_final = matches!(&event, Event::Reply { reply, .. } if reply.is_final());
                    events.push(event);
                    if is_final {
                        client.forget(id);
                        return;
                    }
                }
            };
            tokio::time::timeout(PATIENCE, play).await.expect("every attempt ends");
            // The attempt may still have its connection to give back.
            tokio::task::yield_now().await;
        }
        Asked { events, counts: client.counts() }
    });
    runtime.shutdown_background();
    asked
}

pub fn remote(url: &str) -> Remote {
    Remote {
        name: "rogue".into(),
        base_url: url.into(),
        target: Target::new("openai".parse().unwrap(), "m"),
        hints: false,
    }
}

pub fn transport() -> Transport {
    Transport {
        roots: Roots::Given(Arc::new(RootCertStore::empty())),
        ..Transport::new(Clock::starting_in(Duration::ZERO))
    }
}

pub fn job(id: u64) -> (AttemptId, Job) {
    let id = RequestId(id);
    let request = Request {
        id,
        class: ClassId(0),
        priority: 0,
        input_tokens: 20,
        max_tokens: None,
        stream: true,
        beginnings: Beginnings::None,
        content: Default::default(),
    };
    (
        AttemptId { request: id, nth: 0 },
        Job { request, answer_tokens: 2, reasoning_tokens: 0, cached: Cached::NONE },
    )
}
