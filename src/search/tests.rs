//! Searches over values of which it is known how they stand.

use super::*;

fn aim(from: f64, max: f64) -> Aim {
    Aim {
        key: "load".into(),
        is_smallest: false,
        is_whole: false,
        grain: 1,
        from,
        is_bounded: false,
        max,
        precision: 0.01,
        is_real: false,
    }
}

fn probe(value: f64, standing: Standing) -> Probe {
    Probe {
        value,
        standing,
        replications: 1,
        requests: 0.0,
        cost: None,
        held: Vec::new(),
        refuses_most: None,
        why: None,
    }
}

/// What a search finds where `standing` says how values stand.
fn found(aim: Aim, standing: impl Fn(f64) -> Standing) -> Found {
    let mut judge = |value: f64| Ok(Tried::Probe(probe(value, standing(value))));
    Search::new(aim, &mut judge).run().unwrap()
}

fn ends(found: &Found) -> (Option<f64>, Option<f64>) {
    let value = |place: Option<usize>| place.map(|place| found.probes[place].value);
    (value(found.best), value(found.fails))
}

fn up_to(bound: f64) -> impl Fn(f64) -> Standing {
    move |value| if value <= bound { Standing::Pass } else { Standing::Fail }
}

fn from_on(bound: f64) -> impl Fn(f64) -> Standing {
    move |value| if value >= bound { Standing::Pass } else { Standing::Fail }
}

#[test]
fn the_largest_that_passes_is_found_wherever_it_is() {
    for bound in [0.001, 0.7, 1.0, 3.3, 77.0, 99.0] {
        let found = found(aim(1.0, 100.0), up_to(bound));
        let (Some(best), Some(fails)) = ends(&found) else { panic!("{bound}") };
        assert!(best <= bound && bound < fails && fails - best <= best * 0.01, "{bound}: {best} {fails}");
        assert_eq!((found.outcome, found.inversions.len()), (Outcome::Found, 0));
    }
    for bound in 1..=70 {
        let whole = Aim { is_whole: true, ..aim(5.0, 64.0) };
        let found = found(whole, up_to(f64::from(bound)));
        match bound {
            ..64 => {
                assert_eq!(ends(&found), (Some(f64::from(bound)), Some(f64::from(bound) + 1.0)));
                assert_eq!(found.outcome, Outcome::Found);
            }
            64.. => assert_eq!((ends(&found), found.outcome), ((Some(64.0), None), Outcome::Unbounded)),
        }
    }
}

#[test]
fn the_smallest_that_passes_is_found_to_the_unit() {
    for bound in 1..=70 {
        let smallest = Aim { is_smallest: true, is_whole: true, is_bounded: true, ..aim(1.0, 64.0) };
        let found = found(smallest, from_on(f64::from(bound)));
        let before = (bound > 1).then(|| f64::from(bound) - 1.0);
        match bound {
            ..=1 => assert_eq!((ends(&found), found.outcome), ((Some(1.0), None), Outcome::Unbounded)),
            2..=64 => {
                assert_eq!((ends(&found), found.outcome), ((Some(f64::from(bound)), before), Outcome::Found));
            }
            65.. => assert_eq!((found.best, found.outcome), (None, Outcome::None)),
        }
    }
}

#[test]
fn nothing_that_passes_is_said() {
    let bounded = Aim { is_bounded: true, ..aim(2.0, 100.0) };
    assert_eq!(found(bounded, up_to(1.0)).outcome, Outcome::None);
    assert_eq!(found(aim(1.0, 100.0), |_| Standing::Fail).outcome, Outcome::None);
    assert_eq!(found(aim(1.0, 100.0), |_| Standing::Undecided).outcome, Outcome::Undecided);
}

/// Undecided from 40 to 50: the answer passes, what fails is named, and the search says what it does not know.
#[test]
fn what_chance_leaves_open_is_bracketed_from_both_sides() {
    let standing = |value: f64| match value {
        ..=40.0 => Standing::Pass,
        ..50.0 => Standing::Undecided,
        _ => Standing::Fail,
    };
    for is_whole in [false, true] {
        let found = found(Aim { is_whole, ..aim(1.0, 1000.0) }, standing);
        let (Some(best), Some(fails)) = ends(&found) else { panic!() };
        assert!((39.5..=40.0).contains(&best) && (50.0..=50.6).contains(&fails), "{best} {fails}");
        assert_eq!(found.outcome, Outcome::Undecided);
    }
    let found = found(Aim { max: 45.0, ..aim(1.0, 45.0) }, standing);
    assert_eq!((ends(&found).1, found.outcome), (None, Outcome::Undecided));
}

#[test]
fn a_harder_value_that_passes_again_is_told() {
    let standing = |value: f64| if (10.0..15.0).contains(&value) { Standing::Fail } else { Standing::Pass };
    let found = found(Aim { is_whole: true, ..aim(1.0, 12.0) }, standing);
    assert_eq!(ends(&found), (Some(9.0), Some(10.0)));
    assert!(found.inversions.is_empty());
    let found = self::found(Aim { is_whole: true, ..aim(5.0, 1000.0) }, |value| {
        if (10.0..15.0).contains(&value) { Standing::Fail } else { Standing::Pass }
    });
    assert_eq!(found.inversions, ["load = 20 passes, and 10 fails"]);
}

#[test]
fn a_beginning_past_the_end_is_refused() {
    let mut judge = |_: f64| panic!("nothing is played");
    let error = Search::new(aim(5.0, 2.0), &mut judge).run().unwrap_err();
    assert!(error.to_string().contains("begin at 5, above its end at 2"), "{error}");
}

#[test]
fn of_what_is_sold_in_steps_nothing_else_is_tried() {
    for bound in 1..=90 {
        let steps = Aim { is_smallest: true, is_whole: true, is_bounded: true, grain: 5, ..aim(15.0, 90.0) };
        let found = found(steps, from_on(f64::from(bound)));
        assert!(
            found.probes.iter().all(|probe| probe.value % 5.0 == 0.0 && probe.value >= 15.0),
            "{found:?}"
        );
        let best = f64::from(bound.max(15)).div_euclid(5.0) * 5.0;
        let best = if best < f64::from(bound) { best + 5.0 } else { best };
        assert_eq!(ends(&found).0, Some(best), "{bound}");
        assert_eq!(found.outcome, if bound <= 15 { Outcome::Unbounded } else { Outcome::Found });
    }
}

/// Past 20 the harness is the limit: nothing above is tried, and the best below is found.
#[test]
fn where_the_harness_is_the_limit_the_search_ends_upwards_and_says_so() {
    let standing = |value: f64| if value < 20.0 { Standing::Pass } else { Standing::Invalid };
    let found = found(aim(1.0, 1000.0), standing);
    let (Some(best), None) = ends(&found) else { panic!("{found:?}") };
    assert!((19.8..20.0).contains(&best), "{best}");
    assert_eq!(found.outcome, Outcome::Limited);
    assert_eq!(found.probes.iter().map(|probe| probe.value).fold(0.0, f64::max), 32.0);
}

#[test]
fn a_failure_below_the_limit_of_the_harness_is_an_answer() {
    let standing = |value: f64| match value {
        ..10.0 => Standing::Pass,
        ..15.0 => Standing::Fail,
        _ => Standing::Invalid,
    };
    let found = found(aim(1.0, 1000.0), standing);
    let (Some(best), Some(fails)) = ends(&found) else { panic!("{found:?}") };
    assert!(best < 10.0 && fails >= 10.0 && fails - best <= best * 0.02, "{best} {fails}");
    assert_eq!(found.outcome, Outcome::Found);
}

#[test]
fn a_search_that_is_cut_short_tells_what_is_known() {
    let search = |most: usize| {
        let mut tried = 0;
        let mut judge = |value: f64| {
            tried += 1;
            let standing = if value <= 5.0 { Standing::Pass } else { Standing::Fail };
            Ok(if tried > most { Tried::Cut(Cut::Interrupted) } else { Tried::Probe(probe(value, standing)) })
        };
        Search::new(aim(1.0, 100.0), &mut judge).run().unwrap()
    };
    let values =
        [(0, None, None), (2, Some(2.0), None), (4, Some(4.0), Some(8.0)), (5, Some(4.0), Some(6.0))];
    for (most, best, fails) in values {
        let found = search(most);
        assert_eq!((ends(&found), found.probes.len()), ((best, fails), most));
        assert_eq!((found.outcome, found.cut), (Outcome::Undecided, Some(Cut::Interrupted)));
    }
    assert_eq!((search(1000).cut, search(1000).outcome), (None, Outcome::Found));
}

/// Of a light load it is not known that it passes; of a heavier one it is.
#[test]
fn in_real_time_a_light_load_that_is_undecided_is_gone_beyond() {
    let standing = |value: f64| match value {
        ..3.0 => Standing::Undecided,
        ..=30.0 => Standing::Pass,
        _ => Standing::Fail,
    };
    let real = Aim { is_real: true, is_bounded: true, ..aim(1.0, 100.0) };
    let found = found(real.clone(), standing);
    let (Some(best), Some(fails)) = ends(&found) else { panic!("{found:?}") };
    assert!(best <= 30.0 && 30.0 < fails && fails - best <= best * 0.02, "{best} {fails}");
    assert_eq!(found.outcome, Outcome::Found);
    let open = self::found(real, |_| Standing::Undecided);
    assert_eq!((open.outcome, open.best), (Outcome::Undecided, None));
}
