//! What the clouds offer: dated prices, quotas and capacities with their sources.

pub mod capacity;
pub mod files;
pub mod import;
pub mod link;
pub mod lookup;
pub mod machine;
pub mod model;
pub mod name;
pub mod presets;
pub mod quota;
mod read;
pub mod row;
pub mod rule;
pub mod workload;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use jiff::civil::Date;

pub use self::link::{LinkOffer, Reach};
pub use self::lookup::{Sought, Unpriced};
pub use self::model::{Availability, Model, Zone};
pub use self::presets::Presets;
use self::read::{Row, Rows};
pub use self::row::{Offer, Term, UnitOffer};
pub use self::workload::Workload;
use crate::error::Result;

/// Every price there is, and what is known of the models.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// In the order of provider, model, scope, tier and time, as all rows are in the order of their keys.
    pub offers: Vec<Offer>,
    pub units: Vec<UnitOffer>,
    pub models: Vec<Model>,
    pub zones: Vec<Zone>,
    pub links: Vec<LinkOffer>,
    /// Quotas and capacities.
    pub presets: Arc<Presets>,
    /// Traffic that classes can take over, by name.
    pub workloads: Vec<Workload>,
    /// The files it is read from, those of quotas and workloads among them: ours, then the folder's.
    pub files: Vec<files::File>,
}

impl Catalogue {
    /// The one in the binary.
    pub fn embedded() -> Arc<Catalogue> {
        static EMBEDDED: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
            let files = files::embedded();
            Arc::new(Catalogue::of(files).expect("our own files are sound: a test reads them"))
        });
        EMBEDDED.clone()
    }

    /// Ours with the rows of a folder: one takes the place of all of ours of the same key, whatever their time.
    pub fn with(folder: &Path) -> Result<Catalogue> {
        let theirs = Catalogue::of(files::read(folder)?)?;
        let mut all = Catalogue::clone(&Catalogue::embedded());
        replace(&mut all.offers, theirs.offers);
        replace(&mut all.units, theirs.units);
        replace(&mut all.models, theirs.models);
        replace(&mut all.zones, theirs.zones);
        replace(&mut all.links, theirs.links);
        all.files.extend(theirs.files);
        all.presets = Arc::new(Presets::of(&all.files)?);
        all.workloads = Workload::all(&all.files)?;
        Ok(all)
    }

    /// What these files say, and nothing else.
    pub fn of(files: Vec<files::File>) -> Result<Catalogue> {
        let Rows { offers, units, models, zones, links } = read::rows(&files)?;
        let presets = Arc::new(Presets::of(&files)?);
        let workloads = Workload::all(&files)?;
        Ok(Catalogue { offers, units, models, zones, links, presets, workloads, files })
    }

    /// SHA-256 of its files, in hexadecimal.
    pub fn hash(&self) -> String {
        files::hash(&self.files)
    }

    /// The day of its newest row.
    pub fn day(&self) -> Date {
        let offers = self.offers.iter().map(|row| row.dated);
        let units = self.units.iter().map(|row| row.dated);
        let models = self.models.iter().map(|row| row.dated);
        offers.chain(units).chain(models).max().unwrap_or_default()
    }

    /// What is known of a model, by the name that the offers have for it.
    pub fn model(&self, provider: &str, model: &str) -> Option<&Model> {
        self.models.iter().find(|row| row.provider == provider && row.model == model)
    }

    /// Whether a model can be used in a scope on a day.
    pub fn available(&self, provider: &str, model: &str, scope: &str, date: Date) -> Availability {
        self.model(provider, model).map_or(Availability::Unknown, |row| row.available(scope, date))
    }

    /// Where data stays that is sent to a scope of a provider; `None` where nobody knows.
    pub fn residency(&self, provider: &str, scope: &str) -> Option<&str> {
        let is_in = |row: &&Zone| row.provider == provider && row.scopes.iter().any(|known| known == scope);
        self.zones.iter().find(is_in).map(|row| row.zone.as_str())
    }
}

/// Puts `theirs` in the place of all of `ours` that have the same keys.
fn replace<R: Row>(ours: &mut Vec<R>, theirs: Vec<R>) {
    let keys: BTreeSet<_> = theirs.iter().map(Row::key).collect();
    ours.retain(|row| !keys.contains(&row.key()));
    drop(keys);
    ours.extend(theirs);
    ours.sort_by(|a, b| (a.key(), a.from()).cmp(&(b.key(), b.from())));
}

#[cfg(test)]
mod tests;
