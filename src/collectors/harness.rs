//! What a client in real time measures of itself, beside what it measures of the endpoints.

use std::collections::VecDeque;
use std::time::Duration;

use super::clocks::Disturbance;

/// What a client in real time has measured of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Harness {
    /// How late its loop was, at instants 10 ms apart.
    pub loop_lag: Lag,
    /// The most requests under way at once.
    pub in_flight_max: u64,
    /// None where the system does not tell.
    pub processor: Option<Processor>,
    pub clocks: Disturbance,
}

impl Harness {
    /// What two threads of one client come to: the worse of both, and their processor time together.
    pub fn beside(self, other: Harness) -> Harness {
        let processor = match (self.processor, other.processor) {
            (Some(one), Some(other)) => Some(Processor {
                client: one.client + other.client,
                process: one.process.max(other.process),
                share: max(one.share, other.share),
                waiting: max(one.waiting, other.waiting),
            }),
            (one, other) => one.or(other),
        };
        let (lag, clocks) = (self.loop_lag, self.clocks);
        let steps = [clocks.step_secs, other.clocks.step_secs];
        Harness {
            loop_lag: Lag {
                p50: lag.p50.max(other.loop_lag.p50),
                p99: lag.p99.max(other.loop_lag.p99),
                max: lag.max.max(other.loop_lag.max),
            },
            in_flight_max: self.in_flight_max.max(other.in_flight_max),
            processor,
            clocks: Disturbance {
                suspended: clocks.suspended.max(other.clocks.suspended),
                step_secs: if steps[0].abs() >= steps[1].abs() { steps[0] } else { steps[1] },
            },
        }
    }
}

fn max(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    [one, other].into_iter().flatten().reduce(f64::max)
}

/// How late something was.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Lag {
    pub p50: Duration,
    pub p99: Duration,
    pub max: Duration,
}

/// What processors did for it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Processor {
    /// Processor time of the client's thread.
    pub client: Duration,
    /// Of the whole process: with the embedded mock, if there is one.
    pub process: Duration,
    /// Processor time of the client's thread over time, in its busiest [`STRETCH`]; of a run too short to tell, none.
    pub share: Option<f64>,
    /// The share of time in which the thread was ready and other work had the processor, where the system tells.
    pub waiting: Option<f64>,
}

/// The busiest stretch of a thread, from its processor time as it is read now and then.
#[derive(Clone, Debug, Default)]
pub struct Busiest {
    /// Instants and the processor time used by then; the first is a stretch old as soon as there is one.
    readings: VecDeque<(Duration, Duration)>,
    share: Option<f64>,
}

impl Busiest {
    /// `used` processor time until `at`, both from any origin.
    pub fn look(&mut self, at: Duration, used: Duration) {
        self.readings.push_back((at, used));
        while self.readings.get(1).is_some_and(|(second, _)| at.saturating_sub(*second) >= STRETCH) {
            self.readings.pop_front();
        }
        if self.readings.front().is_some_and(|(first, _)| at.saturating_sub(*first) >= STRETCH) {
            self.share = max(self.share, self.latest());
        }
    }

    /// The share of a processor in the busiest stretch; over all that there is, where that is shorter than one; and
    /// none where that is no second.
    pub fn share(&self) -> Option<f64> {
        self.share.or_else(|| self.latest())
    }

    /// The share over what is kept.
    fn latest(&self) -> Option<f64> {
        let (first, last) = (self.readings.front()?, self.readings.back()?);
        let (time, used) = (last.0.saturating_sub(first.0), last.1.saturating_sub(first.1));
        (time >= SHORTEST).then(|| used.as_secs_f64() / time.as_secs_f64())
    }
}

/// Long enough that a burst of arrivals does not make a thread a busy one, short enough that a ramp's end does.
pub const STRETCH: Duration = Duration::from_secs(5);
/// What is set up at the start keeps any thread busy for a moment.
const SHORTEST: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    /// The share found where each quarter of a second uses so many milliseconds, in thousandths.
    fn share(used: impl IntoIterator<Item = u64>) -> Option<u64> {
        let (mut busiest, mut sum) = (Busiest::default(), Duration::ZERO);
        busiest.look(Duration::ZERO, sum);
        for (nth, millis) in (1..).zip(used) {
            sum += Duration::from_millis(millis);
            busiest.look(Duration::from_millis(250) * nth, sum);
        }
        busiest.share().map(|share| (share * 1_000.0).round() as u64)
    }

    #[test]
    fn a_short_run_is_as_busy_as_it_is_on_the_whole() {
        assert_eq!(share([250, 0, 0, 250]), Some(500));
        assert_eq!(share([100; 19]), Some(400));
    }

    #[test]
    fn two_threads_come_to_the_worse_of_both_and_to_their_processor_time_together() {
        let secs = Duration::from_secs;
        let thread = |lag, used, share, step_secs| Harness {
            loop_lag: Lag { p50: secs(1), p99: secs(lag), max: secs(lag) },
            in_flight_max: 7,
            processor: Some(Processor { client: secs(used), process: secs(9), share, waiting: None }),
            clocks: Disturbance { suspended: secs(lag), step_secs },
        };
        let (one, other) = (thread(5, 2, Some(0.4), -3.0), thread(2, 3, Some(0.9), 1.0));
        assert_eq!(one.beside(other), thread(5, 5, Some(0.9), -3.0));
        assert_eq!(other.beside(one), one.beside(other));
        assert_eq!(one.beside(Harness::default()), one);
    }

    #[test]
    fn what_does_not_last_a_second_tells_nothing() {
        assert_eq!((share([]), share([250; 3])), (None, None));
    }

    #[test]
    fn the_busiest_five_seconds_are_found_wherever_they_are() {
        let busy = |before, after| [vec![25; before], vec![225; 20], vec![50; after]].concat();
        for (before, after) in [(0, 0), (0, 40), (40, 0), (33, 71)] {
            assert_eq!(share(busy(before, after)), Some(900), "{before} before and {after} after");
        }
    }

    #[test]
    fn one_busy_second_among_idle_ones_makes_no_busy_thread() {
        assert_eq!(share([vec![0; 40], vec![250; 4], vec![0; 40]].concat()), Some(200));
    }

    #[test]
    fn as_few_readings_are_kept_as_a_stretch_has() {
        let mut busiest = Busiest::default();
        (0..10_000u32).for_each(|nth| busiest.look(Duration::from_millis(250) * nth, Duration::ZERO));
        assert_eq!(busiest.readings.len(), 21);
    }
}
