//! Whether a load is more than what answers it can bear: told while it is being played, before the queue fills the machine.
//!
//! By Little's law a load of `λ` requests a second that take `W` on average settles with `λ·W` of them under way, and on the
//! way there with fewer. Of a lighter load that passed, `W` is known. A load is over-saturated where
//!
//! ```text
//!   L  >  3·λ·W + 4·√L           three times as many are under way as that load would have, and
//!   m  <  0.9·n − 4·√(m + n)     in the last half of the time so far fewer ended (m) than came (n)
//! ```
//!
//! with four standard deviations of such counts, were they Poisson's. A stable load passes whatever the mixture of its
//! requests: until long ones begin to end, no more than `λ·W` are under way.

use std::time::Duration;

use crate::time::Instant;

/// Watches a run.
#[derive(Clone, Debug)]
pub struct Saturation {
    /// How long a request of a load that is borne takes, on average; while that is not known, nothing is said.
    stay: Option<Duration>,
    marks: Vec<Mark>,
}

/// What had come by an instant, and what was under way.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mark {
    pub now: Instant,
    /// Requests begun.
    pub asked: u64,
    pub in_flight: u64,
}

impl Mark {
    fn ended(&self) -> u64 {
        self.asked - self.in_flight
    }
}

impl Saturation {
    pub fn new(stay: Option<Duration>) -> Saturation {
        Saturation { stay, marks: Vec::new() }
    }

    /// Why the load is more than can be borne, where it is. Marks come in order of time, as long as requests do.
    pub fn look(&mut self, mark: Mark) -> Option<String> {
        self.marks.push(mark);
        let stay = self.stay?.as_secs_f64();
        let secs = mark.now.as_secs_f64();
        let place = self.marks.partition_point(|one| one.now.as_secs_f64() <= secs * (1.0 - PART));
        let before = self.marks[..place].last().copied().unwrap_or_default();
        let span = secs - before.now.as_secs_f64();
        if secs < SECS_MIN || span <= 0.0 {
            return None;
        }
        let (came, ended) =
            ((mark.asked - before.asked) as f64, mark.ended().saturating_sub(before.ended()) as f64);
        let (in_flight, settled) = (mark.in_flight as f64, came / span * stay);
        let is_full = in_flight > FULL * settled + SIGMAS * in_flight.sqrt();
        let is_behind = ended < BEHIND * came - SIGMAS * (came + ended).sqrt();
        (is_full && is_behind).then(|| {
            format!(
                "over-saturated after {secs:.1} s: {:.0} requests a second came and {:.0} ended; {in_flight} were under way, \
                 where {settled:.0} would be if they took as long as at a load that passes",
                came / span,
                ended / span
            )
        })
    }
}

/// What is looked at: the last part of the time so far.
const PART: f64 = 0.5;

/// So much more than settled is full.
const FULL: f64 = 3.0;

/// A smaller share of what came is behind.
const BEHIND: f64 = 0.9;

const SIGMAS: f64 = 4.0;

/// Before that nothing is told.
const SECS_MIN: f64 = 1.0;

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks four times a second for `secs` at a load of which `came` and `ended` say how much there was by a time; when it
    /// was told first.
    fn told(
        stay: Option<f64>,
        secs: f64,
        came: impl Fn(f64) -> f64,
        ended: impl Fn(f64) -> f64,
    ) -> Option<f64> {
        let mut saturation = Saturation::new(stay.map(Duration::from_secs_f64));
        let times = (1..).map(|nth| f64::from(nth) / 4.0).take_while(|at| *at <= secs);
        let mut looks = times.map(|at| {
            let (asked, ended) = (came(at) as u64, ended(at) as u64);
            let mark = Mark { now: Instant::from_secs_f64(at), asked, in_flight: asked - ended };
            (at, saturation.look(mark))
        });
        looks.find_map(|(at, why)| why.map(|_| at))
    }

    /// 100 a second come, 60 a second end, where half a second each would be borne.
    #[test]
    fn a_queue_that_grows_is_told_in_seconds_and_not_before_it_is_long() {
        let at = told(Some(0.5), 30.0, |at| 100.0 * at, |at| 60.0 * at).expect("it is told");
        assert!(
            (4.0..=8.0).contains(&at),
            "more than 150 under way is told, and 40 more come each second: {at}"
        );
    }

    #[test]
    fn a_load_that_is_borne_is_not_told_however_long_its_requests_take() {
        for stay in [0.1, 2.0, 8.0, 29.0, 100.0] {
            assert_eq!(
                told(Some(stay), 30.0, |at| 200.0 * at, |at| 200.0 * (at - stay).max(0.0)),
                None,
                "{stay}"
            );
        }
        // Half take no time and half a minute: the mean is known to be 30 s.
        let mixed = |at: f64| 100.0 * at + 100.0 * (at - 60.0).max(0.0);
        assert_eq!(told(Some(30.0), 120.0, |at| 200.0 * at, mixed), None);
    }

    #[test]
    fn a_burst_that_is_worked_off_is_not_told() {
        let came = |at: f64| if at < 5.0 { 200.0 * at } else { 1000.0 + 20.0 * (at - 5.0) };
        let first = told(Some(0.1), 60.0, came, |at: f64| (100.0 * at).min(came(at)));
        assert!(first.is_none_or(|at| at <= 5.0), "while it lasts it is more than can be borne: {first:?}");
        let after = |at: f64| came(at + 5.0) - 500.0;
        let ended = |at: f64| (100.0 * at).min(after(at));
        assert_eq!(told(Some(0.1), 60.0, after, ended), None);
    }

    #[test]
    fn where_no_load_has_passed_yet_nothing_is_told() {
        assert_eq!(told(None, 30.0, |at| 100.0 * at, |_| 0.0), None);
    }
}
