//! Reads the client's own gauges: its thread's processor time, and the machine's clocks.

use std::time::Duration;

use super::pacer::Lateness;
use crate::collectors::clocks::{Disturbance, Reading, Watch};
use crate::collectors::harness::{Busiest, Harness, Processor};

/// The gauges of the thread that made it.
#[derive(Debug)]
pub struct Gauge {
    busiest: Busiest,
    watch: Option<Watch>,
    first: Option<system::Usage>,
    last: Option<system::Usage>,
}

impl Gauge {
    pub fn new() -> Gauge {
        let mut gauge =
            Gauge { busiest: Busiest::default(), watch: None, first: system::usage(), last: None };
        gauge.look();
        gauge
    }

    /// Reads them: some microseconds, a few times a second.
    pub fn look(&mut self) {
        if let Some(now) = system::clocks() {
            match &mut self.watch {
                Some(watch) => watch.look(now),
                None => self.watch = Some(Watch::new(now)),
            }
        }
        if let Some(now) = system::usage() {
            self.busiest.look(now.at, now.thread);
            self.last = Some(now);
        }
    }

    /// What the client has measured of itself up to now.
    pub fn finish(mut self, lateness: &Lateness, in_flight_max: u64) -> Harness {
        self.look();
        let processor = self.first.zip(self.last).map(|(first, last)| Processor {
            client: last.thread.saturating_sub(first.thread),
            process: last.process.saturating_sub(first.process),
            share: self.busiest.share(),
            waiting: first.waited.zip(last.waited).map(|(before, after)| {
                let time = last.at.saturating_sub(first.at).as_secs_f64();
                after.saturating_sub(before).as_secs_f64() / time.max(f64::MIN_POSITIVE)
            }),
        });
        Harness {
            loop_lag: lateness.lag(),
            in_flight_max,
            processor,
            clocks: self.watch.map_or_else(Disturbance::default, |watch| watch.found()),
        }
    }
}

impl Default for Gauge {
    fn default() -> Self {
        Gauge::new()
    }
}

/// The clocks take as long to read as two of them are apart; a reading that was interrupted is taken again.
const INTERRUPTED: Duration = Duration::from_millis(1);
const TRIES: usize = 5;

#[cfg(target_os = "linux")]
mod system {
    use std::mem::MaybeUninit;
    use std::time::Duration;

    use super::{INTERRUPTED, Reading, TRIES};

    /// What the process and the calling thread have used until `at`.
    #[derive(Clone, Copy, Debug)]
    pub struct Usage {
        pub at: Duration,
        pub thread: Duration,
        pub process: Duration,
        /// For how long the thread was ready and did not run.
        pub waited: Option<Duration>,
    }

    pub fn clocks() -> Option<Reading> {
        (0..TRIES).find_map(|_| {
            let monotonic = clock(libc::CLOCK_MONOTONIC)?;
            let boot = clock(libc::CLOCK_BOOTTIME);
            let calendar = clock(libc::CLOCK_REALTIME)?;
            let after = clock(libc::CLOCK_MONOTONIC)?;
            (after.saturating_sub(monotonic) < INTERRUPTED).then_some(Reading { monotonic, boot, calendar })
        })
    }

    pub fn usage() -> Option<Usage> {
        Some(Usage {
            at: clock(libc::CLOCK_MONOTONIC)?,
            thread: clock(libc::CLOCK_THREAD_CPUTIME_ID)?,
            process: clock(libc::CLOCK_PROCESS_CPUTIME_ID)?,
            waited: waited(),
        })
    }

    fn clock(id: libc::clockid_t) -> Option<Duration> {
        let mut time = MaybeUninit::<libc::timespec>::uninit();
        // SAFETY: the pointer is to a timespec on this stack frame, which is filled in where the call succeeds.
        let time = unsafe {
            if libc::clock_gettime(id, time.as_mut_ptr()) != 0 {
                return None;
            }
            time.assume_init()
        };
        Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
    }

    /// The second number of the scheduler's statistics, in nanoseconds.
    fn waited() -> Option<Duration> {
        let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        statistics.split_whitespace().nth(1)?.parse().ok().map(Duration::from_nanos)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::sync::LazyLock;
    use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

    use super::{INTERRUPTED, Reading, TRIES};

    /// What the process and the calling thread have used until `at`.
    #[derive(Clone, Copy, Debug)]
    pub struct Usage {
        pub at: Duration,
        pub thread: Duration,
        pub process: Duration,
        pub waited: Option<Duration>,
    }

    pub fn clocks() -> Option<Reading> {
        static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
        (0..TRIES).find_map(|_| {
            let monotonic = ORIGIN.elapsed();
            let calendar = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
            let is_whole = ORIGIN.elapsed().saturating_sub(monotonic) < INTERRUPTED;
            is_whole.then_some(Reading { monotonic, boot: None, calendar })
        })
    }

    /// Not known of one thread alone.
    pub fn usage() -> Option<Usage> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_works_has_used_its_processor_and_the_clocks_are_undisturbed() {
        let mut gauge = Gauge::new();
        let begun = std::time::Instant::now();
        let mut sum = 0u64;
        while begun.elapsed() < Duration::from_millis(1_100) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let harness = gauge.finish(&Lateness::new(), 3);
        assert_eq!((harness.in_flight_max, harness.clocks), (3, Disturbance::default()));
        if cfg!(target_os = "linux") {
            let processor = harness.processor.expect("Linux tells the processor time of a thread");
            let share = processor.share.expect("a second tells");
            assert!(processor.client > Duration::ZERO && share > 0.0, "{processor:?}");
            // By two clocks that are read one after the other.
            assert!(share <= 1.1, "{processor:?}");
            assert!(processor.process + Duration::from_millis(1) >= processor.client, "{processor:?}");
        }
    }
}
