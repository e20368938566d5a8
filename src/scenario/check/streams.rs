//! Whether it is said once of every class when its requests come, and that they can be asked so.

use super::super::Scenario;
use super::Check;
use crate::client::arrivals::AnyArrivals;
use crate::client::routers::AnyRouter;

impl Scenario {
    /// The requests expected, where they are more than anybody can mean.
    pub fn excess(&self) -> Option<f64> {
        let expected = self.streams().filter_map(|(_, arrivals)| arrivals.expected(self.duration.get()));
        Some(expected.sum()).filter(|expected: &f64| expected.is_nan() || *expected > REQUESTS_MAX)
    }

    /// Scales the load so that over the duration `rate` requests a second are expected, copies for a mirror not counted. Where
    /// that cannot be, why, and what to do.
    pub fn set_rate(&mut self, rate: f64) -> Result<(), (String, String)> {
        let closed = self.streams().find(|(_, arrivals)| arrivals.expected(self.duration.get()).is_none());
        if let Some((key, arrivals)) = closed {
            let message = format!("`{key}` is {}: its answers decide the rate", arrivals.kind());
            return Err((
                message,
                "turn its users with --scale, or have open arrivals such as poisson".into(),
            ));
        }
        let wanted = rate * self.duration.as_secs_f64();
        // Once is enough, but of a recording that is played faster another part comes.
        for _ in 0..ROUNDS {
            let expected = self.expected(self.duration.get()).unwrap_or_default();
            if (expected / wanted - 1.0).abs() < NEAR {
                return Ok(());
            }
            let factor = wanted / expected;
            if !factor.is_finite() {
                break;
            }
            self.scale(factor);
        }
        let help = format!("a longer --duration than {} may have it, or --scale", self.duration);
        Err((format!("no scale of these arrivals brings {rate} requests a second"), help))
    }

    /// Why a recording cannot be played, and what to do.
    pub fn unplayable(&self) -> Option<(String, &'static str)> {
        self.streams().find_map(|(_, arrivals)| match arrivals {
            AnyArrivals::Trace(trace) => trace.problem().map(|(_, message, help)| (message, help)),
            _ => None,
        })
    }
}

/// A mean rate is met within this share of it.
const NEAR: f64 = 1e-3;

/// As often is a load scaled to meet a rate.
const ROUNDS: u32 = 30;

impl Check<'_, '_> {
    pub(super) fn streams(&mut self, scenario: &Scenario) {
        let is_own = |index: usize| scenario.classes[index].arrivals.is_some();
        match &scenario.arrivals {
            None => self.without_arrivals(scenario),
            Some(_) if !scenario.classes.is_empty() && (0..scenario.classes.len()).all(is_own) => self.say(
                "arrivals",
                "these `arrivals` bring nothing",
                "every class has `arrivals` of its own",
                "remove these, or those of the classes that are to come by these",
            ),
            Some(_) => {}
        }
        for (index, class) in scenario.classes.iter().enumerate().filter(|(index, _)| is_own(*index)) {
            let path = format!("classes.{index}.share");
            if class.share.is_some() {
                let message = format!("class `{}` has both `arrivals` of its own and a share", class.name);
                let help = "remove `share`, or its `arrivals` to have it come by the scenario's";
                self.say(&path, message, "a part of the scenario's `arrivals`", help);
            }
        }
        self.mirrored(scenario);
        self.volume(scenario);
    }

    /// Recordings that cannot be played as asked, and growth by a day that is over.
    pub(super) fn replays(&mut self, scenario: &Scenario) {
        for (key, arrivals) in scenario.streams() {
            if let AnyArrivals::Trace(trace) = arrivals
                && let Some((setting, message, help)) = trace.problem()
            {
                self.say(&format!("{key}.{setting}"), message, "", help);
            }
            let growth = arrivals.growth().zip(scenario.date);
            if let Some(problem) = growth.and_then(|(growth, date)| growth.problem(date)) {
                let help = "write a later day, or the day on which the run begins as the scenario's `date`";
                self.say(&format!("{key}.growth.by"), problem, "not after the beginning", help);
            }
        }
    }

    fn without_arrivals(&mut self, scenario: &Scenario) {
        let without = scenario.classes.iter().enumerate().filter(|(_, class)| class.arrivals.is_none());
        let (presets, others): (Vec<_>, Vec<_>) = without.partition(|(_, class)| class.preset.is_some());
        if presets.is_empty() && others.len() == scenario.classes.len() {
            let help = "add `arrivals = { kind = \"poisson\", rate = 10 }` at the top of the file, above the first \
                        [table]: when requests come";
            return self.say("arrivals", "`arrivals` is missing in the scenario", "", help);
        }
        for (index, class) in presets {
            let message = format!("nothing says how often requests of class `{}` come", class.name);
            let help = "add such as rate = 4, the mean arrivals per second; or arrivals of your own, here or at the top \
                        of the file";
            self.say(&format!("classes.{index}"), message, "this needs a `rate`", help);
        }
        for (index, class) in others {
            self.say(
                &format!("classes.{index}"),
                format!("nothing says when requests of class `{}` come", class.name),
                "this needs `arrivals`",
                "add such as arrivals = { kind = \"poisson\", rate = 10 }, here or at the top of the file, above the \
                 first [table], for all classes without their own",
            );
        }
    }

    /// Every request is mirrored or none is, as each copy has its endpoint by its number.
    fn mirrored(&mut self, scenario: &Scenario) {
        let is_mirror = |router: &AnyRouter| matches!(router, AnyRouter::Mirror(_));
        let is_mirrored = is_mirror(&scenario.router);
        for (index, class) in scenario.classes.iter().enumerate() {
            let Some(router) = &class.router else { continue };
            if is_mirrored || is_mirror(router) {
                let message = format!("class `{}` has a router of its own beside a mirror", class.name);
                let help = "leave `router` out of the classes; `router = \"mirror\"` at the top of the file is for all";
                self.say(
                    &format!("classes.{index}.router"),
                    message,
                    "all requests are mirrored or none",
                    help,
                );
            }
        }
        let is_closed = scenario.streams().any(|(_, arrivals)| matches!(arrivals, AnyArrivals::Closed(_)));
        if is_closed && is_mirrored {
            let label = "its users wait for one answer each";
            let help = "use arrivals that do not wait, such as poisson, or another router";
            self.say("router", "a closed loop cannot be mirrored", label, help);
        }
    }

    /// More requests than anybody can mean would never end.
    fn volume(&mut self, scenario: &Scenario) {
        let problems = scenario.streams().filter_map(|(key, arrivals)| Some((key, arrivals.problem()?)));
        let problems: Vec<(String, (String, &str))> = problems.collect();
        for (key, (problem, help)) in &problems {
            self.say(key, problem.clone(), "", help);
        }
        if !problems.is_empty() {
            return;
        }
        let Some(excess) = scenario.excess() else { return };
        let most = |(key, arrivals): (String, &AnyArrivals)| {
            Some((arrivals.expected(scenario.duration.get())?, key))
        };
        let most = scenario.streams().filter_map(most).max_by(|a, b| a.0.total_cmp(&b.0));
        let path = most.map_or("arrivals".into(), |(_, key)| key);
        let message = format!("these arrivals ask for {excess:.1e} requests");
        let label = format!("more than {REQUESTS_MAX:.0e}");
        self.say(&path, message, &label, "lower the rate or shorten the duration");
    }
}

/// Ten billion: 100 a second for three years.
const REQUESTS_MAX: f64 = 1e10;
