//! An endpoint with the limits of a preset, and how many jobs it admits.

use std::sync::Arc;

use tollgate::catalogue::capacity::Capacity;
use tollgate::catalogue::quota::QuotaSpec;
use tollgate::catalogue::{Catalogue, Presets};
use tollgate::rng::Rng;
use tollgate::server::endpoint::{Detail, Endpoint, Event};
use tollgate::server::latency::AnyLatency;
use tollgate::server::limits::{AnyLimit, Verdict};
use tollgate::time::Instant;
use tollgate::wire::{AttemptId, Beginnings, Cached, ClassId, Job, Reply, Request, RequestId};

/// An endpoint with limits, whose answers begin and end after `ttft`.
pub struct Server {
    endpoint: Endpoint,
    offered: u64,
}

impl Server {
    pub fn new(limits: Vec<AnyLimit>, ttft: &str) -> Server {
        let text = format!("latency = {{ \"kind=fixed\" = {{ ttft = \"{ttft}\" }} }}");
        let mut table: toml::Table = text.parse().unwrap();
        let latency: AnyLatency = table.remove("latency").unwrap().try_into().unwrap();
        Server { endpoint: Endpoint::new(limits, latency, Detail::Stretches, Rng::new(1)), offered: 0 }
    }

    fn wake(&mut self, at: Instant) {
        while let Some(due) = self.endpoint.deadline().filter(|due| *due <= at) {
            self.endpoint.on_event(due, Event::Wake).count();
        }
    }

    /// What is left of each quota.
    pub fn left(&mut self, at: Instant) -> Vec<u64> {
        self.wake(at);
        self.endpoint.gauges(at).map(|gauge| gauge.remaining).collect()
    }

    /// Whether a job is admitted.
    pub fn admits(&mut self, at: Instant, job: Job) -> bool {
        self.wake(at);
        self.offered += 1;
        let id = AttemptId { request: RequestId(self.offered), nth: 0 };
        let mut replies = self.endpoint.on_event(at, Event::Offer(id, job));
        !replies.any(|(of, reply)| of == id && matches!(reply, Reply::Rejected(_)))
    }

    /// How many of a job fit in at once.
    pub fn fits(&mut self, at: Instant, job: Job) -> usize {
        (0..100_000).take_while(|_| self.admits(at, job.clone())).count()
    }
}

/// Those in the binary.
pub fn presets() -> Arc<Presets> {
    Catalogue::embedded().presets.clone()
}

pub fn quota(preset: &str, rates: &str) -> Vec<AnyLimit> {
    let spec: QuotaSpec = toml::from_str(&format!("preset = \"{preset}\"\nrates = {{ {rates} }}")).unwrap();
    presets().quota(&spec).unwrap_or_else(|unfit| panic!("{unfit:?}"))
}

pub fn capacity(text: &str) -> Capacity {
    toml::from_str(text).unwrap()
}

pub fn job(input_tokens: u32, max_tokens: u32, answer_tokens: u32) -> Job {
    let (id, class) = (RequestId(0), ClassId(0));
    let request = Request {
        id,
        class,
        priority: 0,
        input_tokens,
        max_tokens: Some(max_tokens),
        stream: true,
        beginnings: Beginnings::None,
        content: Default::default(),
    };
    Job { request, answer_tokens, reasoning_tokens: 0, cached: Cached::NONE }
}

pub fn secs(secs: f64) -> Instant {
    Instant::from_secs_f64(secs)
}

/// How many of a job, with what the cache has of it, the limits take at once; a hundred thousand at most.
pub fn taken(mut limits: Vec<AnyLimit>, job: Job) -> usize {
    let mut is_taken = || {
        let is_admitted = limits.iter_mut().all(|limit| limit.check(Instant::START, &job) == Verdict::Admit);
        if is_admitted {
            limits.iter_mut().for_each(|limit| limit.take(Instant::START, &job));
        }
        is_admitted
    };
    (0..100_000).take_while(|_| is_taken()).count()
}
