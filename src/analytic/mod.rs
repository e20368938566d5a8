//! Closed forms that need no simulation: how many places, how many committed units, from when capacity pays.

pub mod breakeven;
pub mod erlang;
pub mod newsvendor;
