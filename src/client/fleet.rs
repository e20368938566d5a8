//! What the client knows of each endpoint: how busy, how fast, how dear, and whether it is resting.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::{Positive, Span};
use crate::price::Tariff;
use crate::time::{Instant, nanos};
use crate::wire::{ClassId, EndpointId, Rejection, Request};

/// When an endpoint is given a rest: it gets no requests until it is over.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Cooling {
    /// Failures in a row (5xx, breaks, stalls) that open the circuit; 0 never does.
    #[serde(default = "default_failures")]
    pub failures: u32,
    /// How long the circuit stays open.
    #[serde(default = "default_rest")]
    pub rest: Span,
    /// Whether a refusal's Retry-After rests the endpoint for that long.
    #[serde(default)]
    pub on_retry_after: bool,
}

impl Default for Cooling {
    fn default() -> Self {
        Cooling { failures: default_failures(), rest: default_rest(), on_retry_after: false }
    }
}

impl Cooling {
    /// Nothing ever rests.
    pub fn never() -> Cooling {
        Cooling { failures: 0, ..Cooling::default() }
    }
}

/// All endpoints, as the client sees them.
#[derive(Clone, Debug)]
pub struct Fleet {
    members: Vec<Member>,
    cooling: Cooling,
    /// Smoothed length of the answers so far, in 1/1024 tokens.
    answer_length: Option<u64>,
}

#[derive(Clone, Debug)]
pub struct Member {
    pub name: String,
    /// For the weighted router.
    pub weight: Positive,
    pub tariff: Tariff,
    /// Attempts under way.
    pub in_flight: u32,
    /// Smoothed time to first token; `None` before the first answer.
    pub ttft: Option<Duration>,
    access: Access,
    failures: u32,
    rests_until: Instant,
}

/// Which requests an endpoint may get, and when it is there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Access {
    /// Classes that may not use it.
    pub barred: Vec<ClassId>,
    /// Its model is there from here on.
    pub from: Instant,
    /// Its model is gone from here on.
    pub until: Instant,
}

impl Default for Access {
    /// Open to all, always.
    fn default() -> Self {
        Access { barred: Vec::new(), from: Instant::START, until: Instant::MAX }
    }
}

impl Access {
    fn is_open(&self, now: Instant, class: ClassId) -> bool {
        self.from <= now && now < self.until && !self.barred.contains(&class)
    }
}

impl Member {
    pub fn with_access(self, access: Access) -> Member {
        Member { access, ..self }
    }

    pub fn new(name: &str, weight: Positive, tariff: Tariff) -> Member {
        Member {
            name: name.into(),
            weight,
            tariff,
            in_flight: 0,
            ttft: None,
            access: Access::default(),
            failures: 0,
            rests_until: Instant::START,
        }
    }
}

impl Fleet {
    pub fn new(members: Vec<Member>, cooling: Cooling) -> Fleet {
        Fleet { members, cooling, answer_length: None }
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// In the scenario's order.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter()
    }

    pub fn member(&self, id: EndpointId) -> &Member {
        &self.members[usize::from(id.0)]
    }

    /// Endpoints that are there, may have the request, are not resting and not among `tried`, in the scenario's
    /// order.
    pub fn ready<'a>(
        &'a self,
        now: Instant,
        request: &'a Request,
        tried: &'a [EndpointId],
    ) -> impl Iterator<Item = EndpointId> + 'a {
        let is_ready =
            move |member: &Member| member.rests_until <= now && member.access.is_open(now, request.class);
        let ids = (0..self.members.len() as u16).map(EndpointId);
        ids.filter(move |id| is_ready(self.member(*id)) && !tried.contains(id))
    }

    /// How long until some endpoint that may have the request is there and not resting; [`Duration::MAX`] for
    /// never.
    pub fn rest_left(&self, now: Instant, request: &Request) -> Duration {
        let opens = self.members.iter().filter_map(|member| {
            let at = member.rests_until.max(member.access.from).max(now);
            member.access.is_open(at, request.class).then(|| at.since(now))
        });
        opens.min().unwrap_or(Duration::MAX)
    }

    /// Smoothed length of the answers so far, in tokens; `None` before the first.
    pub fn answer_tokens(&self) -> Option<u32> {
        self.answer_length.map(|length| (length / 1024) as u32)
    }

    /// An answer of `tokens` is whole: an exponential average that forgets half in about 44 answers.
    pub fn on_answer(&mut self, tokens: u32) {
        let length = u64::from(tokens) * 1024;
        self.answer_length = Some(self.answer_length.map_or(length, |mean| (mean * 63 + length) / 64));
    }

    pub fn on_send(&mut self, id: EndpointId) {
        self.member_mut(id).in_flight += 1;
    }

    /// An attempt ended, however it did.
    pub fn on_end(&mut self, id: EndpointId) {
        self.member_mut(id).in_flight -= 1;
    }

    /// The first token came `ttft` after the send: an exponential average that forgets half in about 6 answers.
    pub fn on_first_token(&mut self, id: EndpointId, ttft: Duration) {
        let member = self.member_mut(id);
        member.failures = 0;
        member.ttft = Some(match member.ttft {
            Some(mean) => {
                Duration::from_nanos(nanos(mean).saturating_mul(9).saturating_add(nanos(ttft)) / 10)
            }
            None => ttft,
        });
    }

    pub fn on_reject(&mut self, now: Instant, id: EndpointId, rejection: &Rejection) {
        if rejection.status >= 500 {
            self.on_failure(now, id);
        }
        if let (true, Some(wait)) = (self.cooling.on_retry_after, rejection.retry_after) {
            let member = self.member_mut(id);
            member.rests_until = member.rests_until.max(now + wait);
        }
    }

    /// A break, a stall or a server error.
    pub fn on_failure(&mut self, now: Instant, id: EndpointId) {
        let (limit, rest) = (self.cooling.failures, self.cooling.rest.get());
        let member = self.member_mut(id);
        member.failures += 1;
        if limit > 0 && member.failures >= limit {
            member.failures = 0;
            member.rests_until = member.rests_until.max(now + rest);
        }
    }

    fn member_mut(&mut self, id: EndpointId) -> &mut Member {
        &mut self.members[usize::from(id.0)]
    }
}

fn default_failures() -> u32 {
    5
}

fn default_rest() -> Span {
    Span(Duration::from_secs(5))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Beginnings, RequestId};

    const REQUEST: Request = Request {
        id: RequestId(0),
        class: ClassId(1),
        priority: 0,
        input_tokens: 10,
        max_tokens: None,
        stream: true,
        beginnings: Beginnings::None,
        content: crate::wire::Content::TEXT,
    };

    #[test]
    fn an_endpoint_gets_only_what_it_may_have_while_it_is_there() {
        let (start, end) = (Instant::from_secs_f64(10.0), Instant::from_secs_f64(20.0));
        let barred = Access { barred: vec![ClassId(1)], ..Access::default() };
        let launched = Access { from: start, until: end, ..Access::default() };
        let member = |name, access| {
            Member::new(name, Positive::new(1.0).unwrap(), Tariff::default()).with_access(access)
        };
        let fleet = Fleet::new(vec![member("a", barred), member("b", launched)], Cooling::never());
        let ready = |secs, class| {
            let request = Request { class: ClassId(class), ..REQUEST };
            fleet.ready(Instant::from_secs_f64(secs), &request, &[]).map(|id| id.0).collect::<Vec<_>>()
        };
        assert_eq!(
            [ready(9.9, 1), ready(10.0, 1), ready(19.9, 1), ready(20.0, 1)],
            [vec![], vec![1], vec![1], vec![]]
        );
        assert_eq!(ready(10.0, 0), [0, 1]);
        let left = |secs| fleet.rest_left(Instant::from_secs_f64(secs), &REQUEST);
        assert_eq!(
            [left(4.0), left(12.0), left(20.0)],
            [Duration::from_secs(6), Duration::ZERO, Duration::MAX]
        );
    }

    fn fleet(cooling: Cooling) -> Fleet {
        let one = Positive::new(1.0).unwrap();
        Fleet::new(["a", "b"].map(|name| Member::new(name, one, Tariff::default())).to_vec(), cooling)
    }

    #[test]
    fn failures_in_a_row_rest_an_endpoint_and_an_answer_between_them_does_not() {
        let mut fleet =
            fleet(Cooling { failures: 2, rest: Span(Duration::from_secs(5)), on_retry_after: false });
        let (a, now) = (EndpointId(0), Instant::from_secs_f64(1.0));
        fleet.on_failure(now, a);
        fleet.on_first_token(a, Duration::from_millis(10));
        fleet.on_failure(now, a);
        assert_eq!(fleet.ready(now, &REQUEST, &[]).count(), 2);
        fleet.on_failure(now, a);
        assert_eq!(fleet.ready(now, &REQUEST, &[]).collect::<Vec<_>>(), [EndpointId(1)]);
        assert_eq!(fleet.ready(Instant::from_secs_f64(6.0), &REQUEST, &[]).count(), 2);
    }

    #[test]
    fn a_promise_rests_an_endpoint_only_where_the_scenario_says_so() {
        let rejection = Rejection {
            status: 429,
            limit: "tokens",
            retry_after: Some(Duration::from_secs(2)),
            is_retryable: true,
            should_retry: None,
        };
        for (on_retry_after, ready) in [(false, 2), (true, 1)] {
            let mut fleet = fleet(Cooling { on_retry_after, ..Cooling::default() });
            fleet.on_reject(Instant::START, EndpointId(0), &rejection);
            assert_eq!(fleet.ready(Instant::from_secs_f64(1.999), &REQUEST, &[]).count(), ready);
            assert_eq!(fleet.ready(Instant::from_secs_f64(2.0), &REQUEST, &[]).count(), 2);
        }
    }
}
