//! GitHub's annotations: workflow commands that a job prints, an error, a warning or a notice for each finding.

use std::fmt::Write as _;

use super::junit::{Case, Verdict};
use super::summary::{Summary, ThresholdVerdict, Validity};
use super::terminal;

pub const FILE: &str = "annotations.txt";

/// Errors first: of each kind GitHub shows only the first ten of a step. `cases` are of what else the results say.
pub fn write(summary: &Summary, cases: &[Case]) -> String {
    let mut out = String::new();
    let Summary { verdict, recovered, stopped, is_interrupted, thresholds, warnings, .. } = summary;
    let mut say = |level: &str, what: &str, message: &str| {
        let scenario = if summary.scenario.is_empty() { "tollgate" } else { &summary.scenario };
        let title = property(&format!("{scenario}: {what}"));
        let _ = writeln!(out, "::{level} title={title}::{}", data(message));
    };
    if verdict.validity == Validity::Invalid {
        say("error", "INVALID", &verdict.reason);
    }
    for (what, why) in [("RECOVERED", recovered), ("STOPPED", stopped)] {
        if let Some(why) = why {
            say("error", what, why);
        }
    }
    if *is_interrupted && recovered.is_none() {
        say("error", "INTERRUPTED", "the figures are of what there was");
    }
    let of = |wanted| thresholds.iter().filter(move |result| result.verdict == wanted);
    for result in of(ThresholdVerdict::Fail) {
        say("error", "threshold failed", &format!("{} does not hold: {}", result.text, result.shown));
    }
    for case in cases {
        if let Verdict::Failure(_, why) = &case.verdict {
            say("error", &case.name, why);
        }
    }
    for result in of(ThresholdVerdict::NoVerdict) {
        say("warning", "no verdict", &format!("{}: {}", result.text, result.shown));
    }
    for case in cases {
        if let Verdict::Error(_, why) = &case.verdict {
            say("warning", &case.name, why);
        }
    }
    warnings.iter().for_each(|warning| say("warning", "warning", warning));
    let (held, all) = (of(ThresholdVerdict::Pass).count(), thresholds.len());
    let held = match all {
        0 => "no thresholds".to_string(),
        _ => format!("{held} of {all} thresholds hold"),
    };
    say("notice", &held, &terminal::headline(summary));
    out
}

/// The text after the colons, as the runner's own toolkit escapes it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property's value, which also ends at a comma and at a colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn each_finding_is_a_line_and_what_failed_comes_first() {
        let mut summary = sample::first_light();
        summary.warnings = vec!["a price is old".into()];
        let expected = "\
::error title=first-light%3A threshold failed::throttled_share < 25%25 does not hold: 43.3 %25
::warning title=first-light%3A no verdict::ttft_p999 < 9s: too few samples (2,400 of 2,995)
::warning title=first-light%3A warning::a price is old
::notice title=first-light%3A 1 of 3 thresholds hold::offered 120.0/s · achieved 119.8/s · send lag p99 0.4 ms · VALID
";
        assert_eq!(write(&summary, &[]), expected);
    }

    #[test]
    fn a_run_without_a_verdict_is_an_error() {
        let invalid = "::error title=refused%3A INVALID::send lag p99 31.000 ms is above the bound of 20ms\n";
        assert!(write(&sample::refused(), &[]).starts_with(invalid));
        let mut summary = sample::one_endpoint();
        summary.is_interrupted = true;
        summary.stopped = Some("the budget was spent".into());
        let written = write(&summary, &[]);
        let stopped =
            "::error title=one%3A STOPPED::the budget was spent\n::error title=one%3A INTERRUPTED::";
        assert!(written.starts_with(stopped), "{written}");
    }

    #[test]
    fn names_and_line_ends_cannot_start_a_command_of_their_own() {
        let mut summary = sample::hostile();
        summary.scenario = "a,b\n::error::x".into();
        summary.warnings = vec!["50%\r\n::error::x".into()];
        let written = write(&summary, &[]);
        assert!(
            written
                .contains("::warning title=a%2Cb%0A%3A%3Aerror%3A%3Ax%3A warning::50%25%0D%0A::error::x\n"),
            "{written}"
        );
        assert_eq!(written.lines().count(), 2);
    }
}
