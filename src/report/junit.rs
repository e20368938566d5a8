//! JUnit XML: a test case for the run itself, one for a precision that was asked for, one for each threshold, and one for each
//! figure that was held against a baseline.
//!
//! Fits the schema of Jenkins (junit-10.xsd), and what GitLab reads of it.

use std::fmt::Write as _;

use super::summary::{Summary, ThresholdResult, ThresholdVerdict, Validity};
use super::{show, terminal};

pub const FILE: &str = "junit.xml";

/// The cases of a summary, and others of the same results.
pub fn write(summary: &Summary, others: &[Case]) -> String {
    let cases = [cases(summary), others.to_vec()].concat();
    let view = terminal::view(summary, None, false);
    suite(&Suite {
        name: scenario(summary),
        started: &summary.host.started,
        secs: summary.host.wall_secs,
        properties: &properties(summary),
        cases: &cases,
        text: &view,
    })
}

/// What a file holds.
pub struct Suite<'a> {
    pub name: &'a str,
    /// RFC 3339, in UTC.
    pub started: &'a str,
    /// How long it took.
    pub secs: f64,
    pub properties: &'a [(&'static str, String)],
    pub cases: &'a [Case],
    /// What a terminal shows of it.
    pub text: &'a str,
}

/// A suite as XML.
pub fn suite(suite: &Suite<'_>) -> String {
    let Suite { name, started, cases, .. } = suite;
    let count = |is: fn(&Verdict) -> bool| cases.iter().filter(|case| is(&case.verdict)).count();
    let timestamp = started.trim_end_matches('Z');
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    let _ = writeln!(
        out,
        "  <testsuite id=\"0\" package=\"tollgate\" name=\"{}\" timestamp=\"{}\" hostname=\"localhost\" tests=\"{}\" \
         failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\">",
        escape(name),
        escape(timestamp),
        cases.len(),
        count(|verdict| matches!(verdict, Verdict::Failure(..))),
        count(|verdict| matches!(verdict, Verdict::Error(..))),
        count(|verdict| matches!(verdict, Verdict::Skipped(_))),
        secs(suite.secs),
    );
    out.push_str("    <properties>\n");
    for (name, value) in suite.properties {
        let _ = writeln!(out, "      <property name=\"{name}\" value=\"{}\"/>", escape(value));
    }
    out.push_str("    </properties>\n");
    let class = format!("tollgate.{name}");
    cases.iter().for_each(|case| case.write(&mut out, &class));
    let _ = writeln!(out, "    <system-out>{}</system-out>", escape(suite.text));
    out.push_str("    <system-err></system-err>\n  </testsuite>\n</testsuites>\n");
    out
}

/// A test case.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub name: String,
    /// How long it took.
    pub secs: f64,
    pub verdict: Verdict,
}

/// How a test case ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// There is nothing to judge, and why; and of what kind that is.
    Error(&'static str, String),
    /// It was judged, and does not hold: of what kind it is, and why.
    Failure(&'static str, String),
    Pass,
    /// It was not judged for a reason that another case tells.
    Skipped(String),
}

impl Case {
    fn write(&self, out: &mut String, class: &str) {
        let Case { name, verdict, .. } = self;
        let time = secs(self.secs);
        let _ = write!(
            out,
            "    <testcase classname=\"{}\" name=\"{}\" time=\"{time}\"",
            escape(class),
            escape(name)
        );
        // Some readers show only the attribute, others only the text.
        let mut element = |tag: &str, kind: Option<&str>, why: &str| {
            let (why, kind) = (escape(why), kind.map_or(String::new(), |kind| format!(" type=\"{kind}\"")));
            let _ = writeln!(out, ">\n      <{tag}{kind} message=\"{why}\">{why}</{tag}>\n    </testcase>");
        };
        match verdict {
            Verdict::Error(kind, why) => element("error", Some(kind), why),
            Verdict::Failure(kind, why) => element("failure", Some(kind), why),
            Verdict::Pass => out.push_str("/>\n"),
            Verdict::Skipped(why) => element("skipped", None, why),
        }
    }
}

/// The run first: what it cannot vouch for is not judged.
fn cases(summary: &Summary) -> Vec<Case> {
    let case = |name: &str, verdict| Case { name: name.into(), secs: 0.0, verdict };
    let run = Case { secs: summary.host.wall_secs, ..case("is valid and complete", run(summary)) };
    let precision = summary.certainty.as_ref().and_then(|certainty| certainty.precision.as_ref());
    let precision = precision.map(|precision| {
        let verdict = match precision.is_reached {
            false => {
                Verdict::Error("no_verdict", format!("a precision of {} is not reached", precision.asked))
            }
            true => Verdict::Pass,
        };
        case(&format!("precision {}", precision.asked), verdict)
    });
    let is_unjudged = summary.verdict.validity == Validity::Invalid || summary.recovered.is_some();
    let thresholds =
        summary.thresholds.iter().map(|result| case(&result.text, threshold(result, is_unjudged)));
    std::iter::once(run).chain(precision).chain(thresholds).collect()
}

fn run(summary: &Summary) -> Verdict {
    let Summary { verdict, recovered, stopped, is_interrupted, .. } = summary;
    match (verdict.validity, recovered, stopped) {
        (Validity::Invalid, ..) => Verdict::Error("invalid", format!("INVALID: {}", verdict.reason)),
        (Validity::Valid, Some(why), _) => Verdict::Error("recovered", format!("RECOVERED: {why}")),
        (Validity::Valid, None, Some(why)) => Verdict::Error("stopped", format!("STOPPED: {why}")),
        (Validity::Valid, None, None) if *is_interrupted => {
            Verdict::Error("interrupted", "INTERRUPTED, the figures are of what there was".into())
        }
        (Validity::Valid, None, None) => Verdict::Pass,
    }
}

fn threshold(result: &ThresholdResult, is_unjudged: bool) -> Verdict {
    let ThresholdResult { text, verdict, shown } = result;
    match verdict {
        ThresholdVerdict::Fail => Verdict::Failure("threshold", format!("{text} does not hold: {shown}")),
        ThresholdVerdict::NoVerdict if is_unjudged => Verdict::Skipped(shown.clone()),
        ThresholdVerdict::NoVerdict => {
            Verdict::Error("no_verdict", format!("{text} has no verdict: {shown}"))
        }
        ThresholdVerdict::Pass => Verdict::Pass,
    }
}

/// What tells this run from others.
fn properties(summary: &Summary) -> [(&'static str, String); 5] {
    [
        ("verb", summary.verb.name().into()),
        ("seed", summary.seed.to_string()),
        ("version", summary.version.clone()),
        ("scenario_sha256", summary.scenario_sha256.clone()),
        ("requests_for", show::seconds(summary.duration_secs)),
    ]
}

/// A suite and a class must have a name.
fn scenario(summary: &Summary) -> &str {
    if summary.scenario.is_empty() { "unnamed" } else { &summary.scenario }
}

fn secs(secs: f64) -> String {
    format!("{:.3}", secs.max(0.0))
}

/// Text within an element or an attribute. XML has no way to hold most control characters.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(letter),
            '\u{FFFE}' | '\u{FFFF}' => escaped.push('\u{FFFD}'),
            letter if letter.is_control() => escaped.push('\u{FFFD}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::certainty::{Certainty, Reached};
    use crate::report::sample;

    #[test]
    fn the_report_of_first_light_is_as_committed() {
        sample::assert_golden("junit.xml", &write(&sample::first_light(), &[]));
    }

    #[test]
    fn a_run_that_proves_nothing_is_an_error_and_its_thresholds_are_skipped() {
        let mut summary = sample::refused();
        summary.thresholds = vec![ThresholdResult {
            text: "ttft_p95 < 2s".into(),
            verdict: ThresholdVerdict::NoVerdict,
            shown: "the run is invalid".into(),
        }];
        let xml = write(&summary, &[]);
        assert!(xml.contains("tests=\"2\" failures=\"0\" errors=\"1\" skipped=\"1\""), "{xml}");
        let why = "INVALID: send lag p99 31.000 ms is above the bound of 20ms";
        assert!(xml.contains(&format!("<error type=\"invalid\" message=\"{why}\">{why}</error>")), "{xml}");
        assert!(xml.contains("<skipped message=\"the run is invalid\">"), "{xml}");
    }

    #[test]
    fn what_ended_early_is_an_error_whatever_its_thresholds_say() {
        let mut summary = sample::first_light();
        summary.is_interrupted = true;
        assert!(write(&summary, &[]).contains("<error type=\"interrupted\""));
        summary.stopped = Some("the budget was spent".into());
        assert!(write(&summary, &[]).contains("<error type=\"stopped\""));
        summary.recovered = Some("it was cut off".into());
        assert!(write(&summary, &[]).contains("<error type=\"recovered\""));
    }

    #[test]
    fn a_precision_that_was_asked_for_is_a_case() {
        let mut summary = sample::one_endpoint();
        let reached = |is_reached| Certainty {
            confidence: 0.95,
            replications: 200,
            precision: Some(Reached { asked: "1%:ttft_p99".into(), is_reached }),
            figures: Vec::new(),
            notes: Vec::new(),
        };
        summary.certainty = Some(reached(true));
        assert!(write(&summary, &[]).contains("name=\"precision 1%:ttft_p99\" time=\"0.000\"/>"));
        summary.certainty = Some(reached(false));
        assert!(
            write(&summary, &[]).contains("<error type=\"no_verdict\" message=\"a precision of 1%:ttft_p99")
        );
    }

    #[test]
    fn names_and_control_characters_do_not_break_it() {
        let mut summary = sample::hostile();
        summary.thresholds[0].shown = "\u{1b}[31m\u{0}".into();
        summary.thresholds[0].verdict = ThresholdVerdict::Fail;
        let xml = write(&summary, &[]);
        assert!(!xml.contains("<script>") && !xml.contains('\u{1b}') && !xml.contains('\u{0}'), "{xml}");
        assert!(
            xml.contains("name=\"&lt;script&gt;alert('1')&lt;/script&gt;|&amp;&quot;[x](http://y)\""),
            "{xml}"
        );
        assert!(write(&sample::empty(), &[]).contains("name=\"unnamed\""));
    }
}
