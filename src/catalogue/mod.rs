//! What the clouds offer: dated prices, quotas and capacities with their sources.

pub mod row;
