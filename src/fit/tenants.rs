//! How unevenly a log's requests fall on those who send them.

use std::collections::BTreeMap;

use crate::traces::Record;

/// The skew of tenants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tenants {
    pub count: usize,
    /// The part of all requests that the largest, the largest 5 and the largest 20 send.
    pub top: [f64; 3],
    /// Standard deviation of the logarithm of their requests, of the population.
    pub sigma: f64,
}

/// What one of them sent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sent {
    /// Failed ones included.
    pub requests: u64,
    pub answered: u64,
}

impl Sent {
    pub fn add(&mut self, record: &Record) {
        self.requests += 1;
        self.answered += u64::from(!record.is_failed);
    }
}

impl Tenants {
    /// Of what each sent; none where there are not several.
    pub fn of(sent: &BTreeMap<u64, Sent>) -> Option<Tenants> {
        if sent.len() < 2 {
            return None;
        }
        let mut volumes: Vec<u64> = sent.values().map(|sent| sent.requests).collect();
        volumes.sort_unstable_by(|a, b| b.cmp(a));
        let all: u64 = volumes.iter().sum();
        let top = |count| volumes.iter().take(count).sum::<u64>() as f64 / all as f64;
        let logs: Vec<f64> = volumes.iter().map(|volume| libm::log(*volume as f64)).collect();
        let mean = logs.iter().sum::<f64>() / logs.len() as f64;
        let variance = logs.iter().map(|log| (log - mean) * (log - mean)).sum::<f64>() / logs.len() as f64;
        Some(Tenants { count: volumes.len(), top: [top(1), top(5), top(20)], sigma: libm::sqrt(variance) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_come_first_and_the_spread_is_of_logarithms() {
        let sent = |requests| Sent { requests, answered: 0 };
        let found = Tenants::of(&BTreeMap::from([(7, sent(1)), (3, sent(100)), (9, sent(10))])).unwrap();
        assert_eq!((found.count, found.top), (3, [100.0 / 111.0, 1.0, 1.0]));
        // ln 1, ln 10, ln 100: ln 10 apart, so the variance is ln²10 · 2/3.
        assert!((found.sigma - 10f64.ln() * (2.0f64 / 3.0).sqrt()).abs() < 1e-12, "{}", found.sigma);
        assert_eq!(Tenants::of(&BTreeMap::from([(7, sent(5))])), None);
    }
}
