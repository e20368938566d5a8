//! Closed forms that need no simulation: how long is waited, what is refused, how much to buy, from when it pays.

pub mod arrivals;
pub mod breakeven;
pub mod erlang;
pub mod impatience;
pub mod length;
pub mod limit;
pub mod md1;
pub mod mg1;
pub mod newsvendor;
pub mod normal;
pub mod poisson;
pub mod retry;
mod root;
pub mod tandem;
