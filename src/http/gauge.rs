//! A client thread's own gauges: how late its loop is, its processor time, and the machine's clocks.
//!
//! They are read by a task of the thread's runtime, at instants 10 ms apart. It waits for its turn as every other task
//! does, so that it is late by as much as an answer that could be read then; and as the instants are fixed, a loop that
//! is held up for a second is late a hundred times, not once.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::AbortHandle;

use super::clock::Clock;
use super::pacer::{Lateness, Pacer, Pacing};
use crate::collectors::clocks::{Disturbance, Reading, Watch};
use crate::collectors::harness::{Busiest, Harness, Processor};
use crate::time::Instant;

/// The gauges of the thread that started them. Dropping them ends their task.
#[derive(Debug)]
pub struct Gauge {
    dials: Rc<RefCell<Dials>>,
    task: AbortHandle,
}

impl Gauge {
    /// Fails when the process has no descriptor left. Must be called inside a local runtime.
    pub fn start(clock: Clock) -> io::Result<Gauge> {
        let (dials, mut pacer) = (Rc::new(RefCell::new(Dials::new())), Pacer::new(clock)?);
        let own = Rc::clone(&dials);
        let keep = async move {
            let mut due = Instant::START;
            loop {
                pacer.until(Some(due)).await;
                due = own.borrow_mut().come_round(due, clock.now());
            }
        };
        Ok(Gauge { dials, task: tokio::task::spawn_local(keep).abort_handle() })
    }

    /// What the thread has measured of itself up to now, and the most requests that were under way. Of one that never
    /// sleeps it says nothing how much of its processor it needed.
    pub fn finish(self, in_flight_max: u64, pacing: Pacing) -> Harness {
        let mut dials = self.dials.borrow_mut();
        dials.look();
        let mut harness = Harness { in_flight_max, ..dials.harness() };
        if let (Pacing::Awake, Some(processor)) = (pacing, &mut harness.processor) {
            processor.share = None;
        }
        harness
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug)]
struct Dials {
    lateness: Lateness,
    busiest: Busiest,
    watch: Option<Watch>,
    first: Option<system::Usage>,
    last: Option<system::Usage>,
    looks: Instant,
}

impl Dials {
    fn new() -> Dials {
        let mut dials = Dials {
            lateness: Lateness::new(),
            busiest: Busiest::default(),
            watch: None,
            first: system::usage(),
            last: None,
            looks: Instant::START,
        };
        dials.look();
        dials
    }

    /// The loop has come round to what was due at `due`, and at every step since. Says what is due next.
    fn come_round(&mut self, mut due: Instant, now: Instant) -> Instant {
        while due <= now {
            self.lateness.record(due, now);
            due = due + PROBE_EVERY;
        }
        if self.looks <= now {
            self.looks = now + LOOK_EVERY;
            self.look();
        }
        due
    }

    /// Reads clocks and processor time: some microseconds.
    fn look(&mut self) {
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

    fn harness(&self) -> Harness {
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
            loop_lag: self.lateness.lag(),
            in_flight_max: 0,
            processor,
            clocks: self.watch.map_or_else(Disturbance::default, |watch| watch.found()),
        }
    }
}

const PROBE_EVERY: Duration = Duration::from_millis(10);
const LOOK_EVERY: Duration = Duration::from_millis(250);

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
    use crate::http::runtime;

    fn at(millis: u64) -> Instant {
        Instant::START + Duration::from_millis(millis)
    }

    #[test]
    fn a_loop_that_is_held_up_is_late_at_every_step_it_missed() {
        let mut dials = Dials::new();
        assert_eq!(dials.come_round(at(0), at(0)), at(10));
        assert_eq!(dials.come_round(at(10), at(9)), at(10), "nothing is due yet");
        assert_eq!(dials.come_round(at(10), at(45)), at(50));
        let lateness = &dials.lateness;
        // At 0 ms by nothing; at 10, 20, 30 and 40 ms by 35, 25, 15 and 5.
        assert_eq!((lateness.count(), lateness.max().as_millis()), (5, 35));
        assert_eq!(lateness.quantile(0.6).as_millis(), 15);
    }

    #[test]
    fn a_thread_that_works_is_late_and_has_used_its_processor_and_the_clocks_are_undisturbed() {
        let harness = runtime().expect("a runtime").block_on(async {
            let gauge = Gauge::start(Clock::starting_in(Duration::ZERO)).expect("a descriptor");
            tokio::time::sleep(Duration::from_millis(30)).await;
            let begun = std::time::Instant::now();
            let mut sum = 0u64;
            while begun.elapsed() < Duration::from_millis(1_100) {
                sum = std::hint::black_box(sum.wrapping_add(1));
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
            gauge.finish(3, Pacing::Asleep)
        });
        assert_eq!((harness.in_flight_max, harness.clocks), (3, Disturbance::default()));
        assert!(harness.loop_lag.max >= Duration::from_millis(1_000), "{:?}", harness.loop_lag);
        // Of the 1,160 ms the loop was held up for 1,100, and at half of these steps for 550 or more.
        assert!(harness.loop_lag.p50 >= Duration::from_millis(400), "{:?}", harness.loop_lag);
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
