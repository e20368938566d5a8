//! How faithful a run must be for a verdict.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::{Share, Span};

/// Past these, the harness was the limit and a run gives no verdict.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct FidelityBounds {
    /// The p99 of how late requests were sent.
    pub send_lag_p99_max: Span,
    /// The least share of offered requests that must be sent.
    pub achieved_min: Share,
    /// The p99 of how late the client's loop was.
    #[serde(skip_serializing_if = "is_20_ms")]
    pub loop_lag_p99_max: Span,
    /// The most of a processor that the client's thread may use in its busiest five seconds; 1 is no bound.
    #[serde(skip_serializing_if = "is_95_percent")]
    pub cpu_share_max: Share,
    /// The p99 of how far a calibration's TTFT and E2E may be off their truth.
    #[serde(skip_serializing_if = "is_20_ms")]
    pub calibration_error_p99_max: Span,
}

impl Default for FidelityBounds {
    fn default() -> Self {
        FidelityBounds {
            send_lag_p99_max: MS_20,
            achieved_min: Share::new(0.98).expect("98 % is a share"),
            loop_lag_p99_max: MS_20,
            cpu_share_max: Share::new(0.95).expect("95 % is a share"),
            calibration_error_p99_max: MS_20,
        }
    }
}

const MS_20: Span = Span(Duration::from_millis(20));

fn is_20_ms(span: &Span) -> bool {
    *span == MS_20
}

fn is_95_percent(share: &Share) -> bool {
    share.get() == 0.95
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_that_are_written_back_are_the_same() {
        let plain = toml::to_string(&FidelityBounds::default()).unwrap();
        assert_eq!(plain, "send_lag_p99_max = \"20ms\"\nachieved_min = 0.98\n");
        let text = "send_lag_p99_max = \"1s\"\nachieved_min = 0.5\nloop_lag_p99_max = \"2s\"\ncpu_share_max = 1.0\n\
                    calibration_error_p99_max = \"3s\"\n";
        let bounds: FidelityBounds = toml::from_str(text).unwrap();
        assert_eq!(toml::to_string(&bounds).unwrap(), text);
    }
}
