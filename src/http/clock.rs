//! Real time as instants since the run began, the same for everyone who holds a copy.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::time::Instant;

/// One monotonic clock. The client and the mocks it embeds share a copy, so both count from the same start.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: std::time::Instant,
    /// The epoch's calendar time, since the Unix epoch.
    unix: Duration,
}

impl Clock {
    /// A clock that reads [`Instant::START`] for the first `lead`, so that what is set up meanwhile
    /// takes nothing from the run.
    pub fn starting_in(lead: Duration) -> Clock {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock { epoch: std::time::Instant::now() + lead, unix: unix + lead }
    }

    pub fn now(&self) -> Instant {
        Instant::START + self.epoch.elapsed()
    }

    /// The same instant as the standard library counts it.
    pub fn std(&self, at: Instant) -> std::time::Instant {
        let span = at.since(Instant::START);
        self.epoch.checked_add(span).unwrap_or(self.epoch)
    }

    /// The calendar time of `at`, in whole seconds since the Unix epoch. Steps of the system's clock
    /// during the run do not show.
    pub fn unix_secs(&self, at: Instant) -> u64 {
        (self.unix + at.since(Instant::START)).as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_stands_at_the_start_until_its_lead_is_over() {
        let clock = Clock::starting_in(Duration::from_secs(3600));
        assert_eq!(clock.now(), Instant::START);
    }

    #[test]
    fn copies_of_a_clock_agree_and_never_go_back() {
        let clock = Clock::starting_in(Duration::ZERO);
        let copy = clock;
        let (first, second, third) = (clock.now(), copy.now(), clock.now());
        assert!(first <= second && second <= third);
    }

    #[test]
    fn calendar_time_moves_with_the_clock() {
        let clock = Clock::starting_in(Duration::ZERO);
        let later = Instant::START + Duration::from_secs(90);
        assert_eq!(clock.unix_secs(later), clock.unix_secs(Instant::START) + 90);
    }
}
