//! The server half: what an endpoint admits, refuses and charges its quotas, and how fast it answers.

pub mod admission;
pub mod batch;
pub mod cache;
pub mod cloud;
pub mod endpoint;
pub mod latency;
pub mod limits;
pub mod quota;
pub mod replica;
pub mod running;
pub mod service;
pub mod stretch;
pub mod tickets;
pub mod units;
pub mod way;
