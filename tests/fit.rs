//! Traffic generated from a fit is like the log it was fitted to, and a fit of generated traffic finds its parameters.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tollgate::fit::Fit;
use tollgate::fit::comparison::Comparison;
use tollgate::fit::log::Log;
use tollgate::machines;
use tollgate::scenario::Scenario;
use tollgate::time::Instant;
use tollgate::traces::Trace;
use tollgate::traces::layout::Mapping;

/// The folder of traces beside the repository, or a printed reason to skip.
fn traces() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces");
    let folder = std::env::var_os("TOLLGATE_TRACES").map_or(beside, PathBuf::from);
    if folder.join("expected_stats.json").is_file() {
        return Some(folder);
    }
    println!("skipped: there are no traces at {}; set TOLLGATE_TRACES to their folder", folder.display());
    None
}

fn read(path: &Path) -> Log {
    let trace = Trace::find(path, &Mapping::default()).unwrap_or_else(|error| panic!("{error}"));
    Log::read(&[trace]).unwrap_or_else(|error| panic!("{error}"))
}

fn fit(log: &Log) -> (Fit, Scenario) {
    let fit = Fit::of(log).expect("some request was answered");
    let text = fit.scenario(log, "a test");
    let scenario = Scenario::parse(&text, Path::new("fitted.toml")).unwrap_or_else(|error| panic!("{error}"));
    (fit, scenario)
}

/// The log that a scenario with these arrivals and lengths would leave.
fn generated(arrivals: &str, lengths: &str, secs: u64) -> Log {
    let text = format!(
        "duration = '{secs}s'\n[arrivals]\n{arrivals}\n[[classes]]\nname = 'a'\n{lengths}\n[[endpoints]]\nname = 'e'\n\
         provider = 'openai'\nmodel = 'm'\nlatency = {{ kind = 'fixed', ttft = '1s', itl = '10ms' }}\n\
         price = {{ input = '1', output = '1' }}\n"
    );
    let scenario =
        Scenario::parse(&text, Path::new("generated.toml")).unwrap_or_else(|error| panic!("{error}"));
    let mut workload = machines::workload(&scenario);
    let mut csv = String::from("time,input_tokens,output_tokens\n");
    while workload.peek().is_some_and(|at| at < Instant::from_secs_f64(secs as f64)) {
        let Some((at, job)) = workload.take() else { break };
        let row = (at.as_secs_f64(), job.request.input_tokens, job.answer_tokens);
        writeln!(csv, "{:.9},{},{}", row.0, row.1, row.2).expect("a String takes all that is written");
    }
    let file = tempfile::NamedTempFile::new().expect("a file can be made");
    std::fs::write(file.path(), csv).expect("the file can be written");
    let columns = [("time", "time"), ("input", "input_tokens"), ("output", "output_tokens")];
    let field = |name: &str| serde_json::from_value(name.into()).expect("a field's name");
    let columns = columns.into_iter().map(|(name, column)| (field(name), column.to_string())).collect();
    let mapping = Mapping { columns, ..Mapping::default() };
    let trace = Trace::find(file.path(), &mapping).unwrap_or_else(|error| panic!("{error}"));
    Log::read(&[trace]).unwrap_or_else(|error| panic!("{error}"))
}

const LENGTHS: &str =
    "input = { kind = 'lognormal', median = 600, sigma = 0.9 }\noutput = { kind = 'fixed', tokens = 9 }";

#[test]
fn what_is_generated_from_a_published_trace_is_like_it_over_twenty_seeds() {
    let Some(folder) = traces() else { return };
    for file in [
        "azure_llm_2023/AzureLLMInferenceTrace_code.csv",
        "azure_llm_2023/AzureLLMInferenceTrace_conv.until_1856.csv",
        "mooncake_fast25/conversation_trace.first40min.jsonl",
    ] {
        let log = read(&folder.join(file));
        let (_, scenario) = fit(&log);
        let comparison = Comparison::of(&log, &scenario, 20);
        let (real, ours) = (comparison.real.figures(), comparison.generated.figures());
        let misses = comparison.misses();
        assert!(misses.is_empty(), "{file}: {misses:?}\nrecorded {real:#?}\ngenerated {ours:#?}");
    }
}

#[test]
fn ticks_of_a_coarse_clock_are_spread_and_told() {
    let Some(folder) = traces() else { return };
    let log = read(&folder.join("mooncake_fast25/conversation_trace.first40min.jsonl"));
    let tick = log.tick_secs.expect("its clock is coarse");
    assert!((tick - 3.0).abs() < 0.001, "{tick}");
    assert_eq!(log.seconds.iter().map(|count| u64::from(*count)).sum::<u64>(), 7851);
}

/// 20,000 arrivals: what is left of 1-s counts has a relative standard error of about √(2/2000) = 3 %, and the gaps'
/// variation is about its root.
#[test]
fn poisson_arrivals_are_fitted_with_the_variation_of_poisson_gaps() {
    let log = generated("kind = 'poisson'\nrate = 10", LENGTHS, 2000);
    let rate = fit(&log).0.rate.expect("the log has times");
    assert!((rate.gap_cv - 1.0).abs() < 0.1, "{}", rate.gap_cv);
    let (least, most) = rate
        .rates
        .iter()
        .fold((f64::MAX, 0.0_f64), |(least, most), rate| (least.min(*rate), most.max(*rate)));
    assert!(least > 8.0 && most < 12.5, "{least} to {most}: the counts' chance is not the rate's");
}

#[test]
fn bursty_gaps_are_fitted_with_their_variation() {
    let log = generated("kind = 'gamma'\nrate = 20\ncv = 3", LENGTHS, 4000);
    let rate = fit(&log).0.rate.expect("the log has times");
    // The curve takes a part of the slow variance that gaps of this kind cause as well.
    assert!((rate.gap_cv / 3.0 - 1.0).abs() < 0.25, "{}", rate.gap_cv);
}

/// Three days of minutes: 4,320 steps of which about 4,320·(1 − 0.8)/(1 + 0.8) = 480 are independent; the variance has a
/// relative standard error of √(2/480) = 6.5 %, sigma half of that.
#[test]
fn a_drift_is_found_with_its_memory_and_its_size() {
    let drift = "drift = [{ every = '60s', phi = 0.8, sigma = 0.4 }]";
    let arrivals = format!("kind = 'modulated'\nrates = [1]\nevery = '1h'\nrepeat = true\n{drift}");
    let log = generated(&arrivals, LENGTHS, 8 * 86_400);
    let rate = fit(&log).0.rate.expect("the log has times");
    let (every, phi, sigma) = rate.drift.expect("a drift is found");
    assert_eq!(every, 60.0);
    assert!((phi - 0.8).abs() < 0.05, "{phi}");
    assert!((sigma - 0.4).abs() < 0.05, "{sigma}");
    assert!((rate.gap_cv - 1.0).abs() < 0.1, "{}", rate.gap_cv);
}

/// Eight days of cycles of 400 s: 1,700 of them.
#[test]
fn bursts_are_found_with_their_lengths() {
    let bursts = "bursts = { on = '100s', off = '300s' }";
    let arrivals = format!("kind = 'modulated'\nrates = [0.5]\nevery = '1h'\nrepeat = true\n{bursts}");
    let log = generated(&arrivals, LENGTHS, 8 * 86_400);
    let rate = fit(&log).0.rate.expect("the log has times");
    let (on, off) = rate.bursts.expect("bursts are found");
    assert!((on / 100.0 - 1.0).abs() < 0.25 && (off / 300.0 - 1.0).abs() < 0.25, "{on} on, {off} off");
}

#[test]
fn lengths_keep_their_quantiles_and_their_correlation() {
    let lengths = "length_correlation = -0.5\n[classes.input]\nkind = 'empirical'\nknots = [[0, 10], [0.9, 1000], [1, 1000]]\n\
                   [classes.output]\nkind = 'empirical'\ntable = 'azure23-conv-output'";
    let log = generated("kind = 'poisson'\nrate = 10", lengths, 2000);
    let (fit, scenario) = fit(&log);
    let correlation = fit.correlation.expect("lengths go together");
    // Ties at the lump make the ranks' correlation a little weaker; its standard error is 1 / √20,000 = 0.7 %.
    assert!((-0.53..-0.46).contains(&correlation), "{correlation}");
    let comparison = Comparison::of(&log, &scenario, 3);
    assert!((comparison.generated.correlation - comparison.real.correlation).abs() < 0.03);
    assert!(comparison.distances[0] < 0.03 && comparison.distances[1] < 0.03, "{:?}", comparison.distances);
    assert_eq!(comparison.generated.input[1], 1000.0, "the lump at the cap");
}
