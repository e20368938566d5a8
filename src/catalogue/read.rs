//! From files to rows, each checked by itself and against the others.

use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;

use super::files::File;
use super::link::LinkOffer;
use super::model::{Model, Zone};
use super::row::{Offer, UnitOffer};
use crate::commitments::{per_byte, problem_of_money};
use crate::error::{Error, Result};
use crate::price::{Money, Price};

/// What files say, in the order of the keys.
pub struct Rows {
    pub offers: Vec<Offer>,
    pub units: Vec<UnitOffer>,
    pub models: Vec<Model>,
    pub zones: Vec<Zone>,
    pub links: Vec<LinkOffer>,
}

/// A line of the catalogue.
pub trait Row {
    /// What it is about, its time apart.
    fn key(&self) -> Vec<&str>;

    /// The first day on which it holds; always so far, where there is none.
    fn from(&self) -> Option<Date> {
        None
    }

    /// The first day on which it does not hold any more.
    fn until(&self) -> Option<Date> {
        None
    }

    /// What must not be empty, by its key.
    fn names(&self) -> Vec<(&'static str, &str)>;

    /// What is wrong with it by itself; and what to do.
    fn problem(&self) -> Option<String> {
        None
    }
}

/// Every row of the files of prices.
pub fn rows(files: &[File]) -> Result<Rows> {
    let mut found = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for file in files.iter().filter(|file| file.is_prices()) {
        let text: Text = file.parse()?;
        found.0.extend(checked(file, text.offer)?);
        found.1.extend(checked(file, text.unit)?);
        found.2.extend(checked(file, text.model)?);
        found.3.extend(checked(file, text.zone)?);
        found.4.extend(checked(file, text.link)?);
    }
    let (offers, units, models, zones, links) = found;
    Ok(Rows {
        offers: apart(offers)?,
        units: apart(units)?,
        models: apart(models)?,
        zones: apart(zones)?,
        links: apart(links)?,
    })
}

/// A file of prices.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    #[serde(default)]
    link: Vec<Spanned<LinkOffer>>,
    #[serde(default)]
    model: Vec<Spanned<Model>>,
    #[serde(default)]
    offer: Vec<Spanned<Offer>>,
    #[serde(default)]
    unit: Vec<Spanned<UnitOffer>>,
    #[serde(default)]
    zone: Vec<Spanned<Zone>>,
}

/// A file and a byte of it: lines are counted only where an error names one.
type Place<'a> = (&'a File, usize);

/// The rows with the places where they stand, each sound by itself.
fn checked<R: Row>(file: &File, rows: Vec<Spanned<R>>) -> Result<Vec<(Place<'_>, R)>> {
    let check = |row: Spanned<R>| {
        let (at, row) = (row.span().start, row.into_inner());
        let time = row.from().zip(row.until()).filter(|(from, until)| until <= from);
        let time = time.map(|(from, until)| {
            format!("a price from {from} cannot hold until {until}; `until` is the first day without it")
        });
        let nameless = row.names().into_iter().find(|(_, name)| name.trim().is_empty());
        let nameless = nameless.map(|(key, _)| format!("`{key}` is empty; fill it in"));
        match time.or(nameless).or(row.problem()) {
            Some(problem) => Err(file.error(at, &problem)),
            None => Ok(((file, at), row)),
        }
    };
    rows.into_iter().map(check).collect()
}

/// The rows in order, of which no two say different things of the same.
fn apart<R: Row>(mut rows: Vec<(Place<'_>, R)>) -> Result<Vec<R>> {
    rows.sort_by(|(_, a), (_, b)| (a.key(), a.from()).cmp(&(b.key(), b.from())));
    for pair in rows.windows(2) {
        let [(first, a), (second, b)] = pair else { continue };
        let is_over = a.until().is_some_and(|until| b.from().is_some_and(|from| until <= from));
        if a.key() == b.key() && !is_over {
            let (first, second) = (first.0.place(first.1), second.0.place(second.1));
            let about: Vec<_> = a.key().into_iter().filter(|part| !part.is_empty()).collect();
            return Err(Error::usage(format!(
                "{second}: {} is already said in {first}, for the same time; remove one, or part them with `from` and \
                 `until`",
                about.join(" ")
            )));
        }
    }
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

impl Row for Offer {
    fn names(&self) -> Vec<(&'static str, &str)> {
        let Offer { provider, model, scope, source, .. } = self;
        vec![("provider", provider), ("model", model), ("scope", scope), ("source", source)]
    }

    fn key(&self) -> Vec<&str> {
        vec![&self.provider, &self.model, &self.scope, self.tier.name()]
    }

    fn from(&self) -> Option<Date> {
        self.from
    }

    fn until(&self) -> Option<Date> {
        self.until
    }

    fn problem(&self) -> Option<String> {
        currency(&self.currency).or_else(|| problem(&self.price))
    }
}

impl Row for UnitOffer {
    fn names(&self) -> Vec<(&'static str, &str)> {
        let UnitOffer { provider, unit, model, scope, source, .. } = self;
        let model = model.as_deref().map(|model| ("model", model));
        let names = [("provider", &**provider), ("unit", unit), ("scope", scope), ("source", source)];
        names.into_iter().chain(model).collect()
    }

    fn key(&self) -> Vec<&str> {
        let model = self.model.as_deref().unwrap_or_default();
        vec![&self.provider, &self.unit, model, &self.scope, self.term.name()]
    }

    fn from(&self) -> Option<Date> {
        self.from
    }

    fn until(&self) -> Option<Date> {
        self.until
    }

    fn problem(&self) -> Option<String> {
        let is_negative = self.price < Money::ZERO;
        currency(&self.currency)
            .or_else(|| is_negative.then(|| "a price is not negative; say what one unit costs".into()))
    }
}

impl Row for Model {
    fn names(&self) -> Vec<(&'static str, &str)> {
        vec![("provider", &self.provider), ("model", &self.model), ("source", &self.source)]
    }

    fn key(&self) -> Vec<&str> {
        vec![&self.provider, &self.model]
    }

    fn problem(&self) -> Option<String> {
        let retires = self.retires?;
        let launched = self.launched_in.values().copied().chain(self.launched).find(|day| *day >= retires)?;
        Some(format!("it cannot be launched on {launched} and retire on {retires}; mend the dates"))
    }
}

impl Row for Zone {
    fn names(&self) -> Vec<(&'static str, &str)> {
        vec![("provider", &self.provider), ("zone", &self.zone), ("source", &self.source)]
    }

    fn key(&self) -> Vec<&str> {
        vec![&self.provider, &self.zone]
    }
}

impl Row for LinkOffer {
    fn names(&self) -> Vec<(&'static str, &str)> {
        vec![("cloud", &self.cloud), ("source", &self.source)]
    }

    fn key(&self) -> Vec<&str> {
        vec![&self.cloud, self.reach.name()]
    }

    fn problem(&self) -> Option<String> {
        let problem =
            per_byte(self.per_gb).err().or_else(|| Some(problem_of_money("per_gb", self.per_gb)?.1));
        problem.map(|problem| format!("{problem}; write dollars for a gigabyte, such as \"0.087\""))
    }
}

fn currency(currency: &str) -> Option<String> {
    (currency != "USD").then(|| {
        format!(
            "prices in {currency} cannot be reckoned with, only those in USD; leave the row out or convert it"
        )
    })
}

/// What is wrong with a price per token.
fn problem(price: &Price) -> Option<String> {
    match () {
        () if !price.has_rising_thresholds() => {
            Some("the thresholds of `long_context` do not rise; put the lowest first".into())
        }
        () if price.per_hour.is_some() => {
            Some("`per_hour` is no price of tokens; capacity is priced in a [[unit]] row".into())
        }
        () if price.has_no_rates() => {
            Some("the price says nothing; give `input` and `output`, or leave the row out".into())
        }
        () => None,
    }
}
