//! What befell the machine's clocks meanwhile: it slept, or its calendar was set.
//!
//! Stamps are taken from a clock that nobody sets and that stands while the machine sleeps. A second one that goes on
//! asleep runs away from it by as long as the machine slept, a third that tells the calendar by as much as it was set.
//! All three are slewed alike, so that what is left between two readings is the time it took to read them.

use std::time::Duration;

/// Clocks read at one instant, each from an origin of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reading {
    /// Never set, and stands while the machine sleeps: the clock of every stamp.
    pub monotonic: Duration,
    /// Goes on while the machine sleeps; none where the system has no such clock.
    pub boot: Option<Duration>,
    /// Since the Unix epoch.
    pub calendar: Duration,
}

/// Compares readings as they come.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    last: Reading,
    found: Disturbance,
}

/// What befell the clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Disturbance {
    /// How long the machine slept.
    pub suspended: Duration,
    /// The furthest the calendar was set at once, in seconds: forward above zero.
    pub step_secs: f64,
}

impl Disturbance {
    /// That the calendar was set, for people. Stamps do not depend on it.
    pub fn note(&self) -> Option<String> {
        let way = if self.step_secs < 0.0 { "back" } else { "forward" };
        let secs = self.step_secs.abs();
        (secs > 0.0).then(|| {
            format!(
                "the system's calendar clock was set {way} by {secs:.1} s during the run; no figure depends on it, but \
                 calendar times beside those of other programs may be off by as much"
            )
        })
    }
}

impl Watch {
    pub fn new(first: Reading) -> Watch {
        Watch { last: first, found: Disturbance::default() }
    }

    /// Takes the next reading.
    pub fn look(&mut self, now: Reading) {
        let passed = now.monotonic.saturating_sub(self.last.monotonic);
        let awake_and_asleep = match (self.last.boot, now.boot) {
            (Some(last), Some(now)) => now.saturating_sub(last).max(passed),
            _ => passed,
        };
        let slept = awake_and_asleep - passed;
        if slept >= SLEEP_MIN {
            self.found.suspended += slept;
        }
        let step = signed_secs(self.last.calendar, now.calendar) - awake_and_asleep.as_secs_f64();
        let slewed = SLEW_MAX * awake_and_asleep.as_secs_f64();
        if step.abs() > STEP_MIN_SECS + slewed && step.abs() > self.found.step_secs.abs() {
            self.found.step_secs = step;
        }
        self.last = now;
    }

    pub fn found(&self) -> Disturbance {
        self.found
    }
}

fn signed_secs(from: Duration, to: Duration) -> f64 {
    match to.checked_sub(from) {
        Some(forward) => forward.as_secs_f64(),
        None => -(from - to).as_secs_f64(),
    }
}

/// No machine sleeps for less; the reading of two clocks can be interrupted for almost as long.
const SLEEP_MIN: Duration = Duration::from_millis(100);
/// Likewise of a calendar that is set.
const STEP_MIN_SECS: f64 = 0.1;
/// Where the clocks are not slewed alike, a calendar is slewed by no more than so much of the time (NTP's 500 ppm).
const SLEW_MAX: f64 = 500e-6;

#[cfg(test)]
mod tests {
    use super::*;

    /// Readings from milliseconds on the three clocks.
    fn watch(readings: &[(u64, Option<u64>, u64)]) -> Disturbance {
        let millis = Duration::from_millis;
        let reading = |&(monotonic, boot, calendar): &(u64, Option<u64>, u64)| Reading {
            monotonic: millis(monotonic),
            boot: boot.map(millis),
            calendar: millis(calendar),
        };
        let mut readings = readings.iter().map(reading);
        let mut watch = Watch::new(readings.next().expect("there is a first reading"));
        readings.for_each(|reading| watch.look(reading));
        watch.found()
    }

    fn secs(secs: f64) -> Disturbance {
        Disturbance { step_secs: secs, ..Disturbance::default() }
    }

    #[test]
    fn clocks_that_go_together_are_undisturbed_wherever_they_begin() {
        let quiet = watch(&[
            (100, Some(7_100), 900_000),
            (350, Some(7_350), 900_250),
            (3_600_350, Some(3_607_350), 4_500_250),
        ]);
        assert_eq!(quiet, Disturbance::default());
    }

    #[test]
    fn a_machine_that_slept_is_found_and_its_calendar_was_not_set() {
        let slept = watch(&[(0, Some(0), 50_000), (250, Some(12_250), 62_250), (500, Some(15_000), 65_000)]);
        assert_eq!(slept, Disturbance { suspended: Duration::from_millis(14_500), step_secs: 0.0 });
    }

    #[test]
    fn a_sleep_is_one_from_a_tenth_of_a_second_on() {
        let slept =
            |millis: u64| watch(&[(0, Some(0), 0), (250, Some(250 + millis), 250 + millis)]).suspended;
        assert_eq!((slept(99), slept(100)), (Duration::ZERO, Duration::from_millis(100)));
    }

    #[test]
    fn a_calendar_that_is_set_is_found_and_the_furthest_step_is_told() {
        let forward = watch(&[(0, Some(0), 50_000), (250, Some(250), 53_250), (500, Some(500), 53_500)]);
        assert_eq!(forward, secs(3.0));
        let back_and_forth =
            watch(&[(0, Some(0), 50_000), (250, Some(250), 45_250), (500, Some(500), 49_500)]);
        assert_eq!(back_and_forth, secs(-5.0));
    }

    #[test]
    fn a_calendar_that_is_slewed_is_not_set() {
        // 1,000 s: at 500 ppm half a second, beside the tenth that is no step.
        let is_set = |by: u64| {
            let readings = [(0, Some(0), 0), (1_000_000, Some(1_000_000), 1_000_000 + by)];
            watch(&readings).step_secs != 0.0
        };
        assert!(!is_set(599) && is_set(601));
    }

    #[test]
    fn without_a_clock_that_goes_on_asleep_a_sleep_looks_like_a_calendar_that_was_set() {
        assert_eq!(watch(&[(0, None, 50_000), (250, None, 62_250)]), secs(12.0));
    }

    #[test]
    fn a_calendar_that_was_set_is_a_note_and_one_that_was_not_is_none() {
        assert_eq!(Disturbance::default().note(), None);
        let note = |step| secs(step).note().expect("a step is told");
        assert!(
            note(-1.26).starts_with("the system's calendar clock was set back by 1.3 s"),
            "{}",
            note(-1.26)
        );
        assert!(note(3600.0).contains("forward by 3600.0 s"));
    }

    #[test]
    fn clocks_that_go_back_disturb_nothing_else() {
        assert_eq!(watch(&[(500, Some(500), 900), (250, Some(250), 900)]), Disturbance::default());
    }
}
