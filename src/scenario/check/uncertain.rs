//! Whether what is uncertain has an interval that can be, and whether the alternatives can be told apart.

use super::super::Scenario;
use super::super::uncertain::{Alternative, Input, UncertainSpec, WORLDS};
use super::Check;

impl Check<'_, '_> {
    pub(super) fn uncertain(&mut self, scenario: &Scenario) {
        if !scenario.alternatives.is_empty() {
            self.names("alternatives", scenario.alternatives.iter().map(|other| other.name.as_str()));
        }
        let Some(uncertain) = &scenario.uncertain else {
            if !scenario.alternatives.is_empty() {
                let help = "add such as [uncertain] with inputs = [{ key = \"load\", low = 0.8, likely = 1, high = 1.6 }]";
                let message = "there are alternatives, and nothing is uncertain";
                self.say("alternatives", message, "held against each other in many worlds", help);
            }
            return;
        };
        if !WORLDS.contains(&uncertain.worlds) {
            let (least, most) = (WORLDS.start(), WORLDS.end());
            let message = format!("{} worlds cannot be drawn", uncertain.worlds);
            self.say("uncertain.worlds", message, "", &format!("write {least} to {most}"));
        }
        if uncertain.inputs.is_empty() {
            let help = "write such as inputs = [{ key = \"load\", low = 0.8, likely = 1, high = 1.6 }]";
            self.say("uncertain.inputs", "nothing is uncertain", "no inputs", help);
        }
        for (index, input) in uncertain.inputs.iter().enumerate() {
            self.input(&format!("uncertain.inputs.{index}"), input, &uncertain.inputs[..index]);
        }
        for (index, alternative) in scenario.alternatives.iter().enumerate() {
            self.alternative(&format!("alternatives.{index}"), alternative, uncertain);
        }
    }

    fn input(&mut self, path: &str, input: &Input, before: &[Input]) {
        let key = &input.key;
        if before.iter().any(|other| other.key == *key) {
            let message = format!("`{key}` is uncertain twice");
            self.say(&format!("{path}.key"), message, "again here", "give it one interval");
        }
        let law = match input.law() {
            Ok(law) => law,
            Err(why) => {
                let help = "write such as low = 0.8, likely = 1, high = 1.6, or p10 = 0.8, p90 = 1.6";
                return self.say(path, format!("`{key}`: {why}"), "", help);
            }
        };
        let ends = [1e-3, 0.5, 1.0 - 1e-3].map(|share| input.change(law.quantile(share)));
        if let Some(why) = ends.into_iter().find_map(Result::err) {
            let help = "name a setting or knob, and bounds that it can have";
            self.say(path, format!("not every value of `{key}` can be: {why}"), "", help);
        }
    }

    fn alternative(&mut self, path: &str, alternative: &Alternative, uncertain: &UncertainSpec) {
        if alternative.name.trim().is_empty() {
            let help = "name it: reports go by it";
            self.say(&format!("{path}.name"), "an alternative has an empty name", "", help);
        }
        self.cell(&format!("{path}.name"), &alternative.name);
        for (nth, change) in alternative.set.iter().enumerate() {
            if uncertain.inputs.iter().any(|input| change.is_of(&input.key)) {
                let message = format!("alternative `{}` decides what is uncertain", alternative.name);
                let help = "leave it out of `set`, or out of the inputs of [uncertain]";
                self.say(&format!("{path}.set.{nth}"), message, &format!("sets {change}"), help);
            }
        }
    }
}
