//! HdrHistogram's percentile distributions as text, as its plotter and wrk2 have them, in milliseconds.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use hdrhistogram::Histogram;

use super::Files;
use crate::error::Result;

/// A file for each histogram, named for its tag: `all-ttft.hgrm`.
pub fn write(histograms: &[(String, Histogram<u64>)]) -> Result<Files> {
    let mut taken = BTreeSet::new();
    let file = |(tag, histogram): &(String, Histogram<u64>)| {
        let name = free(&plain(tag), &taken);
        taken.insert(name.clone());
        (format!("{name}.hgrm"), distribution(histogram).into_bytes())
    };
    Ok(histograms.iter().map(file).collect())
}

/// The percentiles of a histogram of microseconds, in the form of `outputPercentileDistribution` of the Java original.
fn distribution(histogram: &Histogram<u64>) -> String {
    let millis = |micros: f64| micros / 1e3;
    let mut out =
        format!("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    for step in histogram.iter_quantiles(TICKS_PER_HALF) {
        // Steps are added up, and an ulp above 0.9 would be of the next sample.
        let quantile = libm::round(step.quantile_iterated_to() * 1e12) / 1e12;
        let micros = histogram.value_at_quantile(quantile);
        let (value, total) = (millis(micros as f64), histogram.count_between(0, micros));
        let _ = write!(out, "{value:12.3} {quantile:2.12} {total:10}");
        // The last has no end to be a share of.
        let _ = match quantile {
            quantile if quantile < 1.0 => writeln!(out, " {:14.2}", 1.0 / (1.0 - quantile)),
            _ => writeln!(out),
        };
    }
    let (mean, deviation) = (millis(histogram.mean()), millis(histogram.stdev()));
    let _ = writeln!(out, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]");
    let (max, count) = (millis(histogram.max() as f64), histogram.len());
    let _ = writeln!(out, "#[Max     = {max:12.3}, Total count    = {count:12}]");
    let (buckets, halves) = (histogram.buckets(), sub_buckets(histogram.sigfig()));
    let _ = writeln!(out, "#[Buckets = {buckets:12}, SubBuckets     = {halves:12}]");
    out
}

/// Bins of the smallest values, of which each has one of its own: enough for so many digits.
fn sub_buckets(digits: u8) -> u64 {
    (2 * 10_u64.pow(u32::from(digits))).next_power_of_two()
}

/// A tag as the name of a file that hides nothing and leads nowhere else.
fn plain(tag: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
    let name: String = tag.chars().map(|letter| if is_plain(letter) { letter } else { '-' }).collect();
    name.trim_matches('.').into()
}

/// The name, with a number where it is taken.
fn free(name: &str, taken: &BTreeSet<String>) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut names = std::iter::once(name.to_string()).chain(numbered);
    names.find(|name| !taken.contains(name)).expect("there is a number that is not taken")
}

/// Lines for each halving of the distance to the longest, as the original has by default.
const TICKS_PER_HALF: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    /// Spans of these milliseconds, in a histogram of microseconds.
    fn millis(spans: impl Iterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000, 3).unwrap();
        spans.for_each(|span| histogram.record(span * 1000).unwrap());
        histogram
    }

    #[test]
    fn a_distribution_is_written_as_the_original_writes_it() {
        let text = distribution(&millis(1..=4));
        let expected = "       Value     Percentile TotalCount 1/(1-Percentile)

       1.000 0.000000000000          1           1.00
       1.000 0.100000000000          1           1.11
       1.000 0.200000000000          1           1.25
       2.000 0.300000000000          2           1.43
       2.000 0.400000000000          2           1.67
       2.000 0.500000000000          2           2.00
       3.001 0.550000000000          3           2.22
";
        assert!(text.starts_with(expected), "{text}");
        let end = "#[Mean    =        2.501, StdDeviation   =        1.118]
#[Max     =        4.001, Total count    =            4]
#[Buckets =           22, SubBuckets     =         2048]
";
        assert!(text.ends_with(end), "{text}");
        let last = text.lines().rev().nth(3).unwrap();
        assert_eq!(last, "       4.001 1.000000000000          4");
    }

    #[test]
    fn a_round_share_is_of_its_own_sample() {
        let text = distribution(&millis(1..=640));
        let of = |share: &str| text.lines().find(|line| line.contains(share)).unwrap();
        let value = |line: &str| line.split_whitespace().next().unwrap().parse::<f64>().unwrap();
        assert_eq!(value(of(" 0.900000000000 ")), 576.511);
        assert!(of(" 0.900000000000 ").contains(" 576 "), "{}", of(" 0.900000000000 "));
    }

    #[test]
    fn files_are_named_for_their_tags_and_never_lie_elsewhere() {
        let tags = ["all:ttft", "a/b:ttft", "a b:ttft", "../x:ttft"];
        let histograms = tags.map(|tag| (tag.to_string(), millis(1..=2)));
        let files = write(&histograms).unwrap();
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["all-ttft.hgrm", "a-b-ttft.hgrm", "a-b-ttft-2.hgrm", "-x-ttft.hgrm"]);
    }
}
