//! Times when the endpoint is dark: planned ones, or random ones that come and go.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Limit, Verdict};
use crate::number::Span;
use crate::rng::{Purpose, Rng};
use crate::time::{Instant, span_from_secs};
use crate::wire::{Job, Rejection};

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// Planned dark times, in order and apart from each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// Random dark times, beside the planned ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random: Option<Random>,
    /// What requests are refused with while it is dark.
    #[serde(default = "default_status")]
    pub status: u16,
    /// Whether streams under way break when it gets dark.
    #[serde(default)]
    pub break_streams: bool,
    #[serde(skip)]
    renewal: Option<Renewal>,
}

/// One dark time.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// When it begins, from the start of the run.
    pub from: Span,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Span,
}

/// Light and dark in turn, each for an exponentially distributed time.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Random {
    /// Mean time between dark times.
    pub mean_up: Span,
    /// Mean length of a dark time.
    pub mean_down: Span,
}

/// The dark time that has not ended yet.
#[derive(Clone, Debug)]
struct Renewal {
    rng: Rng,
    drawn: u64,
    from: Instant,
    until: Instant,
}

impl Outage {
    fn is_dark(&mut self, now: Instant) -> bool {
        let is_planned = self.windows.iter().any(|window| {
            let from = Instant::START + window.from.get();
            from <= now && now < from + window.lasts.get()
        });
        let random = self.current(now);
        is_planned || random.is_some_and(|(from, until)| from <= now && now < until)
    }

    /// The random dark time that contains `now` or follows it.
    fn current(&mut self, now: Instant) -> Option<(Instant, Instant)> {
        let random = self.random?;
        self.renewal.as_mut().map(|renewal| renewal.seek(random, now))
    }
}

impl Renewal {
    fn seek(&mut self, random: Random, now: Instant) -> (Instant, Instant) {
        while self.until <= now {
            let mut draws = self.rng.of(Purpose::Outage, self.drawn, 0);
            let mut draw = |mean: Span| span_from_secs(draws.exponential() * mean.as_secs_f64());
            self.from = self.until + draw(random.mean_up);
            // At least a nanosecond, so that a mean of nothing does not stand still.
            self.until = self.from + draw(random.mean_down).max(Duration::from_nanos(1));
            self.drawn += 1;
        }
        (self.from, self.until)
    }
}

impl Limit for Outage {
    fn start(&mut self, rng: Rng) {
        self.renewal = Some(Renewal { rng, drawn: 0, from: Instant::START, until: Instant::START });
    }

    fn check(&mut self, now: Instant, _job: &Job) -> Verdict {
        if self.is_dark(now) {
            let is_retryable = true;
            Verdict::Refuse(Rejection {
                status: self.status,
                limit: "outage",
                retry_after: None,
                is_retryable,
            })
        } else {
            Verdict::Admit
        }
    }

    fn next_break(&mut self, now: Instant) -> Option<Instant> {
        if !self.break_streams {
            return None;
        }
        let planned = self.windows.iter().map(|window| Instant::START + window.from.get());
        let planned = planned.filter(|from| *from > now).min();
        let random = self.current(now).and_then(|(from, until)| {
            // Dark already: the next dark time is looked up on a copy, since this one is not over.
            let ahead = || Some(self.renewal.clone()?.seek(self.random?, until).0);
            if from > now { Some(from) } else { ahead() }
        });
        planned.into_iter().chain(random).min()
    }
}

fn default_status() -> u16 {
    503
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{ClassId, Request, RequestId};

    fn outage(text: &str) -> Outage {
        let mut outage: Outage = toml::from_str(text).unwrap();
        outage.start(Rng::new(3));
        outage
    }

    fn job() -> Job {
        let request =
            Request { id: RequestId(0), class: ClassId(0), input_tokens: 1, max_tokens: None, stream: true };
        Job { request, answer_tokens: 1, reasoning_tokens: 0 }
    }

    #[test]
    fn a_window_is_dark_from_its_first_nanosecond_to_before_its_last() {
        let mut outage = outage("windows = [{ from = \"10s\", for = \"5s\" }]\nbreak_streams = true");
        let mut is_dark = |nanos| outage.check(Instant::from_nanos(nanos), &job()) != Verdict::Admit;
        assert_eq!(
            [9_999_999_999, 10_000_000_000, 14_999_999_999, 15_000_000_000].map(&mut is_dark),
            [false, true, true, false]
        );
        assert_eq!(outage.next_break(Instant::START), Some(Instant::from_secs_f64(10.0)));
        assert_eq!(outage.next_break(Instant::from_secs_f64(10.0)), None);
    }

    #[test]
    fn random_outages_are_dark_for_their_share_of_the_time() {
        let mut outage = outage("random = { mean_up = \"9s\", mean_down = \"1s\" }");
        let dark = (0..1_000_000u64)
            .filter(|step| outage.is_dark(Instant::START + Duration::from_millis(step * 100)));
        let share = dark.count() as f64 / 1e6;
        // 10,000 cycles: the share's standard deviation is about 0.1·0.9·√(2/10,000) = 0.0013.
        assert!((share - 0.1).abs() < 0.006, "{share}");
    }

    #[test]
    fn the_next_break_is_when_it_gets_dark_next() {
        let mut outage = outage("random = { mean_up = \"9s\", mean_down = \"1s\" }\nbreak_streams = true");
        let mut now = Instant::START;
        for _ in 0..100 {
            let was_dark = outage.clone().is_dark(now);
            let next = outage.next_break(now).expect("random outages never end");
            assert_eq!(outage.is_dark(now), was_dark, "looking ahead changes nothing");
            assert!(next > now && !outage.is_dark(Instant::from_nanos(next.as_nanos() - 1)));
            assert!(outage.is_dark(next));
            now = next;
        }
    }
}
