//! The scenario: one file says what comes, who may serve it, what each allows and charges.

mod caching;
pub mod change;
mod check;
pub mod connections;
mod contents;
mod diagnostic;
pub mod endpoint;
mod explain;
pub mod fidelity;
mod gap;
pub mod knob;
pub mod link;
pub mod plan;
mod presets;
pub mod price;
mod purchase;
mod read;
pub mod schema;
mod secret;
pub mod seek;
mod tree;
pub mod uncertain;
pub mod units;
pub mod unlike;
pub mod url;
pub mod vary;
pub mod warmup;
mod warnings;
mod workloads;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use self::change::Change;
use self::connections::Connections;
use self::diagnostic::Diagnostic;
pub use self::endpoint::EndpointSpec;
use self::fidelity::FidelityBounds;
use self::link::{Application, Link};
use self::plan::PlanSpec;
use self::seek::SearchSpec;
use self::uncertain::{Alternative, UncertainSpec};
use self::vary::SweepSpec;
use self::warmup::Warmup;
use crate::catalogue::quota::QuotaSpec;
use crate::catalogue::{Catalogue, UnitOffer};
use crate::client::arrivals::AnyArrivals;
use crate::client::fleet::Cooling;
use crate::client::hedge::Hedge;
use crate::client::purse::Budget;
use crate::client::retry::AnyRetry;
use crate::client::routers::AnyRouter;
use crate::client::safety::Safety;
use crate::client::workload::Class;
use crate::collectors::threshold::Threshold;
use crate::commitments::AnyCommitment;
use crate::error::{Error, Result};
use crate::number::{Positive, Span};
use crate::providers::Terms;
use crate::server::cloud::Spill;
use crate::server::latency::AnyLatency;
use crate::server::limits::AnyLimit;

/// A question, complete.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Names the results folder; the file's name where it is not given.
    #[serde(default)]
    pub name: String,
    /// Root of all chance.
    #[serde(default = "default_seed")]
    pub seed: u32,
    /// The first day of the run, in UTC, such as `2026-11-21`: decides which prices and models there are, and
    /// where in its week a preset begins. The catalogue's own day where it is not given.
    #[serde(default, deserialize_with = "day", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub date: Option<Date>,
    /// A folder of prices that go before the built-in ones, from where the scenario is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<PathBuf>,
    /// What there is to buy, at which price.
    #[serde(skip, default = "Catalogue::embedded")]
    pub prices: Arc<Catalogue>,
    /// How long requests come; what is under way then is still answered.
    pub duration: Span,
    /// Requests of this first part count in no latency, goodput or refusal figure; `"auto"` finds it by a simulation.
    #[serde(default)]
    pub warmup: Warmup,
    /// Requests of this last part count in none either, so that none is measured while the load ebbs away.
    #[serde(default, skip_serializing_if = "Span::is_zero")]
    pub cooldown: Span,
    /// When requests come: those of all classes that have no `arrivals` of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<AnyArrivals>,
    /// What comes: kinds of requests.
    pub classes: Vec<Class>,
    /// Who may serve them.
    pub endpoints: Vec<EndpointSpec>,
    /// Where the callers stand: the ways to the endpoints begin there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<Application>,
    /// Ways to endpoints of which more is known than the catalogue has: how long they take, what they cost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Quotas that several endpoints share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pools: Vec<Pool>,
    /// What is agreed with providers beside a price per token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commitments: Vec<AnyCommitment>,
    /// The catalogue's rows for those commitments that have no price of their own, by position.
    #[serde(skip)]
    pub unit_rows: Vec<Option<UnitOffer>>,
    /// What may be spent on requests; anything, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// Which endpoint gets a request.
    #[serde(default)]
    pub router: AnyRouter,
    /// Whether and when a failed request is tried again.
    #[serde(default)]
    pub retry: AnyRetry,
    /// When a slow request gets a second attempt; never, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge: Option<Hedge>,
    /// How connections to endpoints are used by `run`.
    #[serde(default, skip_serializing_if = "Connections::is_usual")]
    pub connections: Connections,
    /// When an endpoint is given a rest; never, where it is not given and the retries are an SDK's.
    #[serde(default)]
    pub cooling: Cooling,
    /// How faithful a run must be for a verdict.
    #[serde(default)]
    pub fidelity: FidelityBounds,
    /// What a run may do at most, whatever the plan says.
    #[serde(default, skip_serializing_if = "Safety::is_none")]
    pub safety: Safety,
    /// What `tollgate search` looks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchSpec>,
    /// What `tollgate sweep` varies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepSpec>,
    /// What must hold, such as `"ttft_p99 < 2s"`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<Threshold>,
    /// What may be bought: the choices of `tollgate plan`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanSpec>,
    /// What nobody knows for sure: `tollgate sweep` plays every alternative in many worlds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncertain: Option<UncertainSpec>,
    /// The choices to hold against each other in those worlds; the scenario as it is, where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
}

/// A quota that several endpoints share: a family of models, the deployments of a subscription, an organisation.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Its name, by which endpoints call it.
    pub name: String,
    /// The vendor's quota by its name in the catalogue: it stands for limits, which hold beside the pool's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaSpec>,
    /// What it refuses. Every job of every endpoint that draws on it counts.
    #[serde(default)]
    pub limits: Vec<AnyLimit>,
}

impl Scenario {
    /// Multiplies the load: so many times as many requests in the same time.
    pub fn scale(&mut self, factor: f64) {
        self.streams_mut().for_each(|(_, arrivals)| arrivals.scale(factor));
    }
}

impl Scenario {
    /// Takes all budgets and the bounds on a run away, to see what it comes to without.
    pub fn lift_bounds(&mut self) {
        self.budget = None;
        self.classes.iter_mut().for_each(|class| class.budget = None);
        self.safety = Safety::default();
    }

    /// Every stream of arrivals with its place in the scenario: the shared one first, then those of classes.
    pub fn streams(&self) -> impl Iterator<Item = (String, &AnyArrivals)> {
        let own = self.classes.iter().enumerate();
        let own = own.filter_map(|(index, class)| Some((stream_key(index), class.arrivals.as_ref()?)));
        self.arrivals.iter().map(|arrivals| (SHARED.into(), arrivals)).chain(own)
    }

    fn streams_mut(&mut self) -> impl Iterator<Item = (String, &mut AnyArrivals)> {
        let own = self.classes.iter_mut().enumerate();
        let own = own.filter_map(|(index, class)| Some((stream_key(index), class.arrivals.as_mut()?)));
        self.arrivals.iter_mut().map(|arrivals| (SHARED.into(), arrivals)).chain(own)
    }

    /// Requests expected of what arrives within `span` from the start, with all turns of conversations that begin
    /// then; `None` where the answers decide it.
    pub fn expected(&self, span: Duration) -> Option<f64> {
        let own = self.classes.iter().filter_map(|class| Some((class.arrivals.as_ref()?, class)));
        let own = own.map(|(arrivals, class)| Some(arrivals.expected(span)? * class.requests_per_arrival()));
        let by_share = || self.classes.iter().filter(|class| class.arrivals.is_none());
        let shares: f64 = by_share().map(Class::share).sum();
        let mean = by_share().map(|class| class.share() * class.requests_per_arrival()).sum::<f64>() / shares;
        let shared = self.arrivals.iter().map(|arrivals| Some(arrivals.expected(span)? * mean));
        shared.chain(own).sum()
    }

    /// Measured requests are intended from the first of these on and before the second: after the warm-up and before the
    /// cooldown.
    pub fn measured(&self) -> (Duration, Duration) {
        (self.warmup.get(), self.duration.get().saturating_sub(self.cooldown.get()))
    }

    /// How long that is.
    pub fn window(&self) -> Duration {
        let (from, until) = self.measured();
        until.saturating_sub(from)
    }

    /// The arrivals that bring the requests of a class.
    pub fn arrivals_of<'a>(&'a self, class: &'a Class) -> Option<&'a AnyArrivals> {
        class.arrivals.as_ref().or(self.arrivals.as_ref())
    }

    /// On which terms the calls to an endpoint are served: their tier, and the endpoint that serves what it refuses.
    /// The name of a deployment that its own headers spill to is left out.
    pub fn terms(&self, endpoint: usize) -> Terms<'static> {
        let spec = &self.endpoints[endpoint];
        let spillover = spec.spillover.as_ref();
        let spillover =
            spillover.and_then(|name| self.endpoints.iter().position(|other| other.name == *name));
        let is_named = |other: &EndpointSpec, deployment: &str| {
            other.provider == spec.provider && other.model == deployment && other.name != spec.name
        };
        let find = |name: &str| self.endpoints.iter().position(|other| is_named(other, name));
        let headers = HeaderMap::from_iter(spec.target().headers);
        let terms = spec.provider.terms(spec.service_tier.as_deref(), &headers, spillover, find);
        Terms { named: None, ..terms }
    }

    /// By endpoint, what it passes on to which other.
    pub fn spills(&self) -> Vec<Option<Spill>> {
        (0..self.endpoints.len()).map(|index| self.terms(index).spill).collect()
    }
}

impl Scenario {
    /// Reads and checks a scenario file, with everything it refers to.
    pub fn load(path: &Path) -> Result<Scenario> {
        Scenario::load_with(path, None)
    }

    /// Reads and checks a scenario file, with the prices in the folder `catalogue` and not in the scenario's own.
    pub fn load_with(path: &Path, catalogue: Option<&Path>) -> Result<Scenario> {
        Draft::open(path, catalogue)?.scenario(&[])
    }

    /// Checks the text of a scenario and reads nothing else; `path` names it in messages. Where it has a catalogue of
    /// its own, prices are not looked up.
    pub fn parse(text: &str, path: &Path) -> Result<Scenario> {
        Scenario::read(text, path, None, None, &[])
    }

    /// Finds all mistakes of one sort before it looks for the next: of TOML, of type, between the parts,
    /// and at last in the files referred to, which are in `folder`.
    fn read(
        text: &str,
        path: &Path,
        folder: Option<&Path>,
        catalogue: Option<Arc<Catalogue>>,
        changes: &[Change],
    ) -> Result<Scenario> {
        let shown = path.display().to_string();
        let fail = |mistakes: Vec<Diagnostic>| diagnostic::error(&shown, text, &mistakes);
        let mut tree = read::tree(text).map_err(fail)?;
        for change in changes {
            change.set(&mut tree).map_err(fail)?;
        }
        let own = tree.get_ref().get("catalogue").and_then(|own| own.get_ref().as_str());
        let prices = match (catalogue, folder, own) {
            (Some(catalogue), ..) => catalogue,
            (None, Some(folder), Some(own)) => {
                Arc::new(Catalogue::with(&folder.join(own)).map_err(|error| {
                    let at = tree::span_of(tree.get_ref(), "catalogue");
                    fail(vec![Diagnostic::new(at, error.to_string())])
                })?)
            }
            _ => Catalogue::embedded(),
        };
        let unfit = workloads::fill(&mut tree, &prices.workloads);
        let mut scenario = match (read::types(&tree), unfit.is_empty()) {
            (Ok(scenario), true) => scenario,
            (found, _) => return Err(fail([unfit, found.err().unwrap_or_default()].concat())),
        };
        let at = |key: &str, error: Error| {
            fail(vec![Diagnostic::new(tree::span_of(tree.get_ref(), key), error.to_string())])
        };
        scenario.prices = prices.clone();
        if !tree.get_ref().contains_key("name") {
            scenario.name = name_of(path);
        }
        if !tree.get_ref().contains_key("cooling") && scenario.retry.is_sdk() {
            scenario.cooling = Cooling::never();
        }
        for class in scenario.classes.iter_mut().filter(|class| class.arrivals.is_none()) {
            class.share = class.share.or(Positive::new(1.0));
        }
        for (nth, commitment) in (1..).zip(&mut scenario.commitments) {
            if commitment.name().is_empty() {
                let name = format!("{}-{nth}", commitment.kind());
                commitment.rename(name);
            }
        }
        for change in changes {
            let turned = change.turn(&mut scenario, folder.unwrap_or(Path::new("")));
            turned.map_err(fail)?;
        }
        for spec in &mut scenario.endpoints {
            if let (None, Some(machine)) = (&spec.latency, &spec.machine) {
                spec.latency = machine.latency().ok().map(AnyLatency::ContinuousBatching);
            }
        }
        caching::resolve(&mut scenario, tree.get_ref());
        let date = *scenario.date.get_or_insert(scenario.prices.day());
        workloads::begin(&mut scenario, tree.get_ref());
        let growths = scenario.streams_mut().filter_map(|(_, arrivals)| arrivals.growth_mut());
        growths.for_each(|growth| growth.start(date));
        let is_priced = folder.is_some() || scenario.catalogue.is_none();
        let missing = if is_priced { scenario.price_all() } else { Vec::new() };
        let mut mistakes =
            if is_priced { presets::expand(&mut scenario, tree.get_ref()) } else { Vec::new() };
        contents::resolve(&mut scenario);
        mistakes.extend(check::check(&scenario, tree.get_ref(), missing));
        if !mistakes.is_empty() {
            return Err(fail(mistakes));
        }
        if let Some(folder) = folder {
            for (key, arrivals) in scenario.streams_mut() {
                arrivals.load(folder).map_err(|error| at(&format!("{key}.file"), error))?;
            }
            for (nth, class) in scenario.classes.iter_mut().enumerate() {
                for (key, length) in class.lengths_mut() {
                    length.load(folder).map_err(|error| at(&format!("classes.{nth}.{key}"), error))?;
                }
                let loaded = class.prompts.as_mut().map_or(Ok(()), |prompts| prompts.load(folder));
                loaded.map_err(|error| at(&format!("classes.{nth}.prompts.file"), error))?;
                let Some(session) = &mut class.session else { continue };
                session.load(folder).map_err(|error| at(&format!("classes.{nth}.session.file"), error))?;
            }
            let mistakes = contents::unanswered(&scenario, tree.get_ref());
            if !mistakes.is_empty() {
                return Err(fail(mistakes));
            }
        }
        Ok(scenario)
    }
}

impl Scenario {
    /// The endpoints for which capacity is bought that includes all they serve.
    pub fn included(&self) -> impl Iterator<Item = &str> {
        let units = self.commitments.iter().filter_map(|commitment| match commitment {
            AnyCommitment::Units(units) if units.tier.is_none() => Some(&units.endpoints),
            _ => None,
        });
        units.flatten().map(String::as_str)
    }
}

/// A scenario's file as it was read once, of which variants are made.
#[derive(Clone, Debug)]
pub struct Draft {
    path: PathBuf,
    /// The folder from which it names files.
    folder: PathBuf,
    text: String,
    catalogue: Option<Arc<Catalogue>>,
}

impl Draft {
    /// Reads the file at `path`; prices are those in the folder `catalogue` and not in the scenario's own.
    pub fn open(path: &Path, catalogue: Option<&Path>) -> Result<Draft> {
        Draft::open_within(path, path.parent().unwrap_or(Path::new("")), catalogue)
    }

    /// Reads the file at `path`, which names other files from `folder`, as one does that was written back elsewhere.
    pub fn open_within(path: &Path, folder: &Path, catalogue: Option<&Path>) -> Result<Draft> {
        let catalogue = catalogue.map(Catalogue::with).transpose()?.map(Arc::new);
        Ok(Draft { path: path.into(), folder: folder.into(), text: read::text(path)?, catalogue })
    }

    /// The scenario with some settings changed, checked, with everything it refers to. What a change does wrong is
    /// told at the place that it changes.
    pub fn scenario(&self, changes: &[Change]) -> Result<Scenario> {
        Scenario::read(&self.text, &self.path, Some(&self.folder), self.catalogue.clone(), changes)
    }

    /// The question that the file asks.
    pub fn question(&self) -> String {
        question(&self.text)
    }
}

/// The question a scenario file asks: its first comment's first paragraph, after the editor's `#:schema` line.
pub fn question(text: &str) -> String {
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let comment = lines
        .skip_while(|line| line.is_empty() || line.starts_with("#:"))
        .map_while(|line| line.strip_prefix('#'))
        .map(str::trim)
        .take_while(|line| !line.is_empty());
    comment.collect::<Vec<_>>().join(" ").trim().into()
}

/// The key of the arrivals that classes share.
const SHARED: &str = "arrivals";

/// The key of the arrivals of the class at `index`.
fn stream_key(index: usize) -> String {
    format!("classes.{index}.{SHARED}")
}

/// A name for a scenario that gives none: its file's, with `-` for what a folder cannot hold.
fn name_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = stem.chars().take(100).map(plain).collect();
    if name.trim_matches('.').is_empty() { "scenario".into() } else { name }
}

fn day<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Date>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let day = text.parse().map_err(|_| {
        D::Error::custom(format!("\"{text}\" is no day; write year, month and day, such as \"2026-11-21\""))
    });
    day.map(Some)
}

fn default_seed() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_light_scenario_reads_and_writes_back() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/first-light.toml");
        let scenario = Scenario::load(&path).unwrap_or_else(|error| panic!("{error}"));
        assert!(toml::to_string(&scenario).is_ok_and(|text| text.contains("kind = \"poisson\"")));
    }
}
