//! Every dialect, by hand.

use super::*;

/// An answer of 5 tokens in 5 chunks: from 0.2 s, the text from 0.3 s, to 1.0 s, over at 1.1 s.
fn streamed() -> Answer {
    Answer {
        first_token: Some(0.2),
        first_text: Some(0.3),
        last_token: Some(1.0),
        finished: 1.1,
        chunks: 5,
        input: 100.0,
        output: 5.0,
    }
}

/// The same in one piece, which was whole at 1.0 s.
fn whole() -> Answer {
    Answer { first_token: Some(1.0), first_text: Some(1.0), chunks: 1, ..streamed() }
}

fn measured(dialect: &MetricsDialect, answer: &Answer) -> Vec<Option<f64>> {
    let micros = |value: f64| libm::round(value * 1e6) / 1e6;
    dialect.measures.iter().map(|(_, of)| of(answer).map(micros)).collect()
}

#[test]
fn the_same_stamps_are_told_in_each_definition() {
    let [aiperf, guidellm, vllm] = ["aiperf", "guidellm", "vllm"].map(|name| named(name).unwrap());
    assert_eq!(measured(vllm, &streamed()), [Some(200.0), Some(200.0), Some(1000.0)]);
    assert_eq!(measured(vllm, &whole()), [Some(1000.0), Some(0.0), Some(1000.0)]);
    let told = [Some(200.0), Some(300.0), Some(1000.0), Some(200.0), Some(5.0), Some(5.0), Some(100.0)];
    assert_eq!(measured(aiperf, &streamed()), told);
    let told = [None, None, Some(1000.0), None, None, Some(5.0), Some(100.0)];
    assert_eq!(measured(aiperf, &whole()), told);
    let told = [Some(1.1), Some(200.0), Some(300.0), Some(200.0), Some(200.0), Some(100.0), Some(5.0)];
    assert_eq!(measured(guidellm, &streamed()), told);
    let one = Answer { output: 1.0, ..streamed() };
    assert_eq!(measured(vllm, &one)[1], None);
    assert_eq!(measured(guidellm, &one)[3..5], [None, Some(1000.0)]);
}

#[test]
fn quantiles_lie_between_samples_or_on_them() {
    let samples = [1.0, 2.0, 3.0, 10.0];
    for (q, linear, nearest) in
        [(0.0, 1.0, 1.0), (0.5, 2.5, 2.0), (0.75, 4.75, 3.0), (0.9, 7.9, 10.0), (1.0, 10.0, 10.0)]
    {
        assert_eq!(libm::round(Quantile::Linear.of(&samples, q) * 1e9) / 1e9, linear, "{q}");
        assert_eq!(Quantile::Nearest.of(&samples, q), nearest, "{q}");
    }
    let of = |statistic: Statistic| statistic.of(&samples, Quantile::Linear);
    assert_eq!((of(Statistic::Mean), of(Statistic::Smallest)), (Some(4.0), Some(1.0)));
    assert_eq!((of(Statistic::Deviation), of(Statistic::Largest)), (Some(libm::sqrt(12.5)), Some(10.0)));
    assert_eq!(Statistic::Mean.of(&[], Quantile::Linear), None);
}

#[test]
fn a_table_says_what_is_not_there() {
    let dialect = named("vllm").unwrap();
    let table = dialect.show(&Totals::default(), vec![Vec::new(), vec![1.0], vec![2.0, 4.0]], None);
    assert_eq!(table.headings, ["metric", "Mean", "Median", "Std", "P99"]);
    assert_eq!(table.rows[0], ["TTFT (ms)", "–", "–", "–", "–"]);
    assert_eq!(table.rows[1], ["TPOT (ms)", "1", "1", "0", "1"]);
    assert_eq!(table.rows[2], ["E2EL (ms)", "3", "3", "1", "3.98"]);
    assert_eq!(table.rows[3], ["ITL (ms)", "–", "–", "–", "–"]);
    assert_eq!(table.rows[6], ["Benchmark duration (s)", "–", "–", "–", "–"]);
}
