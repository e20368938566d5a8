//! Sleeping to an absolute instant, far better than the runtime's 1 ms wheel, and how late that was.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::clock::Clock;
use crate::collectors::harness::Lag;
use crate::time::{Instant, nanos};

/// An alarm clock, one for each runtime thread.
#[derive(Debug)]
pub struct Pacer {
    clock: Clock,
    timer: timer::Timer,
    pacing: Pacing,
    /// How late it has been woken of late.
    lag: Duration,
    /// The instant for which it is awake already.
    awake_for: Option<Instant>,
}

/// How much of a processor is spent on being on time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Pacing {
    /// It sleeps until the instant, and is late by what it takes to wake.
    Asleep,
    /// It is woken before the instant by as much as it was late of late, and lets other tasks have their turns until
    /// then: a processor that was asleep wakes late by tens or hundreds of microseconds. Its thread asks for short turns,
    /// where the system has that, so that it need not wait for the end of another's.
    #[default]
    Early,
    /// It never sleeps: its processor does nothing else. Its thread goes before others where the system lets it: who uses
    /// a processor whole is made to wait for milliseconds by whoever else is there.
    Awake,
}

impl Pacer {
    /// Fails when the process has no descriptor left. Must be called inside a runtime.
    pub fn new(clock: Clock) -> std::io::Result<Pacer> {
        Ok(Pacer {
            timer: timer::Timer::new(clock)?,
            clock,
            pacing: Pacing::Asleep,
            lag: Duration::ZERO,
            awake_for: None,
        })
    }

    /// Paced so, by the thread that calls.
    pub fn with(self, pacing: Pacing) -> Pacer {
        #[cfg(target_os = "linux")]
        match pacing {
            Pacing::Asleep => {}
            Pacing::Early => short_turns(),
            Pacing::Awake => {
                turns::go_first();
                short_turns();
            }
        }
        Pacer { pacing, ..self }
    }

    /// Sleeps until `at`; `None` is for ever. May be dropped and asked again with another instant.
    /// Instants that are over take no time, yet leave other tasks their turn.
    pub async fn until(&mut self, at: Option<Instant>) {
        tokio::task::coop::consume_budget().await;
        let Some(at) = at else { return self.forever().await };
        // Not by the clock's reading, which is the start's before the start, too.
        let due = self.clock.std(at);
        let left = || due.saturating_duration_since(std::time::Instant::now());
        let early = self.early(at, left());
        loop {
            match left() {
                Duration::ZERO => return,
                // Others' sockets are looked at in every turn.
                left if left <= early => {
                    self.awake_for = Some(at);
                    tokio::task::yield_now().await;
                }
                left => {
                    self.timer.sleep(at.before(early)).await;
                    let took = std::time::Instant::now().saturating_duration_since(due - left);
                    self.learn(took.saturating_sub(left - early));
                }
            }
        }
    }

    async fn forever(&self) {
        match self.pacing {
            Pacing::Awake => loop {
                tokio::task::yield_now().await;
            },
            Pacing::Asleep | Pacing::Early => std::future::pending().await,
        }
    }

    /// How long before an instant that is so far away it is woken.
    fn early(&self, at: Instant, left: Duration) -> Duration {
        match self.pacing {
            _ if left <= NAP_MIN || self.awake_for == Some(at) => Duration::MAX,
            Pacing::Asleep => Duration::ZERO,
            // In short sleeps a processor hardly falls asleep.
            Pacing::Early => (self.lag + self.lag / 4).clamp(EARLY_MIN, EARLY_MAX).min(left / 8),
            Pacing::Awake => Duration::MAX,
        }
    }

    /// It was woken so late: at once more, and slowly less.
    fn learn(&mut self, late: Duration) {
        let less = self.lag.saturating_sub(self.lag.saturating_sub(late) / 16);
        self.lag = late.max(less).min(EARLY_MAX);
    }
}

/// Lets the calling thread be woken at once even while others have their turn, where the system has that.
pub(super) fn short_turns() {
    #[cfg(target_os = "linux")]
    turns::shorten();
}

/// To set the kernel's timer and to be woken by it takes longer than this.
const NAP_MIN: Duration = Duration::from_micros(30);

/// It is woken at least so long before an instant, and at most.
const EARLY_MIN: Duration = Duration::from_micros(20);
const EARLY_MAX: Duration = Duration::from_millis(1);

/// How late a loop did what was due, from first to last.
#[derive(Clone, Debug)]
pub struct Lateness(Histogram<u64>);

impl Lateness {
    pub fn new() -> Lateness {
        let histogram = Histogram::new_with_bounds(1, LATEST_NANOS, 3);
        Lateness(histogram.expect("three digits of a minute fit"))
    }

    /// What was due at `due` is done at `now`.
    pub fn record(&mut self, due: Instant, now: Instant) {
        self.0.saturating_record(nanos(now.since(due)));
    }

    /// How often something was due.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The lateness that `share` of the deeds did not exceed.
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_nanos(self.0.value_at_quantile(share))
    }

    /// The lateness of half of them, of nearly all, and the most.
    pub fn lag(&self) -> Lag {
        Lag { p50: self.quantile(0.5), p99: self.quantile(0.99), max: self.max() }
    }

    /// For people: how late, and of how many deeds.
    pub fn describe(&self) -> String {
        let millis = |span: Duration| span.as_secs_f64() * 1e3;
        let (p50, p99, max) = (millis(self.quantile(0.5)), millis(self.quantile(0.99)), millis(self.max()));
        format!("{} timers, late by p50 {p50:.3} ms, p99 {p99:.3} ms, max {max:.3} ms", self.count())
    }

    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.0.max())
    }
}

impl Default for Lateness {
    fn default() -> Self {
        Lateness::new()
    }
}

/// Anything later than a minute counts as a minute late.
const LATEST_NANOS: u64 = 60_000_000_000;

/// How the system's scheduler takes the calling thread. Where it does not do as asked, nothing changes.
#[cfg(target_os = "linux")]
mod turns {
    use std::mem::zeroed;

    /// Lets it go before others, which takes the right to.
    pub fn go_first() {
        // SAFETY: the call takes no pointers.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS) };
    }

    /// Asks for short turns: since Linux 6.12, who is woken and wants less interrupts who wants more, and everybody gets
    /// as much as before. What this thread starts from now on is taken as usual.
    pub fn shorten() {
        let Some(mut attributes) =
            attributes().filter(|known| known.sched_policy == libc::SCHED_OTHER as u32)
        else {
            return;
        };
        attributes.sched_runtime = TURN_NANOS;
        attributes.sched_flags |= libc::SCHED_FLAG_RESET_ON_FORK as u64;
        // SAFETY: the pointer is to a struct on this stack frame, which has its size in it.
        unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    }

    /// How the calling thread is taken.
    fn attributes() -> Option<libc::sched_attr> {
        let size = size_of::<libc::sched_attr>() as libc::c_uint;
        // SAFETY: the struct is plain numbers, and the call gets a pointer to one on this stack frame, with its size.
        unsafe {
            let mut attributes: libc::sched_attr = zeroed();
            let code = libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0);
            (code == 0).then_some(attributes)
        }
    }

    /// Before what is not in a hurry, and behind what the system runs at -20.
    const NICENESS: libc::c_int = -15;

    /// The shortest that the system grants.
    const TURN_NANOS: u64 = 100_000;

    #[cfg(test)]
    mod tests {
        use super::*;

        /// In a thread of its own, which takes it along. A system may grant neither; since Linux 6.12 it tells of turns.
        #[test]
        fn turns_are_shortened_and_the_priority_is_raised_where_the_system_lets_it() {
            let seen = std::thread::spawn(|| {
                let before = attributes()?;
                shorten();
                let short = attributes()?;
                go_first();
                shorten();
                let first = attributes()?;
                let child = std::thread::spawn(attributes).join().unwrap()?;
                Some((before, short, first, child))
            });
            let Some((before, short, first, child)) = seen.join().unwrap() else {
                return println!("this system does not say how it takes a thread: not looked at");
            };
            assert_eq!(short.sched_nice, before.sched_nice, "only the turns are others");
            assert!([before.sched_nice, NICENESS].contains(&first.sched_nice));
            assert_eq!(child.sched_nice, first.sched_nice.max(0), "no child goes first");
            if before.sched_runtime == 0 {
                return println!("this system tells of no turns, so it shortens none: not looked at");
            }
            assert_eq!([short.sched_runtime, first.sched_runtime], [TURN_NANOS; 2]);
            assert_eq!(child.sched_runtime, before.sched_runtime, "no child has short turns");
        }
    }
}

/// One absolute timer of the kernel, watched by the runtime: p99 about 0.1 ms without spinning.
#[cfg(target_os = "linux")]
mod timer {
    use std::io;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

    use tokio::io::unix::AsyncFd;

    use super::{Clock, Instant};
    use crate::time::nanos;

    #[derive(Debug)]
    pub struct Timer {
        descriptor: AsyncFd<OwnedFd>,
        /// The clock's epoch on CLOCK_MONOTONIC, in nanoseconds; late by the few it takes to read two clocks.
        epoch: u64,
        armed: Option<Instant>,
    }

    impl Timer {
        pub fn new(clock: Clock) -> io::Result<Timer> {
            let flags = libc::TFD_NONBLOCK | libc::TFD_CLOEXEC;
            // SAFETY: the call takes no pointers.
            let descriptor = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) };
            if descriptor < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: the descriptor was just made and nobody else owns it.
            let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
            // SAFETY: the descriptor is owned by what is registered, so it stays open as long.
            let descriptor = unsafe { AsyncFd::register(descriptor) }?;
            Ok(Timer { descriptor, epoch: epoch(clock), armed: None })
        }

        /// Sleeps until about `at`.
        pub async fn sleep(&mut self, at: Instant) {
            if self.armed != Some(at) {
                self.arm(at);
            }
            let guard = self.descriptor.readable_mut().await;
            let mut guard = guard.expect("the runtime outlives its pacer");
            if guard.try_io(|descriptor| read(descriptor.get_ref())).is_ok() {
                self.armed = None;
            }
        }

        fn arm(&mut self, at: Instant) {
            // Zero would disarm the timer.
            let due = self.epoch.saturating_add(at.as_nanos()).max(1);
            let due = libc::timespec {
                tv_sec: (due / 1_000_000_000) as libc::time_t,
                tv_nsec: (due % 1_000_000_000) as libc::c_long,
            };
            let once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            let setting = libc::itimerspec { it_interval: once, it_value: due };
            let descriptor = self.descriptor.as_raw_fd();
            // SAFETY: the setting outlives the call, and a null pointer asks for no old setting.
            let code = unsafe {
                libc::timerfd_settime(descriptor, libc::TFD_TIMER_ABSTIME, &setting, std::ptr::null_mut())
            };
            assert_eq!(code, 0, "a timer takes any instant in range");
            self.armed = Some(at);
        }
    }

    /// Takes the expiry, so that the descriptor is quiet until the next.
    fn read(descriptor: &OwnedFd) -> io::Result<()> {
        let mut expiries = 0u64;
        let room = std::ptr::from_mut(&mut expiries).cast();
        // SAFETY: the buffer is eight bytes on this stack frame, as a timer's read asks for.
        let length = unsafe { libc::read(descriptor.as_raw_fd(), room, size_of::<u64>()) };
        if length < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    fn epoch(clock: Clock) -> u64 {
        let (epoch, now) = (clock.std(Instant::START), std::time::Instant::now());
        let mut raw = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the pointer is to a timespec on this stack frame.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut raw) };
        let raw = raw.tv_sec as u64 * 1_000_000_000 + raw.tv_nsec as u64;
        let (ahead, behind) = (epoch.saturating_duration_since(now), now.saturating_duration_since(epoch));
        (raw + nanos(ahead)).saturating_sub(nanos(behind))
    }
}

/// The runtime's own timer to within its wheel, and short turns for the rest.
#[cfg(not(target_os = "linux"))]
mod timer {
    use std::io;
    use std::time::Duration;

    use super::{Clock, Instant};

    #[derive(Debug)]
    pub struct Timer {
        clock: Clock,
    }

    impl Timer {
        pub fn new(clock: Clock) -> io::Result<Timer> {
            Ok(Timer { clock })
        }

        /// Sleeps until about `at`.
        pub async fn sleep(&mut self, at: Instant) {
            let left = at.since(self.clock.now());
            match left.checked_sub(WHEEL) {
                Some(coarse) => tokio::time::sleep(coarse).await,
                None => tokio::task::yield_now().await,
            }
        }
    }

    /// The runtime's timers are late by up to this much.
    const WHEEL: Duration = Duration::from_millis(2);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::runtime;

    #[test]
    fn a_sleep_is_over_at_its_instant_and_not_before() {
        runtime().unwrap().block_on(async {
            let clock = Clock::starting_in(Duration::from_millis(1));
            let mut pacer = Pacer::new(clock).unwrap();
            for millis in [2, 3, 3, 1, 5] {
                let at = Instant::START + Duration::from_millis(millis);
                pacer.until(Some(at)).await;
                assert!(clock.now() >= at);
            }
        });
    }

    #[test]
    fn the_start_is_waited_for() {
        runtime().unwrap().block_on(async {
            let begun = std::time::Instant::now();
            let mut pacer = Pacer::new(Clock::starting_in(Duration::from_millis(5))).unwrap();
            pacer.until(Some(Instant::START)).await;
            assert!(begun.elapsed() >= Duration::from_millis(5));
        });
    }

    #[test]
    fn a_dropped_sleep_leaves_no_trace_in_the_next() {
        runtime().unwrap().block_on(async {
            let clock = Clock::starting_in(Duration::ZERO);
            let mut pacer = Pacer::new(clock).unwrap();
            let far = clock.now() + Duration::from_secs(3600);
            for sleep in [None, Some(far)] {
                tokio::select! {
                    biased;
                    () = pacer.until(sleep) => panic!("an hour is not over"),
                    () = tokio::task::yield_now() => {}
                }
            }
            let near = clock.now() + Duration::from_millis(2);
            pacer.until(Some(near)).await;
            assert!(clock.now() >= near);
        });
    }

    /// However late it was woken, it is awake for an eighth of a sleep at most, and to the end once it is.
    #[test]
    fn it_is_awake_for_a_part_of_each_sleep_and_no_more() {
        runtime().unwrap().block_on(async {
            let pacer = Pacer::new(Clock::starting_in(Duration::ZERO)).unwrap().with(Pacing::Early);
            let mut pacer = Pacer { lag: EARLY_MAX, ..pacer };
            let at = Instant::from_secs_f64(1.0);
            let early = |pacer: &Pacer, micros| pacer.early(at, Duration::from_micros(micros)).as_micros();
            assert_eq!([800, 8_000, 80_000].map(|micros| early(&pacer, micros)), [100, 1_000, 1_000]);
            (0..200).for_each(|_| pacer.learn(Duration::from_micros(80)));
            assert_eq!([800, 80_000].map(|micros| early(&pacer, micros)), [100, 100]);
            pacer.awake_for = Some(at);
            assert_eq!(pacer.early(at, Duration::from_micros(90)), Duration::MAX);
            assert!(pacer.early(Instant::MAX, Duration::from_secs(1)) < EARLY_MAX);
        });
    }

    /// Where due instants are dense, no timer is set: that takes longer.
    #[test]
    fn what_is_due_within_a_nap_is_waited_for_awake() {
        runtime().unwrap().block_on(async {
            let pacer = Pacer::new(Clock::starting_in(Duration::ZERO)).unwrap();
            let early = |left| pacer.early(Instant::from_secs_f64(1.0), left);
            assert_eq!(early(NAP_MIN), Duration::MAX);
            assert_eq!(early(NAP_MIN + Duration::from_nanos(1)), Duration::ZERO);
        });
    }

    #[test]
    fn lateness_is_counted_from_when_a_deed_was_due() {
        let mut lateness = Lateness::new();
        let due = Instant::from_secs_f64(1.0);
        for micros in 1..=100 {
            lateness.record(due, due + Duration::from_micros(micros));
        }
        assert_eq!(lateness.count(), 100);
        assert_eq!(lateness.max().as_micros(), 100);
        assert_eq!(lateness.quantile(0.5).as_micros(), 50);
    }
}
