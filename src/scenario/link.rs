//! Where the application and the endpoints stand, and the ways between them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{EndpointSpec, Scenario};
use crate::catalogue::{LinkOffer, Reach};
use crate::commitments::passage::{self, Fee, Passage};
use crate::commitments::{AnyCommitment, Commitment, per_byte};
use crate::machines;
use crate::number::Span;
use crate::price::Money;
use crate::wire::EndpointId;

/// Where the callers stand.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// The cloud: aws, azure, gcp, or a name of one's own.
    pub cloud: Word,
    /// The region as that cloud calls it, such as `eu-central-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Word>,
}

/// A way from the application to endpoints: how long it takes, and what it costs.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Its name, by which endpoints and bills call it.
    pub name: String,
    /// Only for an application in this cloud, or region such as `aws/eu-central-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Place>,
    /// The endpoints that it leads to: those in a cloud such as `azure`, in a region such as `azure/swedencentral`, or
    /// on the public `internet`. Of several links the one that says most is taken; one without `to` is for the
    /// endpoints that name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Place>,
    /// Round trip between the application and the endpoints, connections being open.
    pub round_trip: Span,
    /// Dollars for a gigabyte (10⁹ bytes) of prompts, with at most three decimals.
    pub per_gb: Money,
    /// Dollars for a gigabyte of answers: nothing, where nobody bills what comes back.
    #[serde(default)]
    pub per_gb_back: Money,
    /// Dollars an hour for a private link, used or not. The endpoints that it leads to share them evenly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_hour: Option<Money>,
    /// Bytes for each prompt token.
    #[serde(default = "passage::bytes_per_input_token")]
    pub bytes_per_input_token: u32,
    /// Bytes for each generated token: more where each comes in an event of its own.
    #[serde(default = "passage::bytes_per_output_token")]
    pub bytes_per_output_token: u32,
}

/// A cloud, or a region of one, such as `aws/eu-central-1`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    pub cloud: Word,
    pub region: Option<Word>,
}

/// A cloud's or region's name: small letters, digits and `-`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Word(String);

/// How calls get to an endpoint.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Way {
    /// The link's name, or how far the catalogue takes it to be; `None` where nothing is known.
    pub link: Option<String>,
    /// `None` where it is not known.
    pub round_trip: Option<Duration>,
    /// What the bytes cost; nothing, where that is not known.
    pub passage: Option<Passage>,
    /// The scenario's own link, by its position.
    pub own: Option<usize>,
}

impl Scenario {
    /// The way to an endpoint: its own link, or the one that says most of those that lead there, or what the catalogue
    /// knows of places so far apart. Its own `round_trip` goes before.
    pub fn way(&self, spec: &EndpointSpec) -> Way {
        let own = self.links_to(spec).first().copied();
        let mut way = match own {
            Some(index) => self.links[index].way(index),
            None => self.usual_way(spec),
        };
        way.round_trip = spec.round_trip.map(Span::get).or(way.round_trip);
        way
    }

    /// Where the application stands.
    pub fn here(&self) -> Option<Place> {
        let Application { cloud, region } = self.application.clone()?;
        Some(Place { cloud, region })
    }

    /// Where an endpoint stands: what it says, or its provider's cloud and its region; `None` where only its owner
    /// knows.
    pub fn place(&self, spec: &EndpointSpec) -> Option<Place> {
        if spec.place.is_some() {
            return spec.place.clone();
        }
        let provider = spec.provider.get().cloud()?;
        // What is not a zone of several regions is a region.
        let zone = |scope: &str| self.prices.residency(spec.provider.name(), scope);
        let said = spec.region.clone().filter(|region| zone(region) != Some(region));
        let scope = spec.sold().scope;
        let region = said.or_else(|| zone(&scope).is_some_and(|zone| zone != scope).then_some(scope));
        let region = region.and_then(|region| region.parse().ok());
        Some(Place { cloud: Word(provider.into()), region })
    }

    /// The scenario's links that serve an endpoint equally well, by position.
    pub(super) fn links_to(&self, spec: &EndpointSpec) -> Vec<usize> {
        if let Some(name) = &spec.link {
            return self.links.iter().position(|link| link.name == *name).into_iter().collect();
        }
        let (here, there) = (self.here(), self.place(spec));
        let fits = self.links.iter().enumerate().filter_map(|(index, link)| {
            let to = link.to.as_ref()?.weight(there.as_ref())?;
            let from = link.from.as_ref().map_or(Some(0), |from| from.weight(here.as_ref()))?;
            Some((to + from, index))
        });
        let fits: Vec<(u8, usize)> = fits.collect();
        let most = fits.iter().map(|(weight, _)| *weight).max();
        fits.into_iter().filter(|(weight, _)| Some(*weight) == most).map(|(_, index)| index).collect()
    }

    /// What the catalogue knows of the way between two places.
    fn usual_way(&self, spec: &EndpointSpec) -> Way {
        let (Some(here), Some(there)) = (self.here(), self.place(spec)) else { return Way::default() };
        let reach = here.reach(&there);
        let leaving = |place: &Place| self.prices.leaving(&place.cloud.0, reach);
        let (out, back) = (leaving(&here), leaving(&there));
        if out.or(back).is_none() {
            return Way::default();
        }
        let rate = |row: Option<&LinkOffer>| row.map_or(Money::ZERO, |row| row.per_gb);
        let bytes = (passage::bytes_per_input_token(), passage::bytes_per_output_token());
        Way {
            link: Some(reach.name().into()),
            round_trip: out.and_then(|row| row.round_trip).map(Span::get),
            passage: Some(passage_of(reach.name(), rate(out), rate(back), bytes)),
            own: None,
        }
    }

    /// What bytes cost on the ways to the endpoints, in their order.
    pub fn passages(&self) -> Vec<Option<Passage>> {
        self.endpoints.iter().map(|spec| self.way(spec).passage).collect()
    }

    /// The scenario's links that lead to no endpoint.
    pub fn unused_links(&self) -> impl Iterator<Item = &Link> {
        let ways: Vec<Option<usize>> = self.endpoints.iter().map(|spec| self.way(spec).own).collect();
        let links = self.links.iter().enumerate();
        links.filter(move |(index, _)| !ways.contains(&Some(*index))).map(|(_, link)| link)
    }

    /// The private links that lead to endpoints.
    pub fn fees(&self) -> Vec<Fee> {
        let ways: Vec<Option<usize>> = self.endpoints.iter().map(|spec| self.way(spec).own).collect();
        let fees = self.links.iter().enumerate().filter_map(|(index, link)| {
            let reached = (0..).map(EndpointId).zip(&ways).filter(|(_, way)| **way == Some(index));
            let endpoints: Vec<EndpointId> = reached.map(|(id, _)| id).collect();
            let fee = Fee { link: link.name.clone(), per_hour: link.per_hour?, endpoints };
            (!fee.endpoints.is_empty()).then_some(fee)
        });
        fees.collect()
    }

    /// The commitment that prices an endpoint's bytes, by its position.
    pub fn egress(&self, endpoint: usize) -> Option<usize> {
        let parties = machines::parties(self);
        let is_about = |one: &AnyCommitment| matches!(one, AnyCommitment::Egress(egress) if egress.covers(&parties[endpoint]));
        self.commitments.iter().position(is_about)
    }
}

impl Link {
    fn way(&self, index: usize) -> Way {
        let bytes = (self.bytes_per_input_token, self.bytes_per_output_token);
        Way {
            link: Some(self.name.clone()),
            round_trip: Some(self.round_trip.get()),
            passage: Some(passage_of(&self.name, self.per_gb, self.per_gb_back, bytes)),
            own: Some(index),
        }
    }

    /// Whether it bills bytes.
    pub fn is_metered(&self) -> bool {
        self.per_gb != Money::ZERO || self.per_gb_back != Money::ZERO
    }
}

/// A check has seen that prices are whole pico-dollars a byte.
fn passage_of(link: &str, there: Money, back: Money, (input, output): (u32, u32)) -> Passage {
    let rate = |per_gb| per_byte(per_gb).unwrap_or_default();
    Passage {
        link: link.into(),
        there: rate(there),
        back: rate(back),
        bytes_per_input_token: input,
        bytes_per_output_token: output,
    }
}

impl Place {
    /// How much a pattern says that fits a place; `None` where it does not fit.
    fn weight(&self, place: Option<&Place>) -> Option<u8> {
        let place = place.filter(|place| place.cloud == self.cloud)?;
        match &self.region {
            None => Some(1),
            Some(_) => (self.region == place.region).then_some(2),
        }
    }

    /// Whether a pattern fits a place.
    pub(super) fn fits(&self, place: Option<&Place>) -> bool {
        self.weight(place).is_some()
    }

    fn reach(&self, other: &Place) -> Reach {
        match () {
            () if self.cloud != other.cloud => Reach::Internet,
            () if self.region.is_some() && self.region == other.region => Reach::SameRegion,
            () => Reach::SameCloud,
        }
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        let (cloud, region) = match text.split_once('/') {
            Some((cloud, region)) => (cloud, Some(region.parse()?)),
            None => (text, None),
        };
        Ok(Place { cloud: cloud.parse()?, region })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.region {
            Some(region) => write!(f, "{}/{}", self.cloud.0, region.0),
            None => f.write_str(&self.cloud.0),
        }
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Place, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|problem| {
            D::Error::custom(format!("{problem}; write a cloud, or a region such as \"aws/eu-central-1\""))
        })
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Place {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Place".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[a-z0-9-]+(/[a-z0-9-]+)?$"})
    }
}

impl FromStr for Word {
    type Err = String;

    fn from_str(text: &str) -> Result<Word, String> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        match !text.is_empty() && text.bytes().all(is_plain) {
            true => Ok(Word(text.into())),
            false => Err(format!("\"{text}\" names no cloud or region: small letters, digits and - only")),
        }
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Word, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|problem| {
            D::Error::custom(format!("{problem}; write such as \"aws\" or \"eu-central-1\""))
        })
    }
}

impl JsonSchema for Word {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Word".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[a-z0-9-]+$"})
    }
}
