//! Closed forms that need no simulation: how long is waited, what is refused, how much to buy, from when it pays.

pub mod arrivals;
pub mod breakeven;
pub mod erlang;
pub mod impatience;
pub mod length;
pub mod limit;
pub mod md1;
pub mod mg1;
pub mod newsvendor;
pub mod normal;
pub mod poisson;
pub mod retry;
mod root;
pub(crate) mod stirling;
pub mod tandem;

#[cfg(test)]
mod tests {
    use super::erlang::Traffic;
    use super::impatience::Impatience;
    use super::mg1::{Class, Service};
    use super::poisson::Poisson;
    use super::*;

    const NUMBERS: [f64; 15] = [
        f64::NAN,
        f64::NEG_INFINITY,
        -1.0,
        0.0,
        1e-320,
        1e-200,
        1e-9,
        0.5,
        1.0 - f64::EPSILON,
        1.0,
        1.0 + f64::EPSILON,
        7.5,
        1e6,
        1e300,
        f64::INFINITY,
    ];

    /// Each answer is a share, or there is none.
    fn assert_shares(what: (f64, f64), shares: &[Option<f64>]) {
        for (nth, share) in shares.iter().enumerate() {
            let is_share = share.is_none_or(|share| (0.0..=1.0 + 1e-12).contains(&share));
            assert!(is_share, "{nth} of {what:?}: {share:?}");
        }
    }

    #[test]
    fn whatever_is_asked_the_answer_is_a_share_or_none() {
        for first in NUMBERS {
            for second in NUMBERS {
                let traffic = Traffic { per_sec: first, service_secs: second };
                let impatience = Impatience { per_sec: first, service_secs: second, patience_secs: 1.0 };
                for places in [0, 1, 7, 1000] {
                    let abandonment = impatience.at(places);
                    assert_shares(
                        (first, second),
                        &[
                            abandonment.map(|found| found.delayed_share),
                            abandonment.map(|found| found.abandoned_share),
                            Some(traffic.sojourn_share(places, 1.0)),
                            limit::bucket_refused_share(places, first),
                            limit::leaky_refused_share(first, second),
                            limit::window_refused_share(u64::from(places), first),
                            retry::success_share(first, places),
                            Poisson::new(first).map(|law| law.up_to(u64::from(places))),
                            Some(md1::wait_share(traffic, 30.0)),
                        ],
                    );
                    let quantiles = [
                        traffic.wait_quantile_secs(places, second),
                        traffic.sojourn_quantile_secs(places, second),
                        md1::wait_quantile_secs(traffic, 0.99),
                        traffic.mean_sojourn_secs(places),
                    ];
                    assert!(quantiles.iter().flatten().all(|secs| *secs >= 0.0), "{first} {second}");
                }
                let class = Class { per_sec: first, service: Service::lognormal(second, 1.0) };
                let waits = mg1::waits_by_priority(&[class, class]).unwrap_or_default();
                assert!(waits.iter().all(|wait| *wait >= 0.0), "{first} {second}: {waits:?}");
                assert!(Poisson::new(first).and_then(|law| law.quantile(second)).is_none_or(|n| n < 1 << 41));
            }
        }
    }
}
