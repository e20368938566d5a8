//! Levels at the instants that matter, and the invariant `quota` over all settings.

use proptest::prelude::*;

use super::*;
use crate::number::Span;
use crate::server::units::Weight;

fn quota(per_minute: u64, burst: Option<u64>, window: Window) -> Quota {
    let rate = Rate::per_minute(NonZeroU64::new(per_minute).unwrap());
    Quota::new(rate, burst.and_then(NonZeroU64::new), window, &[])
}

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

const SECOND: u64 = 1_000_000_000;

/// The oracle `token_bucket_burst`: 1500 tokens five times a second against 60,000 a minute.
#[test]
fn a_burst_empties_the_bucket_and_then_passes_at_its_rate() {
    let mut bucket = quota(60_000, None, Window::Bucket);
    let (mut accepted, mut first_refused) = (0, None);
    for index in 0..300 {
        let now = at(index * SECOND / 5);
        if bucket.wait(now, Units::whole(1500), Room::Fits).is_zero() {
            bucket.take(now, Units::whole(1500));
            accepted += 1;
        } else {
            first_refused.get_or_insert(index);
        }
    }
    assert_eq!((accepted, first_refused), (79, Some(46)));
    assert_eq!(bucket.level(at(299 * SECOND / 5)), 1300 * bucket.unit);
}

#[test]
fn a_window_is_full_again_at_its_turn_and_not_a_nanosecond_before() {
    let mut window = quota(2, None, Window::Minute);
    let cost = Units::whole(1);
    window.take(at(59 * SECOND), cost);
    window.take(at(59 * SECOND), cost);
    assert_eq!(window.wait(at(60 * SECOND - 1), cost, Room::Fits), Duration::from_nanos(1));
    assert_eq!(window.wait(at(60 * SECOND), cost, Room::Fits), Duration::ZERO);
    assert_eq!((window.remaining(at(60 * SECOND)), window.capacity(at(0))), (2, 2));
}

/// At 30 a minute a second is worth half a request; at 24, 0.4, of which every third is lost at the cap.
#[test]
fn a_slice_smaller_than_a_request_passes_its_rate_at_most() {
    for (per_minute, expected) in [(30, 30), (24, 20)] {
        let mut slices = quota(per_minute, None, Window::Second);
        let cost = Units::whole(1);
        let passed = (0..600).filter(|tenths| {
            let now = at(tenths * SECOND / 10);
            let passes = slices.wait(now, cost, Room::Fits).is_zero();
            if passes {
                slices.take(now, cost);
            }
            passes
        });
        assert_eq!(passed.count(), expected);
    }
}

#[test]
fn a_job_larger_than_the_capacity_waits_for_it_to_be_full_and_overdraws() {
    let mut bucket = quota(60, None, Window::Bucket);
    bucket.take(at(0), Units::whole(1));
    assert_eq!(bucket.wait(at(0), Units::whole(100), Room::Fits), Duration::from_secs(1));
    bucket.take(at(SECOND), Units::whole(100));
    assert_eq!(bucket.wait(at(SECOND), Units::whole(1), Room::Fits), Duration::from_secs(41));
    assert_eq!(bucket.remaining(at(SECOND)), 0);
    assert_eq!(bucket.reset(at(SECOND)), Duration::from_secs(100));
}

/// Azure, quota, 2026-05-06: the running count of tokens is reset each minute.
#[test]
fn a_counter_is_set_back_at_its_turn_whatever_it_stood_at_and_slices_are_not() {
    let left = |period_count, window, now| {
        let mut quota = quota(period_count, None, window);
        assert_eq!(quota.wait(at(0), Units::whole(250), Room::Fits), Duration::ZERO);
        quota.take(at(0), Units::whole(250));
        (quota.reset(at(0)), quota.wait(at(0), Units::whole(1), Room::Fits), quota.remaining(now))
    };
    let (minute, ten) = (Duration::from_secs(60), Duration::from_secs(10));
    assert_eq!(left(60, Window::Minute, at(60 * SECOND)), (minute, minute, 60));
    assert_eq!(left(60, Window::TenSeconds, at(60 * SECOND)), (25 * ten, 25 * ten, 0));
    // With a burst of one's own it is filled as slowly as any.
    let mut quota = quota(60, Some(120), Window::Minute);
    quota.take(at(0), Units::whole(250));
    assert_eq!(quota.wait(at(0), Units::whole(1), Room::Fits), 3 * minute);
}

#[test]
fn below_admits_while_a_nanosecond_of_refill_is_left_and_overshoots() {
    let mut bucket = quota(60, None, Window::Bucket);
    bucket.take(at(0), Units::whole(60));
    assert_eq!(bucket.wait(at(0), Units::whole(50), Room::Below), Duration::from_nanos(1));
    bucket.take(at(1), Units::whole(50));
    assert_eq!(bucket.wait(at(1), Units::whole(1), Room::Below), Duration::from_secs(50));
}

#[test]
fn refusals_that_count_hold_the_level_down_but_make_no_debt() {
    let mut bucket = quota(60, None, Window::Bucket);
    bucket.take(at(0), Units::whole(60));
    bucket.forfeit(at(SECOND / 2), Units::whole(1));
    assert_eq!(bucket.wait(at(SECOND / 2), Units::whole(1), Room::Fits), Duration::from_secs(1));
    bucket.take(at(SECOND / 2), Units::whole(5));
    bucket.forfeit(at(SECOND / 2), Units::whole(1));
    assert_eq!(bucket.wait(at(SECOND / 2), Units::whole(1), Room::Fits), Duration::from_secs(6));
}

#[test]
fn a_refund_reaches_only_the_window_that_was_charged() {
    let (reserved, used) = (Units::whole(90), Units::whole(10));
    let mut window = quota(100, None, Window::Minute);
    window.take(at(0), reserved);
    let mut late = window.clone();
    window.correct(at(SECOND), at(0), reserved, used);
    assert_eq!(window.remaining(at(SECOND)), 90);
    late.take(at(61 * SECOND), reserved);
    late.correct(at(62 * SECOND), at(0), reserved, used);
    assert_eq!(late.remaining(at(62 * SECOND)), 10);
    late.correct(at(62 * SECOND), at(0), used, Units::whole(15));
    assert_eq!(late.remaining(at(62 * SECOND)), 5);
}

/// A limit of so many a day, all at once at midnight or continuously.
fn daily(per_day: u64, window: Window) -> Quota {
    Quota::new(Rate::per_day(NonZeroU64::new(per_day).unwrap()), None, window, &[])
}

#[test]
fn a_day_comes_back_at_midnight_or_evenly_over_it() {
    let (hour, one) = (3600 * SECOND, Units::whole(1));
    let (mut midnight, mut even) = (daily(1000, Window::Day), daily(1000, Window::Bucket));
    for quota in [&mut midnight, &mut even] {
        quota.take(at(20 * hour), Units::whole(1000));
        assert_eq!(
            (quota.remaining(at(20 * hour)), quota.limit(at(0)), quota.period()),
            (0, 1000, Period::Day)
        );
    }
    assert_eq!(midnight.wait(at(20 * hour), one, Room::Fits), Duration::from_secs(4 * 3600));
    assert_eq!(even.wait(at(20 * hour), one, Room::Fits), Duration::from_millis(86_400));
    // A minute's window of a day's quota holds a 1440th of it, exactly.
    assert_eq!(daily(1440, Window::Minute).capacity(at(0)), 1);
}

fn lowered(from: u64, secs: u64, to: f64) -> Lowered {
    let span = |secs| Span(Duration::from_secs(secs));
    Lowered { from: span(from), length: span(secs), to: Weight::new(to).unwrap() }
}

/// 60 a minute, at a half from 10 s to 20 s.
fn halved(window: Window) -> Quota {
    let rate = Rate::per_minute(NonZeroU64::new(60).unwrap());
    Quota::new(rate, None, window, &[lowered(10, 10, 0.5)])
}

#[test]
fn while_lowered_less_can_be_used_and_less_comes_back() {
    let mut quota = halved(Window::Bucket);
    quota.take(at(9 * SECOND), Units::whole(40));
    let shown =
        |quota: &Quota, now| (quota.limit(now), quota.capacity(now), quota.remaining(now), quota.used(now));
    assert_eq!(shown(&quota, at(10 * SECOND - 1)), (60, 60, 20, 40));
    assert_eq!(shown(&quota, at(10 * SECOND)), (30, 30, 0, 39));
    assert_eq!(shown(&quota, at(20 * SECOND - 1)), (30, 30, 0, 35));
    assert_eq!(shown(&quota, at(20 * SECOND)), (60, 60, 26, 34));
    // 39 are used at 10 s, 34 at 20 s: the last of them is back at 54 s.
    assert_eq!(quota.reset(at(10 * SECOND)), Duration::from_secs(44));
}

#[test]
fn a_wait_reaches_over_the_times_at_which_a_limit_changes() {
    let mut quota = halved(Window::Bucket);
    quota.take(at(9 * SECOND), Units::whole(60));
    // One is back at 10 s, when only 30 may be used: 30 more must come, 5 of them until 20 s.
    let ten = Units::whole(10);
    assert_eq!(quota.wait(at(9 * SECOND), Units::whole(1), Room::Fits), Duration::from_secs(11));
    assert_eq!(quota.wait(at(9 * SECOND), ten, Room::Fits), Duration::from_secs(15));
    assert_eq!(quota.wait(at(20 * SECOND), ten, Room::Fits), Duration::from_secs(4));
}

#[test]
fn a_wait_in_whole_milliseconds_does_not_end_inside_a_lowering() {
    let mut quota = halved(Window::Bucket);
    // Of 61 taken at 9 s − 1 ns one is missing, until 10 s − 1 ns: half a millisecond late is in the lowering.
    quota.take(at(9 * SECOND - 1), Units::whole(61));
    let (cost, room) = (Units::whole(0), Room::Fits);
    let now = at(9 * SECOND + SECOND / 2000);
    assert_eq!(quota.wait(at(9 * SECOND - 1), cost, room), Duration::from_secs(1));
    assert!(quota.wait(now, cost, room) > Duration::from_secs(1));
}

#[test]
fn a_counter_that_turns_during_a_lowering_holds_the_lowered_limit() {
    let mut counter = Quota::new(
        Rate::per_minute(NonZeroU64::new(100).unwrap()),
        None,
        Window::Minute,
        &[lowered(90, 120, 0.4)],
    );
    counter.take(at(61 * SECOND), Units::whole(90));
    assert_eq!(counter.remaining(at(90 * SECOND)), 0);
    assert_eq!(counter.remaining(at(120 * SECOND)), 40, "the window before was not lowered throughout");
    counter.take(at(121 * SECOND), Units::whole(40));
    assert_eq!(counter.wait(at(121 * SECOND), Units::whole(30), Room::Fits), Duration::from_secs(59));
    assert_eq!(counter.remaining(at(180 * SECOND)), 40);
    assert_eq!(counter.remaining(at(210 * SECOND)), 100);
}

proptest! {
    #[test]
    fn the_extremes_neither_overflow_nor_admit(
        per_minute in 1..=u64::MAX,
        burst in prop::option::of(1..=u64::MAX),
        nows in prop::collection::vec(any::<u64>(), 1..8),
        cost in any::<u32>(),
        period in periods(),
    ) {
        for window in WINDOWS {
            let lowered = [lowered(1, u64::MAX, 0.001), lowered(2, 3, 1.0)];
            let rate = Rate { count: NonZeroU64::new(per_minute).unwrap(), period };
            let mut quota = Quota::new(rate, burst.and_then(NonZeroU64::new), window, &lowered);
            for now in nows.iter().map(|now| at(*now)) {
                quota.take(now, Units::from_thousandths(u64::MAX));
                quota.forfeit(now, Units::whole(cost));
                quota.correct(now, now, Units::whole(cost), Units::whole(cost / 2));
                prop_assert!(quota.remaining(now) <= quota.capacity(now));
                quota.reset(now);
                quota.wait(now, Units::whole(cost), Room::Fits);
            }
        }
    }

    /// The invariant `quota`: the wait promised suffices, and a millisecond less does not.
    #[test]
    fn the_promised_wait_suffices_and_a_millisecond_less_does_not(
        count in 1..1_000_000u64,
        period in periods(),
        burst in prop::option::of(1..1_000_000u64),
        window in prop::sample::select(WINDOWS.to_vec()),
        lowerings in prop::collection::vec((0..90_000u64, 0..90_000u64, 1..=1000u32), 0..4),
        takes in prop::collection::vec((0..20_000_000_000u64, 0..3_000_000u64), 0..6),
        cost in 0..2_000_000_000u64,
        room in prop::sample::select(vec![Room::Below, Room::Fits]),
    ) {
        let millis = |millis| Span(Duration::from_millis(millis));
        let lower = |(from, length, to): (u64, u64, u32)| Lowered {
            from: millis(from),
            length: millis(length),
            to: Weight::new(f64::from(to) / 1000.0).unwrap(),
        };
        let lowered: Vec<Lowered> = lowerings.into_iter().map(lower).collect();
        let rate = Rate { count: NonZeroU64::new(count).unwrap(), period };
        let mut quota = Quota::new(rate, burst.and_then(NonZeroU64::new), window, &lowered);
        let cost = Units::from_thousandths(cost);
        let mut now = Instant::START;
        for (gap, thousandths) in takes {
            now = now + Duration::from_nanos(gap);
            quota.take(now, Units::from_thousandths(thousandths));
        }
        let promised = promise(quota.wait(now, cost, room));
        prop_assert_eq!(quota.wait(now + promised, cost, room), Duration::ZERO);
        if let Some(less) = promised.checked_sub(Duration::from_millis(1)) {
            prop_assert!(!quota.wait(now + less, cost, room).is_zero());
        }
    }
}

const WINDOWS: [Window; 5] =
    [Window::Bucket, Window::Day, Window::Minute, Window::Second, Window::TenSeconds];

fn periods() -> impl Strategy<Value = Period> {
    prop::sample::select(vec![Period::Day, Period::Minute])
}
