//! What connections cost in time: the wait for a place, the name, the handshakes of TCP and TLS, each by itself.

use std::time::Duration;

use crate::collectors::pool_wait::PoolWaits;
use crate::collectors::spans::{Binned, Spans};
use crate::section::{Scope, ScopeKind, Section, Unit};
use crate::time::nanos;

use super::pool::Counts;

/// The steps of every opening, and the waits where no more may be opened.
#[derive(Clone, Debug, Default)]
pub struct Openings {
    /// Connections open at once, at most.
    open_max: u64,
    /// Where only so many may be.
    pub waits: PoolWaits,
    dns: Spans,
    connect: Spans,
    tls: Spans,
}

/// One opening's steps.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Steps {
    /// Where the name was looked up, and not known from before.
    pub dns: Option<Duration>,
    /// To the first address that took it, a proxy's tunnel included.
    pub connect: Duration,
    pub tls: Option<Duration>,
}

impl Openings {
    /// So many are open.
    pub fn at_once(&mut self, open: u64) {
        self.open_max = self.open_max.max(open);
    }

    pub fn add(&mut self, steps: Steps) {
        let binned = |span: Duration| Binned::nanos(nanos(span));
        self.connect.add(binned(steps.connect));
        steps.dns.into_iter().for_each(|span| self.dns.add(binned(span)));
        steps.tls.into_iter().for_each(|span| self.tls.add(binned(span)));
    }

    pub fn merge(&mut self, other: &Openings) {
        self.open_max = self.open_max.max(other.open_max);
        self.waits.merge(&other.waits);
        self.dns.merge(&other.dns);
        self.connect.merge(&other.connect);
        self.tls.merge(&other.tls);
    }

    /// The section `connections` of a run's results.
    pub fn section(&self, counts: &Counts) -> Section {
        let mut total = Scope::new(ScopeKind::Total, "")
            .with("opened_http1", counts.opened_http1, Unit::Count)
            .with("opened_http2", counts.opened_http2, Unit::Count)
            .with("open_max", self.open_max, Unit::Count)
            .with("resent", counts.resent, Unit::Count)
            .with("pool_waits", self.waits.count(), Unit::Count);
        let steps = [("dns", &self.dns), ("connect", &self.connect), ("tls", &self.tls)];
        let steps = steps.map(|(name, spans)| (name, spans.distribution()));
        for (name, spans) in [("pool_wait", self.waits.distribution())].into_iter().chain(steps) {
            total = total
                .with(&format!("{name}_p50"), spans.quantile(0.5), Unit::Seconds)
                .with(&format!("{name}_p99"), spans.quantile(0.99), Unit::Seconds)
                .with(&format!("{name}_max"), spans.max(), Unit::Seconds);
        }
        Section { scopes: vec![total], ..Section::new("connections") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_told_by_itself_and_only_of_openings_that_had_it() {
        let millis = Duration::from_millis;
        let mut openings = Openings::default();
        openings.add(Steps { dns: Some(millis(3)), connect: millis(1), tls: None });
        let mut other = Openings::default();
        other.add(Steps { dns: None, connect: millis(2), tls: None });
        openings.merge(&other);
        let section = openings.section(&Counts { opened_http1: 2, ..Counts::default() });
        let figure =
            |name: &str| section.figure(ScopeKind::Total, "", name).and_then(|one| one.value.as_f64());
        assert_eq!(figure("opened_http1"), Some(2.0));
        assert_eq!(
            (figure("dns_max"), figure("connect_max"), figure("tls_max")),
            (Some(0.003), Some(0.002), None)
        );
    }
}
