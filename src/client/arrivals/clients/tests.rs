//! Clients against theory: their volumes, their gaps, what they are together.

use super::*;

fn clients(text: &str) -> Clients {
    let mut table = toml::de::DeTable::parse(text).unwrap();
    crate::kind::tag(table.get_mut());
    serde::Deserialize::deserialize(toml::de::Deserializer::from(table)).unwrap()
}

/// Seconds and client of every request before `until` seconds.
fn requests(text: &str, seed: u64, until: f64) -> Vec<(f64, u64)> {
    let (mut arrivals, rng) = (clients(text), Rng::new(seed));
    let next = || {
        let announced = arrivals.peek(&rng)?;
        let arrival = arrivals.next(&rng)?;
        assert_eq!(announced, arrival.at);
        Some((arrival.at.as_secs_f64(), arrival.tenant.expect("a client asks")))
    };
    std::iter::from_fn(next).take_while(|(at, _)| *at < until).collect()
}

/// The parts of all requests that the largest of so many have.
fn top(volumes: &[f64], counts: [usize; 4]) -> [f64; 4] {
    counts.map(|count| volumes[..count].iter().sum())
}

fn normal_below(z: f64) -> f64 {
    libm::erfc(-z / std::f64::consts::SQRT_2) / 2.0
}

/// Of lognormal volumes the share x of all clients that is the largest has Φ(sigma − Φ⁻¹(1 − x)) of the volume. A
/// typical sample lacks about what lies beyond its largest, Φ(sigma − Φ⁻¹(1 − 1/n)), which is 0.0033 here.
#[test]
fn lognormal_volumes_have_the_shares_of_the_law() {
    let volumes = volumes(&clients("count = 10000\nrate = 1\nsigma = 1"));
    assert!((volumes.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert!(volumes.is_sorted_by(|a, b| a >= b));
    for (count, above) in [(100, 2.3263), (500, 1.6449), (1000, 1.2816), (2000, 0.8416)] {
        let (share, theory) = (volumes[..count].iter().sum::<f64>(), normal_below(1.0 - above));
        assert!((share - theory).abs() < 0.0033, "{count}: {share}, not {theory}");
    }
}

/// ServeGen's m-large: 162 clients, sigma of the logarithm 2.15, of which the largest 1, 5, 10, 20 have 0.16, 0.43,
/// 0.63, 0.78 of the volume.
#[test]
fn volumes_of_a_real_service_are_met() {
    let settings = clients("count = 162\nrate = 1\nsigma = 2.15\ntop_share = 0.16");
    let shares = top(&volumes(&settings), [1, 5, 10, 20]);
    for (share, measured) in shares.into_iter().zip([0.16, 0.43, 0.63, 0.78]) {
        assert!((share - measured).abs() < 0.05, "{share}, not {measured}");
    }
    let logs: Vec<f64> =
        volumes(&clients("count = 162\nrate = 1\nsigma = 2.15")).into_iter().map(f64::ln).collect();
    let mean = logs.iter().sum::<f64>() / 162.0;
    let sigma = (logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / 161.0).sqrt();
    assert!((sigma - 2.15).abs() < 0.03, "{sigma}");
}

#[test]
fn zipf_volumes_fall_by_their_power() {
    let volumes = volumes(&clients("count = 50\nrate = 1\nzipf = 1.16"));
    assert!(
        (0..50).all(|nth| (volumes[0] / volumes[nth] / (nth as f64 + 1.0).powf(1.16) - 1.0).abs() < 1e-12)
    );
    assert!((volumes.iter().sum::<f64>() - 1.0).abs() < 1e-12);
}

/// Clients without memory are together as one: gaps pass a Kolmogorov-Smirnov test at its 0.1 % point, and the
/// dispersion of n counts is 1 with a standard error of √(2/n).
#[test]
fn many_poisson_clients_are_one_poisson_process() {
    for skew in ["sigma = 0", "sigma = 2.15", "zipf = 1.16\ngaps = 'weibull'"] {
        let requests = requests(&format!("count = 30\nrate = 10\n{skew}"), 3, 2000.0);
        let mut gaps: Vec<f64> = requests.windows(2).map(|pair| (pair[1].0 - pair[0].0) * 10.0).collect();
        gaps.sort_by(f64::total_cmp);
        let n = gaps.len() as f64;
        let distance = (0..).zip(&gaps).map(|(nth, gap)| ((1.0 - (-gap).exp()) - f64::from(nth) / n).abs());
        let distance = distance.fold(0.0, f64::max);
        assert!(distance < 1.95 / n.sqrt(), "{skew}: {distance}");
        let mut counts = [0.0; 2000];
        requests.iter().for_each(|(at, _)| counts[*at as usize] += 1.0);
        let mean = n / 2000.0;
        let variance = counts.iter().map(|count: &f64| (count - mean).powi(2)).sum::<f64>() / 1999.0;
        assert!(
            (variance / mean - 1.0).abs() < 4.5 * (2.0f64 / 2000.0).sqrt(),
            "{skew}: {}",
            variance / mean
        );
    }
}

#[test]
fn each_client_asks_its_part() {
    let text = "count = 20\nrate = 50\nsigma = 1.5\ntop_share = 0.4";
    let (volumes, requests) = (volumes(&clients(text)), requests(text, 8, 1000.0));
    for (client, volume) in volumes.iter().enumerate() {
        let count = requests.iter().filter(|(_, tenant)| *tenant == client as u64).count() as f64;
        // A Poisson count's standard deviation is the root of its mean.
        assert!((count - 50_000.0 * volume).abs() < 4.5 * (50_000.0 * volume).sqrt(), "{client}: {count}");
    }
}

/// The standard error of a coefficient of variation over n gaps is below cv·(√((kurtosis − 1)/n)/2 + cv/√n). Gamma's
/// kurtosis is 3 + 6·cv², that of a Weibull law of shape 0.4113, whose cv is 3, is 246.
#[test]
fn a_clients_gaps_vary_as_asked() {
    for (family, kurtosis) in [("gamma", 57.0), ("weibull", 246.0)] {
        let text = format!("count = 1\nrate = 1\nsigma = 0\ncv = 3\ngaps = '{family}'");
        let requests = requests(&text, 4, 300_000.0);
        let gaps: Vec<f64> = requests.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        let n = gaps.len() as f64;
        let mean = gaps.iter().sum::<f64>() / n;
        let cv = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / n).sqrt() / mean;
        let bound = 4.5 * ((((kurtosis - 1.0) / n) as f64).sqrt() / 2.0 + 3.0 / n.sqrt());
        assert!((cv / 3.0 - 1.0).abs() < bound, "{family}: {cv} ± {bound}");
        assert!((mean - 1.0).abs() < 4.5 * 3.0 / n.sqrt(), "{family}: {mean}");
    }
}

/// Clients who all began with the run would ask too often at first, by (cv² − 1)/2 requests each.
#[test]
fn bursty_clients_keep_the_rate_from_the_first_second_on() {
    for family in ["gamma", "weibull"] {
        let text = format!("count = 20\nrate = 4\nsigma = 1\ncv = 4\ngaps = '{family}'");
        let counts: Vec<f64> = (0..400).map(|seed| requests(&text, seed, 10.0).len() as f64).collect();
        let mean = counts.iter().sum::<f64>() / 400.0;
        let deviation = (counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / 399.0).sqrt();
        assert!((mean - 40.0).abs() < 4.5 * deviation / 20.0, "{family}: {mean} ± {}", deviation / 20.0);
    }
}

/// Each client's variation is another quantile, so their sorted gaps' variations are the knots' line.
#[test]
fn clients_vary_by_their_knots() {
    let variations: Variations =
        clients("count = 3\nrate = 1\nsigma = 0\ncv = [[0.1, 1], [0.5, 1.2], [0.9, 5]]").cv;
    let quantiles = [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0].map(|share| variations.quantile(share));
    for (quantile, expected) in quantiles.into_iter().zip([1.0, 1.0, 1.1, 1.2, 3.1, 5.0, 5.0]) {
        assert!((quantile - expected).abs() < 1e-12, "{quantiles:?}");
    }
}

#[test]
fn all_follow_the_curve_whose_mean_is_the_rate() {
    let curve = "count = 9\nsigma = 1\nevery = '100s'\nrepeat = true\nrates = [1, 0, 3]";
    for (rate, level) in [("", 1.0), ("rate = 8", 6.0)] {
        let text = format!("{curve}\n{rate}");
        assert_eq!(clients(&text).expected(Duration::from_secs(300)), Some(400.0 * level));
        let times = requests(&text, 2, 3000.0);
        for (bin, per_sec) in [1.0, 0.0, 3.0].into_iter().enumerate() {
            let count = times.iter().filter(|(at, _)| (*at / 100.0) as usize % 3 == bin).count() as f64;
            let mean = per_sec * level * 1000.0;
            assert!((count - mean).abs() <= 4.5 * f64::sqrt(mean), "{bin}: {count}, not {mean}");
        }
    }
}

#[test]
fn twice_the_load_is_the_same_requests_twice_as_close() {
    let text = "count = 40\nrate = 5\nsigma = 2\ncv = [[0.5, 1], [0.9, 6]]";
    let (once, rng) = (requests(text, 6, 200.0), Rng::new(6));
    let mut doubled = clients(text);
    doubled.scale(2.0);
    for (at, client) in &once {
        let arrival = doubled.next(&rng).unwrap();
        assert_eq!(arrival.tenant, Some(*client));
        assert!((arrival.at.as_secs_f64() * 2.0 - at).abs() < 1e-6);
    }
}

#[test]
fn what_is_written_back_asks_the_same() {
    for cv in [
        "",
        "cv = 2.5",
        "cv = [[0.1, 0.9], [0.95, 9]]\ngaps = 'weibull'",
        "drift = [{ every = '9s', phi = 0.9, sigma = 0.4 }]",
    ] {
        let text = format!("count = 12\nrate = 3\nzipf = 1.2\ntop_share = 0.5\n{cv}");
        let written = toml::to_string(&clients(&text)).unwrap();
        assert_eq!(requests(&text, 5, 60.0), requests(&written, 5, 60.0), "{written}");
    }
}

#[test]
fn clients_that_cannot_be_are_said() {
    let problem = |text: &str| clients(text).problem().map_or_else(String::new, |(problem, _)| problem);
    assert!(problem("count = 0\nrate = 1\nsigma = 1").contains("0 clients"));
    assert!(problem("count = 5\nsigma = 1").contains("how often"));
    assert!(problem("count = 5\nrate = 1").contains("how uneven"));
    assert!(problem("count = 5\nrate = 1\nsigma = 1\nzipf = 1").contains("both `sigma` and `zipf`"));
    assert!(problem("count = 5\nrate = 1\nsigma = 9").contains("above 5"));
    assert!(problem("count = 5\nrate = 1\nsigma = 0\ntop_share = 0.1").contains("second largest"));
    assert!(problem("count = 1\nrate = 1\nsigma = 0\ntop_share = 0.1").contains("only client"));
    assert!(problem("count = 5\nrate = 1\nsigma = 1\nrates = [0, 0]").contains("every rate is zero"));
    assert_eq!(problem("count = 1\nrate = 1\nsigma = 0"), "");
    assert_eq!(problem("count = 5\nrate = 1\nsigma = 0\ntop_share = 0.2"), "");
}
