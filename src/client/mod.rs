//! The client half: what traffic comes, where each request is sent, and what is done when that fails.

pub mod answer;
pub mod arrivals;
pub mod delays;
pub mod dispatcher;
mod event;
pub mod fleet;
mod flight;
pub mod hedge;
pub mod images;
pub mod lengths;
pub mod plan;
pub mod prefix;
pub mod purse;
pub mod retry;
pub mod routers;
pub mod safety;
pub mod sessions;
mod stream;
pub mod texts;
mod timer;
pub mod workload;
