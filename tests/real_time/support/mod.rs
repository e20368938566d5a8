//! Clients and servers that the tests over sockets put against each other.
#![cfg(all(feature = "net", unix))]

pub mod attempt;
pub mod frames;
pub mod load;
pub mod rogue;
pub mod secure;
