//! Pools and spills in virtual time, exact to the nanosecond.

use std::time::Duration;

use super::*;
use crate::server::endpoint::Detail;
use crate::wire::{Beginnings, Cached, ClassId, Finish, Request, RequestId};

const FAST: &str = "{ kind = 'fixed', ttft = '10ms', itl = '1ms' }";

fn read<T: serde::de::DeserializeOwned>(table: &str) -> T {
    let text = format!("table = {table}");
    let mut document = toml::de::DeTable::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    crate::kind::tag(document.get_mut());
    let (_, table) = document.into_inner().into_iter().next().expect("the document has one table");
    T::deserialize(toml::de::ValueDeserializer::from(table)).unwrap_or_else(|error| panic!("{error}"))
}

/// Endpoints with their limits and pools.
fn cloud(endpoints: &[(&[&str], &[usize])], pools: &[&[&str]]) -> Cloud {
    let limits = |limits: &[&str]| limits.iter().map(|limit| read(limit)).collect();
    let endpoint = |(index, (own, pools)): (u64, &(&[&str], &[usize]))| {
        let rng = Rng::new(1).child(index);
        (Endpoint::new(limits(own), read(FAST), Detail::Stretches, rng), pools.to_vec())
    };
    let endpoints = (0..).zip(endpoints).map(endpoint).collect();
    Cloud::new(endpoints, pools.iter().map(|pool| limits(pool)).collect(), Rng::new(2))
}

fn id(request: u64) -> AttemptId {
    AttemptId { request: RequestId(request), nth: 0 }
}

/// A streamed job of 100 prompt tokens and ten of the answer.
fn job(request: u64) -> (AttemptId, Job) {
    let asked = Request {
        id: RequestId(request),
        class: ClassId(0),
        priority: 0,
        input_tokens: 100,
        max_tokens: None,
        stream: true,
        beginnings: Beginnings::None,
        content: Default::default(),
    };
    (id(request), Job { request: asked, answer_tokens: 10, reasoning_tokens: 0, cached: Cached::NONE })
}

fn millis(millis: u64) -> Instant {
    Instant::START + Duration::from_millis(millis)
}

fn spill(to: usize) -> Option<Spill> {
    Some(Spill { to, tier: Tier::Standard, statuses: &[400, 429, 500, 503], is_direct: false })
}

fn offer(
    cloud: &mut Cloud,
    at: Instant,
    endpoint: usize,
    job: (AttemptId, Job),
    spill: Option<Spill>,
) -> Vec<Action> {
    let mut said = Vec::new();
    cloud.offer(at, endpoint, job, spill, &mut said);
    said
}

fn wake(cloud: &mut Cloud, at: Instant) -> Vec<Action> {
    let mut said = Vec::new();
    cloud.wake(at, &mut said);
    said
}

fn cancel(cloud: &mut Cloud, at: Instant, endpoint: usize, id: AttemptId) -> Vec<Action> {
    let mut said = Vec::new();
    cloud.cancel(at, endpoint, id, &mut said);
    said
}

/// Everything that is said until nothing more is due.
fn rest(cloud: &mut Cloud) -> Vec<(Instant, Action)> {
    let mut said = Vec::new();
    while let Some(at) = cloud.deadline() {
        said.extend(wake(cloud, at).into_iter().map(|action| (at, action)));
    }
    said
}

/// The refusal of a job, if it is refused at once.
fn refusal(cloud: &mut Cloud, at: Instant, endpoint: usize, request: u64) -> Option<Rejection> {
    let said = offer(cloud, at, endpoint, job(request), None);
    said.into_iter().find_map(|action| match action.reply {
        Reply::Rejected(rejection) if action.id == id(request) => Some(rejection),
        _ => None,
    })
}

/// Whether a job that is offered to the endpoint now goes on to the second, and nothing else is said.
fn is_passed_on(cloud: &mut Cloud, endpoint: usize, job: (AttemptId, Job)) -> bool {
    let said = offer(cloud, millis(0), endpoint, job, spill(1));
    matches!(said[..], [Action { by: 1, reply: Reply::PassedOn, .. }])
}

fn finishes(said: &[(Instant, Action)]) -> Vec<(u64, usize, usize, &Finish)> {
    let finished = said.iter().filter_map(|(_, action)| match &action.reply {
        Reply::Finished(finish) => Some((action.id.request.0, action.asked, action.by, finish)),
        _ => None,
    });
    finished.collect()
}

#[test]
fn the_endpoint_that_is_due_first_is_woken_first_whoever_was_asked_first() {
    let mut cloud = cloud(&[(&[], &[]), (&[], &[])], &[]);
    let (first, mut whole) = job(0);
    whole.request.stream = false;
    offer(&mut cloud, millis(0), 0, (first, whole), None);
    assert_eq!(cloud.deadline(), Some(millis(19)));
    offer(&mut cloud, millis(5), 1, job(1), None);
    assert_eq!(cloud.deadline(), Some(millis(15)));
    let said: Vec<_> = rest(&mut cloud).into_iter().map(|(at, action)| (at, action.by)).collect();
    assert_eq!(said.first(), Some(&(millis(15), 1)));
    assert!(said.is_sorted_by_key(|(at, _)| *at), "{said:?}");
}

#[test]
fn what_one_endpoint_takes_of_a_pool_the_other_lacks() {
    let family: &[&str] = &["{ kind = 'requests', per_minute = 60, burst = 2 }"];
    let mut cloud = cloud(&[(&[], &[0]), (&[], &[0])], &[family]);
    assert_eq!(refusal(&mut cloud, millis(0), 0, 1), None);
    assert_eq!(refusal(&mut cloud, millis(0), 1, 2), None);
    let refused = refusal(&mut cloud, millis(0), 0, 3).unwrap();
    assert_eq!((refused.limit, refused.retry_after), ("requests", Some(Duration::from_secs(1))));
    assert_eq!(refusal(&mut cloud, millis(999), 1, 4).map(|refused| refused.status), Some(429));
    assert_eq!(refusal(&mut cloud, millis(1000), 1, 5), None);
}

#[test]
fn an_own_limit_and_a_pool_are_both_charged_or_neither() {
    let family: &[&str] = &["{ kind = 'requests', per_minute = 60, burst = 2 }"];
    let own: &[&str] = &["{ kind = 'tokens', per_minute = 6000, burst = 100 }"];
    let mut cloud = cloud(&[(own, &[0]), (&[], &[0])], &[family]);
    assert_eq!(refusal(&mut cloud, millis(0), 0, 1), None);
    assert_eq!(refusal(&mut cloud, millis(0), 0, 2).map(|refused| refused.limit), Some("tokens"));
    assert_eq!(
        refusal(&mut cloud, millis(0), 1, 3),
        None,
        "a refusal by an own limit costs the pool nothing"
    );
    assert_eq!(refusal(&mut cloud, millis(0), 1, 4).map(|refused| refused.limit), Some("requests"));
}

#[test]
fn what_a_pool_reserved_comes_back_when_the_job_has_ended_at_whichever_endpoint() {
    let reserving = "{ kind = 'tokens', per_minute = 60, burst = 300, offered = { max_tokens_assumed = 150 }, settled = {} }";
    let mut cloud = cloud(&[(&[], &[0]), (&[], &[0])], &[&[reserving]]);
    assert_eq!(refusal(&mut cloud, millis(0), 0, 1), None);
    assert!(refusal(&mut cloud, millis(18), 1, 2).is_some(), "250 of 300 are reserved");
    // Its end, at 19 ms, corrects them to 110; nobody has woken the first endpoint for it.
    assert_eq!(cloud.deadline(), Some(millis(19)));
    assert!(refusal(&mut cloud, millis(19), 1, 3).is_some(), "190 are not 250");
    assert_eq!(cloud.gauges(millis(19), 1)[0].used, 110);
}

#[test]
fn an_outage_of_a_pool_breaks_the_streams_of_all_who_draw_on_it() {
    let region = "{ kind = 'outage', windows = [{ from = '15ms', for = '1s' }], break_streams = true }";
    let mut cloud = cloud(&[(&[], &[0]), (&[], &[0]), (&[], &[])], &[&[region]]);
    for endpoint in 0..3 {
        assert_eq!(refusal(&mut cloud, millis(0), endpoint, endpoint as u64), None);
    }
    let said = rest(&mut cloud);
    let broken: Vec<_> = said.iter().filter(|(_, action)| matches!(action.reply, Reply::Broken(_))).collect();
    assert_eq!(
        broken.iter().map(|(at, action)| (*at, action.by)).collect::<Vec<_>>(),
        [(millis(15), 0), (millis(15), 1)]
    );
    assert_eq!(finishes(&said).iter().map(|finish| finish.0).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_pool_of_one_is_as_if_its_limits_were_the_endpoints_own() {
    let limits: &[&str] = &[
        "{ kind = 'tokens', per_minute = 6000, burst = 250, settled = { output = 5 } }",
        "{ kind = 'requests', per_minute = 600, burst = 3, count_refused = true }",
    ];
    let play = |mut cloud: Cloud| {
        let mut said = Vec::new();
        for request in 0..400 {
            let at = millis(request * 37);
            while let Some(due) = cloud.deadline().filter(|due| *due <= at) {
                said.extend(wake(&mut cloud, due).into_iter().map(|action| (due, action)));
            }
            said.extend(offer(&mut cloud, at, 0, job(request), None).into_iter().map(|action| (at, action)));
        }
        said.extend(rest(&mut cloud));
        said
    };
    let shared = play(cloud(&[(&[], &[0])], &[limits]));
    assert_eq!(shared, play(cloud(&[(limits, &[])], &[])));
    assert!(shared.iter().any(|(_, action)| matches!(action.reply, Reply::Rejected(_))));
}

#[test]
fn what_is_refused_is_served_by_the_other_and_who_asked_is_told() {
    let mut cloud = cloud(&[(&["{ kind = 'requests', per_minute = 1 }"], &[]), (&[], &[])], &[]);
    assert_eq!(offer(&mut cloud, millis(0), 0, job(1), spill(1)).len(), 0);
    assert!(is_passed_on(&mut cloud, 0, job(2)), "nobody hears of a refusal");
    let said = rest(&mut cloud);
    let served: Vec<_> = finishes(&said)
        .into_iter()
        .map(|(request, asked, by, finish)| (request, asked, by, finish.tier))
        .collect();
    assert_eq!(served, [(1, 0, 0, None), (2, 0, 1, Some(Tier::Standard))]);
    assert_eq!(cloud.passing.len(), 0, "nothing is remembered of what has ended");
}

#[test]
fn where_both_refuse_the_first_refusal_is_heard() {
    let minute = "{ kind = 'requests', per_minute = 1 }";
    let hour = "{ kind = 'outage', windows = [{ from = '0s', for = '1h' }], status = 503 }";
    let mut cloud = cloud(&[(&[minute], &[]), (&[hour], &[])], &[]);
    assert_eq!(offer(&mut cloud, millis(0), 0, job(1), spill(1)).len(), 0);
    let said = offer(&mut cloud, millis(1), 0, job(2), spill(1));
    let [_, Action { asked: 0, by: 0, reply: Reply::Rejected(refused), other_status: Some(503), .. }] =
        said[..]
    else {
        panic!("{said:?}")
    };
    assert_eq!((refused.status, refused.limit), (429, "requests"));
    assert_eq!(refused.retry_after, Some(Duration::from_millis(59_999)));
}

#[test]
fn only_refusals_of_the_stated_statuses_are_passed_on() {
    let outage = |status: u16| {
        format!("{{ kind = 'outage', windows = [{{ from = '0s', for = '1h' }}], status = {status} }}")
    };
    for (status, is_spilled) in
        [(400, true), (429, true), (500, true), (503, true), (401, false), (529, false)]
    {
        let mut cloud = cloud(&[(&[&outage(status)], &[]), (&[], &[])], &[]);
        assert_eq!(is_passed_on(&mut cloud, 0, job(1)), is_spilled, "{status}");
    }
}

#[test]
fn a_job_whose_endpoint_goes_down_before_it_began_is_passed_on_then() {
    let down = "{ kind = 'outage', windows = [{ from = '5ms', for = '1h' }], status = 500, break_streams = 'error' }";
    let mut cloud = cloud(&[(&[down], &[]), (&[], &[])], &[]);
    assert_eq!(offer(&mut cloud, millis(0), 0, job(1), spill(1)).len(), 0);
    let said = rest(&mut cloud);
    assert_eq!((said[0].0, &said[0].1.reply), (millis(5), &Reply::PassedOn));
    assert_eq!(said[1].0, millis(15), "the first token comes ten milliseconds after the outage");
    assert!(matches!(finishes(&said)[..], [(1, 0, 1, _)]));
}

#[test]
fn a_direct_spill_leaves_the_first_endpoint_alone() {
    let minute: &[&str] = &["{ kind = 'requests', per_minute = 1 }"];
    let mut cloud = cloud(&[(minute, &[]), (minute, &[])], &[]);
    let shared = spill(1).map(|spill| Spill { is_direct: true, ..spill });
    let said = offer(&mut cloud, millis(0), 0, job(1), shared);
    assert!(matches!(said[..], [Action { asked: 0, by: 1, reply: Reply::PassedOn, .. }]));
    let refused = offer(&mut cloud, millis(0), 0, job(2), shared);
    assert!(matches!(refused[..], [_, Action { by: 1, reply: Reply::Rejected(_), other_status: None, .. }]));
    assert_eq!(refusal(&mut cloud, millis(0), 0, 3), None);
}

#[test]
fn a_client_that_leaves_frees_the_endpoint_that_serves_it() {
    let one: &[&str] = &["{ kind = 'concurrency', max = 1 }"];
    let mut cloud = cloud(&[(one, &[]), (one, &[])], &[]);
    assert_eq!(offer(&mut cloud, millis(0), 0, job(1), spill(1)).len(), 0);
    assert!(is_passed_on(&mut cloud, 0, job(2)));
    assert_eq!(cancel(&mut cloud, millis(1), 0, id(2)).len(), 0);
    assert_eq!(refusal(&mut cloud, millis(1), 1, 3), None, "the second's place is free");
    assert_eq!(refusal(&mut cloud, millis(1), 0, 4).map(|refused| refused.limit), Some("concurrency"));
}

#[test]
fn a_job_is_there_a_round_trip_after_it_was_offered_and_not_before() {
    let one: &[&str] = &["{ kind = 'requests', per_minute = 60, burst = 1 }"];
    let round_trips = vec![Duration::from_millis(80), Duration::ZERO];
    let mut cloud = cloud(&[(one, &[]), (one, &[])], &[]).with_round_trips(round_trips);
    assert_eq!(offer(&mut cloud, millis(0), 0, job(1), None).len(), 0);
    assert!(cloud.is_under_way(id(1)));
    assert_eq!((cloud.deadline(), cloud.arriving()), (Some(millis(80)), Some((millis(80), id(1)))));
    assert_eq!(wake(&mut cloud, millis(79)).len(), 0);
    // The second is sent before the first is there, and comes after it: its refusal counts from then.
    assert_eq!(offer(&mut cloud, millis(40), 0, job(2), None).len(), 0);
    assert_eq!(wake(&mut cloud, millis(80)).len(), 0);
    assert!(!cloud.is_under_way(id(1)));
    let said = rest(&mut cloud);
    let first = said.iter().find(|(_, action)| action.id == id(1)).map(|(at, _)| *at);
    assert_eq!(first, Some(millis(90)), "80 ms on the way, 10 ms to the first token");
    let refused = said.iter().find_map(|(at, action)| match action.reply {
        Reply::Rejected(rejection) => Some((*at, action.id, rejection.retry_after)),
        _ => None,
    });
    assert_eq!(refused, Some((millis(120), id(2), Some(Duration::from_millis(960)))));
    // The endpoint that is close by has its jobs at once.
    assert_eq!(refusal(&mut cloud, millis(200), 1, 3), None);
    assert!(refusal(&mut cloud, millis(200), 1, 4).is_some());
}

#[test]
fn who_leaves_on_the_way_was_never_noticed() {
    let one: &[&str] = &["{ kind = 'requests', per_minute = 60, burst = 1 }"];
    let mut cloud = cloud(&[(one, &[])], &[]).with_round_trips(vec![Duration::from_millis(80)]);
    assert_eq!(offer(&mut cloud, millis(0), 0, job(1), None).len(), 0);
    assert_eq!(cancel(&mut cloud, millis(79), 0, id(1)).len(), 0);
    assert_eq!(rest(&mut cloud), []);
    // It has taken nothing of the quota.
    assert_eq!(offer(&mut cloud, millis(100), 0, job(2), None).len(), 0);
    assert_eq!(finishes(&rest(&mut cloud)).len(), 1);
}

#[test]
fn a_job_on_its_way_draws_on_the_pool_when_it_is_there() {
    let family: &[&str] = &["{ kind = 'requests', per_minute = 60, burst = 1 }"];
    let round_trips = vec![Duration::from_millis(80), Duration::ZERO];
    let mut cloud = cloud(&[(&[], &[0]), (&[], &[0])], &[family]).with_round_trips(round_trips);
    assert_eq!(offer(&mut cloud, millis(0), 0, job(1), None).len(), 0);
    assert_eq!(refusal(&mut cloud, millis(79), 1, 2), None);
    // Nobody has woken the cloud for the first job's coming: what comes later finds it done.
    let said = offer(&mut cloud, millis(81), 1, job(3), None);
    let refused: Vec<u64> = said
        .iter()
        .filter(|action| matches!(action.reply, Reply::Rejected(_)))
        .map(|action| action.id.request.0)
        .collect();
    assert_eq!(refused, [1, 3]);
}
