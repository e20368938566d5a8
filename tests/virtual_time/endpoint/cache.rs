//! A prompt cache within its endpoint: what limits see of it, what it saves in time, who shares it.

use std::time::Duration;

use tollgate::server::cache::Cache;
use tollgate::server::endpoint::{Detail, Endpoint};
use tollgate::time::Instant;
use tollgate::wire::{Beginnings, Job, Prefix, Reply, Request, Usage};

use super::drive::{endpoint, id, job, millis, offer, play, read};

const ANTHROPIC: &str = "\"anthropic\"";
const LATENCY: &str = "{ kind = \"fixed\", ttft = \"1s\", itl = \"10ms\" }";

/// A job of 3000 prompt tokens, of which it shares 2000.
fn sharing(request: u64, prefix: u64) -> Job {
    let job = job(request, 3000, 10);
    let prefix = Prefix { id: prefix, tokens: 2000, is_long: false, is_stored: true };
    Job { request: Request { beginnings: Beginnings::One(prefix), ..job.request }, ..job }
}

fn cached(limits: &[&str], latency: &str, cache: &Cache) -> Endpoint {
    endpoint(limits, latency, Detail::Stretches).with_cache(Some(cache.clone()))
}

fn secs(secs: u64) -> Instant {
    Instant::START + Duration::from_secs(secs)
}

/// What each job was told: (input, read, written), or none where it was refused.
fn usages(endpoint: &mut Endpoint, offers: &[(Instant, u64)]) -> Vec<Option<(u32, u32, u32)>> {
    let jobs = offers.iter().zip(0..).map(|((at, prefix), request)| offer(*at, sharing(request, *prefix)));
    let told = play(endpoint, jobs);
    let of = |request: u64| {
        told.iter().find_map(|(_, attempt, reply)| match reply {
            Reply::Finished(finish) if *attempt == id(request) => {
                let Usage { input, cache_read, cache_write, .. } = finish.usage;
                Some((input, cache_read, cache_write))
            }
            _ => None,
        })
    };
    (0..offers.len() as u64).map(of).collect()
}

#[test]
fn the_usage_tells_what_was_read_and_written() {
    let mut endpoint = cached(&[], LATENCY, &Cache::new(&read(ANTHROPIC)));
    let told = usages(&mut endpoint, &[(secs(0), 1), (secs(10), 1), (secs(20), 2)]);
    assert_eq!(told, [Some((1000, 0, 2000)), Some((1000, 2000, 0)), Some((1000, 0, 2000))]);
}

#[test]
fn a_prefix_is_there_when_the_first_token_is_and_not_a_nanosecond_before() {
    let (before, then) = (Instant::from_nanos(999_999_999), secs(1));
    for (second, expected) in [(before, (1000, 0, 2000)), (then, (1000, 2000, 0))] {
        let mut endpoint = cached(&[], LATENCY, &Cache::new(&read(ANTHROPIC)));
        assert_eq!(usages(&mut endpoint, &[(secs(0), 1), (second, 1)])[1], Some(expected));
    }
}

#[test]
fn a_refused_job_neither_stores_nor_refreshes() {
    // One request at a time, and one more each 400 seconds.
    let limit = "{ kind = \"concurrency\", max = 1, queue_max = 0 }";
    let mut endpoint = cached(&[limit], LATENCY, &Cache::new(&read(ANTHROPIC)));
    let refused_read = [(secs(0), 1), (secs(299), 2), (millis(299_500), 1), (secs(301), 1)];
    let told = usages(&mut endpoint, &refused_read);
    assert_eq!(told[2], None, "the place is taken by the second");
    assert_eq!(told[3], Some((1000, 0, 2000)), "300 seconds after the first it is gone");
    let mut endpoint = cached(&[limit], LATENCY, &Cache::new(&read(ANTHROPIC)));
    let refused_write = [(secs(0), 1), (millis(500), 2), (secs(10), 2)];
    let told = usages(&mut endpoint, &refused_write);
    assert_eq!(told[1..], [None, Some((1000, 0, 2000))]);
}

#[test]
fn a_job_that_is_given_up_before_its_first_token_stores_nothing() {
    use tollgate::server::endpoint::Event;
    let mut endpoint = cached(&[], LATENCY, &Cache::new(&read(ANTHROPIC)));
    let cancel = (millis(999), Event::Cancel(id(0)));
    let told = play(&mut endpoint, [offer(secs(0), sharing(0, 1)), cancel, offer(secs(10), sharing(1, 1))]);
    let Some((_, _, Reply::Finished(finish))) = told.last() else { panic!("{told:?}") };
    assert_eq!((finish.usage.cache_read, finish.usage.cache_write), (0, 2000));
}

#[test]
fn what_is_read_from_the_cache_takes_no_time_to_read_and_what_is_written_does() {
    let latency = "{ kind = \"lognormal\", ttft_median = \"1s\", ttft_sigma = 0, per_1k_input = \"100ms\", itl = \"10ms\" }";
    let mut endpoint = cached(&[], latency, &Cache::new(&read(ANTHROPIC)));
    let told = play(&mut endpoint, [offer(secs(0), sharing(0, 1)), offer(secs(10), sharing(1, 1))]);
    let firsts: Vec<_> =
        (0..2).map(|request| told.iter().find(|told| told.1 == id(request)).unwrap().0).collect();
    assert_eq!(firsts, [millis(1300), millis(11_100)]);
}

#[test]
fn endpoints_that_share_a_cache_read_what_the_other_has_stored() {
    let cache = Cache::new(&read(ANTHROPIC));
    let (mut one, mut other) = (cached(&[], LATENCY, &cache), cached(&[], LATENCY, &cache));
    let mut apart = cached(&[], LATENCY, &Cache::new(&read(ANTHROPIC)));
    assert_eq!(usages(&mut one, &[(secs(0), 1)]), [Some((1000, 0, 2000))]);
    assert_eq!(usages(&mut other, &[(secs(5), 1)]), [Some((1000, 2000, 0))]);
    assert_eq!(usages(&mut apart, &[(secs(5), 1)]), [Some((1000, 0, 2000))]);
}
