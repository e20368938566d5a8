//! The endpoint machine, driven in virtual time: what it promises, and the closed forms it must meet.

mod batching;
mod cache;
mod drive;
mod invariants;
mod machine;
mod metering;
mod oracles;
mod quota;
mod reference;
