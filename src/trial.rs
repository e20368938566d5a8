//! A scenario played in virtual time for its figures: once, or many of them on several threads.
//!
//! Replications of a scenario differ in their seed alone, and the n-th of every scenario has the same: so two policies
//! meet the same chance, request by request, and their difference varies less than either.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use crate::collectors::Collectors;
use crate::commitments::Tokens;
use crate::error::Result;
use crate::machines;
use crate::price::TokenClass;
use crate::scenario::Scenario;
use crate::scenario::warmup::Warmup;
use crate::section::{ScopeKind, Section, Value};
use crate::simulate::{Flow, Played, simulate};
use crate::warmup;

/// What one play of a scenario found.
#[derive(Clone, Debug)]
pub struct Trial {
    pub played: Played,
    /// Every collector's findings.
    pub sections: Vec<Section>,
}

impl Trial {
    /// Plays a scenario whose prices are known, having found its warm-up where it leaves that to be found.
    pub fn play(scenario: &Scenario) -> Result<Trial> {
        let mut scenario = Cow::Borrowed(scenario);
        if scenario.warmup == Warmup::Auto {
            warmup::resolve(scenario.to_mut())?;
        }
        let mut collectors = Collectors::new(&machines::setup(&scenario, true));
        let played = simulate(&scenario, |outcome| {
            collectors.collect(outcome);
            Flow::Continue
        })?;
        Ok(Trial { sections: collectors.finish(played.stopped), played })
    }

    /// The figure `metric` of the whole run, of an endpoint or of a class.
    pub fn value(&self, kind: ScopeKind, scope: &str, metric: &str) -> Option<&Value> {
        let figure = self.sections.iter().find_map(|section| section.figure(kind, scope, metric))?;
        Some(&figure.value)
    }

    /// The same as a number, where it is one.
    pub fn number(&self, kind: ScopeKind, scope: &str, metric: &str) -> Option<f64> {
        self.value(kind, scope, metric)?.as_f64()
    }

    /// The tokens that were billed, by class: all, or an endpoint's.
    pub fn billed(&self, kind: ScopeKind, scope: &str) -> Tokens {
        let count = |class: TokenClass| {
            let count = self.number(kind, scope, &format!("billed_{}_tokens", class.name()));
            (class, count.unwrap_or(0.0) as u64)
        };
        TokenClass::ALL.map(count).into_iter().collect()
    }

    /// A figure of the whole run as a number.
    pub fn total(&self, metric: &str) -> Option<f64> {
        self.number(ScopeKind::Total, "", metric)
    }
}

/// The seed of the n-th replication, from 0 on: the scenario's own for the first, another for each of 2³².
pub fn seed(own: u32, replication: u32) -> u32 {
    own.wrapping_add(replication.wrapping_mul(0x9E37_79B9))
}

/// Does `work` for each of `items` on up to `threads` threads. What comes of it is in the order of the items, whatever
/// the number of threads; `on_done` hears of each as it is done, in whatever order. After a failure no more are
/// begun, and the first by its place is told.
pub fn each<T: Sync, R: Send>(
    items: &[T],
    threads: NonZeroUsize,
    work: impl Fn(&T) -> Result<R> + Sync,
    mut on_done: impl FnMut(usize, &R),
) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let mut done: Vec<Option<Result<R>>> = items.iter().map(|_| None).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads.get().min(items.len()) {
            let (next, sender, work) = (&next, sender.clone(), &work);
            scope.spawn(move || {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(place) else { return };
                    let result = work(item);
                    if result.is_err() {
                        next.store(items.len(), Ordering::Relaxed);
                    }
                    if sender.send((place, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (place, result) in receiver {
            if let Ok(result) = &result {
                on_done(place, result);
            }
            done[place] = Some(result);
        }
    });
    // Items are begun in their order, so what was not begun comes after what failed.
    done.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::error::Error;

    fn threads(count: usize) -> NonZeroUsize {
        NonZeroUsize::new(count).expect("a number of threads")
    }

    /// Ten a second for ten seconds, of which five are measured.
    #[test]
    fn figures_are_of_what_was_intended_after_the_warm_up_and_before_the_cooldown() {
        let text = r#"
            duration = "10s"
            warmup = "2s"
            cooldown = "3s"
            arrivals = { kind = "constant", rate = 10 }
            classes = [{ name = "c", input = { kind = "fixed", tokens = 10 }, output = { kind = "fixed", tokens = 6 } }]
            endpoints = [{ name = "e", provider = "openai", model = "m", price = { input = "1", output = "2" }, latency = { kind = "fixed", ttft = "30s", itl = "1s" } }]
        "#;
        let scenario = Scenario::parse(text, std::path::Path::new("test.toml"));
        let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
        let trial = Trial::play(&scenario).unwrap_or_else(|error| panic!("{error}"));
        let told = ["requests", "warmup_requests", "cooldown_requests", "offered_rate", "done", "goodput"];
        let told: Vec<f64> = told.iter().map(|name| trial.total(name).expect("it is told")).collect();
        assert_eq!(told, [50.0, 20.0, 30.0, 10.0, 50.0, 10.0]);
        let written = toml::to_string(&scenario).expect("a scenario is written back");
        assert!(written.contains("cooldown = \"3s\""), "{written}");
    }

    #[test]
    fn no_two_replications_share_a_seed_and_the_first_has_the_scenarios_own() {
        assert_eq!(seed(7, 0), 7);
        let seeds: BTreeSet<u32> = (0..10_000).map(|nth| seed(u32::MAX, nth)).collect();
        assert_eq!(seeds.len(), 10_000);
    }

    #[test]
    fn what_comes_of_each_is_in_the_order_of_the_items_on_any_number_of_threads() {
        let items: Vec<u64> = (0..100).collect();
        for count in [1, 2, 7] {
            let mut heard = BTreeSet::new();
            let squares = each(
                &items,
                threads(count),
                |item| Ok(item * item),
                |place, _| {
                    heard.insert(place);
                },
            );
            assert_eq!(squares.unwrap(), items.iter().map(|item| item * item).collect::<Vec<_>>());
            assert_eq!(heard.len(), 100);
        }
        let none = each(&[] as &[u64], threads(2), |item| Ok(*item), |_, _| ());
        assert!(none.unwrap().is_empty());
    }

    #[test]
    fn after_a_failure_no_more_are_begun_and_the_first_is_told() {
        let items: Vec<u64> = (0..10_000).collect();
        let begun = AtomicUsize::new(0);
        let work = |item: &u64| {
            begun.fetch_add(1, Ordering::Relaxed);
            if *item >= 3 { Err(Error::failed(format!("item {item}"))) } else { Ok(*item) }
        };
        let failed = each(&items, threads(2), work, |_, _| ());
        assert_eq!(failed.unwrap_err().to_string(), "item 3");
        assert!(begun.load(Ordering::Relaxed) < 10);
    }
}
