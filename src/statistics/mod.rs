//! How sure a figure is: intervals of means, differences, quantiles and shares, warm-up, and when to stop.

pub mod batches;
mod beta;
pub mod bootstrap;
pub mod change_point;
pub mod coverage;
pub mod interval;
pub mod pairs;
pub mod quantile;
pub mod run_length;
pub mod sample;
pub mod share;
pub mod stopping;
pub mod student;
pub mod warmup;
