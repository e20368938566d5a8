//! What leaving a cloud costs and how long it takes, as lines of the catalogue have it.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Catalogue;
use crate::number::Span;
use crate::price::Money;

/// What a cloud charges for bytes that leave it, and how far they go.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LinkOffer {
    /// Such as `aws`.
    pub cloud: String,
    pub reach: Reach,
    /// From there to the other end and back, connections being open; not known, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip: Option<Span>,
    /// Dollars for a gigabyte (10⁹ bytes) that leaves the cloud, or the region.
    pub per_gb: Money,
    /// Where the price was read.
    pub source: String,
    /// When it was read.
    pub dated: Date,
}

/// How far apart two places are.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// The same cloud and region.
    SameRegion,
    /// The same cloud, in another region or in one that is not known.
    SameCloud,
    /// The public internet between them.
    Internet,
}

impl Reach {
    /// As catalogues and bills call it.
    pub fn name(self) -> &'static str {
        match self {
            Reach::SameRegion => "same_region",
            Reach::SameCloud => "same_cloud",
            Reach::Internet => "internet",
        }
    }
}

impl Catalogue {
    /// What is known of bytes that leave `cloud`; `None` for one that the catalogue does not know.
    pub fn leaving(&self, cloud: &str, reach: Reach) -> Option<&LinkOffer> {
        self.links.iter().find(|row| row.cloud == cloud && row.reach == reach)
    }
}
