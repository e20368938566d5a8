//! How what was found ends the process.

use tollgate::calibrate::Calibration;
use tollgate::error::ExitCode;
use tollgate::report::repeats::{self, RepeatEnd, Repeated};
use tollgate::report::summary::{Summary, ThresholdVerdict, Validity};

/// How a calibration ends it: the harness does not keep up, or it does.
pub fn of_calibration(calibration: &Calibration) -> ExitCode {
    match calibration.verdict.validity {
        Validity::Invalid => ExitCode::NoVerdict,
        Validity::Valid => ExitCode::Fine,
    }
}

/// How a summary ends it.
pub fn of_summary(summary: &Summary) -> ExitCode {
    let has = |verdict| summary.thresholds.iter().any(|threshold| threshold.verdict == verdict);
    let precision = summary.certainty.as_ref().and_then(|certainty| certainty.precision.as_ref());
    let is_unsure = precision.is_some_and(|precision| !precision.is_reached);
    match summary.verdict.validity {
        _ if summary.is_interrupted => ExitCode::Interrupted,
        _ if summary.stopped.is_some() => ExitCode::Failed,
        Validity::Invalid => ExitCode::NoVerdict,
        Validity::Valid if has(ThresholdVerdict::Fail) => ExitCode::Gate,
        Validity::Valid if has(ThresholdVerdict::NoVerdict) => ExitCode::NoVerdict,
        Validity::Valid if is_unsure => ExitCode::NoVerdict,
        Validity::Valid => ExitCode::Fine,
    }
}

/// How repeats end it: none counts, or not as many as were asked for, or a threshold is not met.
pub fn of_repeats(repeated: &Repeated) -> ExitCode {
    match repeats::fails(repeated) {
        _ if repeated.repeats.iter().any(|repeat| repeat.ending == RepeatEnd::Interrupted) => {
            ExitCode::Interrupted
        }
        _ if repeated.repeats.iter().any(|repeat| repeat.ending == RepeatEnd::Stopped) => ExitCode::Failed,
        _ if repeated.repeats.len() < repeated.wanted as usize => ExitCode::Failed,
        _ if repeated.counted() < 2 => ExitCode::NoVerdict,
        (true, _) => ExitCode::Gate,
        (false, true) => ExitCode::NoVerdict,
        (false, false) => ExitCode::Fine,
    }
}
