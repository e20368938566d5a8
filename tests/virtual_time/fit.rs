//! Traffic generated from a fit is like the log it was fitted to, and a fit of generated traffic finds its parameters.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tollgate::fit::Fit;
use tollgate::fit::comparison::{Comparison, Shape};
use tollgate::fit::log::Log;
use tollgate::fit::played::Played;
use tollgate::fit::rate::Rate;
use tollgate::fit::report::markdown;
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

fn rate(log: &Log) -> Rate {
    let single = fit(log).0.single.expect("requests are of no conversation");
    single.rate.expect("the log has times")
}

/// Figures that miss by more than their bound and the log's own chance. A log is one draw: over n independent bins, nearly normal, the
/// variance of their counts has a relative standard error of √(2/n), and that over the mean no less; bins that follow each other in bursts
/// tell less than n do. An hour has 360 bins of 10 s: √(2/360) = 7.5 %, so that two standard errors are the fit's own bound of 15 % by
/// themselves, and a fit without any error misses it now and then. What is generated is the mean of 20 seeds, whose chance is a fifth of that.
fn missed(comparison: &Comparison, log: &Log) -> Vec<&'static str> {
    let is_chance = |name: &&str| {
        let width = name.strip_prefix("dispersion at ").and_then(|width| width.strip_suffix(" s"));
        let Some(width) = width.and_then(|width| width.parse::<f64>().ok()) else { return false };
        let bins = log.all.seconds.len() as f64 / width;
        let of = |shape: &Shape| shape.get(name).expect("it is a figure of both");
        let error = of(&comparison.generated) / of(&comparison.real) - 1.0;
        error.abs() < 0.15 + 2.0 * (2.0 / bins).sqrt()
    };
    comparison.misses().into_iter().filter(|name| !is_chance(name)).collect()
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
        let comparison = Comparison::of(&log, &scenario, 20).expect("generated traffic is in order of time");
        let (real, ours) = (comparison.real.figures(), comparison.generated.figures());
        let misses = missed(&comparison, &log);
        assert!(misses.is_empty(), "{file}: {misses:?}\nrecorded {real:#?}\ngenerated {ours:#?}");
    }
}

#[test]
fn ticks_of_a_coarse_clock_are_spread_and_told() {
    let Some(folder) = traces() else { return };
    let log = read(&folder.join("mooncake_fast25/conversation_trace.first40min.jsonl"));
    let tick = log.tick_secs.expect("its clock is coarse");
    assert!((tick - 3.0).abs() < 0.001, "{tick}");
    assert_eq!(log.all.seconds.iter().map(|count| u64::from(*count)).sum::<u64>(), 7851);
}

/// 20,000 arrivals: what is left of 1-s counts has a relative standard error of about √(2/2000) = 3 %, and the gaps'
/// variation is about its root.
#[test]
fn poisson_arrivals_are_fitted_with_the_variation_of_poisson_gaps() {
    let log = generated("kind = 'poisson'\nrate = 10", LENGTHS, 2000);
    let rate = rate(&log);
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
    let rate = rate(&log);
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
    let rate = rate(&log);
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
    let rate = rate(&log);
    let (on, off) = rate.bursts.expect("bursts are found");
    assert!((on / 100.0 - 1.0).abs() < 0.25 && (off / 300.0 - 1.0).abs() < 0.25, "{on} on, {off} off");
}

#[test]
fn lengths_keep_their_quantiles_and_their_correlation() {
    let lengths = "length_correlation = -0.5\n[classes.input]\nkind = 'empirical'\nknots = [[0, 10], [0.9, 1000], [1, 1000]]\n\
                   [classes.output]\nkind = 'empirical'\ntable = 'azure23-conv-output'";
    let log = generated("kind = 'poisson'\nrate = 10", lengths, 2000);
    let (fit, scenario) = fit(&log);
    let correlation = fit.single.and_then(|single| single.correlation).expect("lengths go together");
    // Ties at the lump make the ranks' correlation a little weaker; its standard error is 1 / √20,000 = 0.7 %.
    assert!((-0.53..-0.46).contains(&correlation), "{correlation}");
    let comparison = Comparison::of(&log, &scenario, 3).expect("generated traffic is in order of time");
    let of = |shape: &Shape, name| shape.get(name).expect("both have it");
    let both = [&comparison.generated, &comparison.real].map(|shape| of(shape, "rank correlation"));
    assert!((both[0] - both[1]).abs() < 0.03);
    assert!(
        comparison.distances[..2].iter().all(|(_, distance)| *distance < 0.03),
        "{:?}",
        comparison.distances
    );
    assert_eq!(of(&comparison.generated, "prompt tokens p95"), 1000.0, "the lump at the cap");
}

/// Traffic of conversations for so many seconds, whose answers take no time.
fn played(classes: &str, secs: usize) -> Log {
    // Gaps place a fifth of the requests, so the fit takes a chance deviation of the log's single seconds for five times
    // as much of the gaps': this seed's disperse as those of Poisson gaps do, to a third of a standard error.
    let text = format!(
        "seed = 22\nduration = '{secs}s'\n[arrivals]\nkind = 'poisson'\nrate = 1\n{classes}\n[[endpoints]]\nname = 'e'\n\
         provider = 'openai'\nmodel = 'm'\nlatency = {{ kind = 'fixed', ttft = '1s', itl = '10ms' }}\n\
         price = {{ input = '1', output = '1' }}\n"
    );
    let scenario = Scenario::parse(&text, Path::new("played.toml")).unwrap_or_else(|error| panic!("{error}"));
    let mut like = Log::default();
    (like.first, like.all.seconds) = (Some(0), vec![0; secs]);
    Log::generated(&mut Played::new(&scenario, &like), secs).expect("it is in order of time")
}

const TALK: &str = "[[classes]]\nname = 'talk'\noutput = { kind = 'fixed', tokens = 50 }\n[classes.session]\n\
                    kind = 'synthetic'\nturns = { kind = 'fixed', tokens = 5 }\nthink = '10s'\n\
                    first_input = { kind = 'uniform', min = 1000, max = 3000 }\n\
                    new_input = { kind = 'fixed', tokens = 100 }\nsystem = { tokens = 300 }\n";

#[test]
fn conversations_are_found_with_their_turns_pauses_and_system_prompt() {
    let log = played(TALK, 3000);
    let (fit, scenario) = fit(&log);
    assert!(fit.single.is_none(), "each request is a turn");
    let [part] = &fit.sessions.as_ref().expect("there are conversations").parts[..] else {
        panic!("all conversations have five turns: {fit:?}")
    };
    let figures = &part.figures;
    assert_eq!((part.name, figures.turns.quantiles(&[0.0, 1.0])), ("conversations", vec![5, 5]));
    assert_eq!(figures.new_input.quantiles(&[0.0, 1.0]), [100, 100]);
    assert_eq!(figures.pauses().quantiles(&[0.0, 1.0]), [10_000, 10_000]);
    let system = part.system.expect("they share a beginning");
    assert_eq!((system.tokens, system.groups, part.compaction), (300, 1, None));
    // 3,000 conversations that begin as a Poisson process does: of 240 bins drawn in towards their mean, and of gaps.
    let rate = fit.sessions.and_then(|sessions| sessions.rate).expect("the log has times");
    assert!((rate.gap_cv - 1.0).abs() < 0.25, "{}", rate.gap_cv);
    let mean = rate.rates.iter().sum::<f64>() / rate.rates.len() as f64;
    assert!((mean - 1.0).abs() < 0.06, "three standard errors of 1 / √3,000: {mean}");
    let comparison = Comparison::of(&log, &scenario, 5).expect("it is in order of time");
    assert_eq!(missed(&comparison, &log), [""; 0], "{:#?}\n{:#?}", comparison.real, comparison.generated);
}

#[test]
fn requests_of_no_conversation_are_a_class_of_their_own() {
    let alone = "[[classes]]\nname = 'alone'\narrivals = { kind = 'poisson', rate = 4 }\n\
                 input = { kind = 'fixed', tokens = 9000 }\noutput = { kind = 'fixed', tokens = 7 }\n";
    let log = played(&format!("{TALK}{alone}"), 2000);
    let (fit, scenario) = fit(&log);
    let single = fit.single.expect("some are of no conversation");
    assert_eq!(single.input.points(), [(0.0, 9000.0), (1.0, 9000.0)]);
    let names: Vec<_> =
        scenario.classes.iter().map(|class| (&*class.name, class.arrivals.is_some())).collect();
    assert_eq!(names, [("conversations", false), ("without-conversation", true)]);
    let comparison = Comparison::of(&log, &scenario, 5).expect("it is in order of time");
    assert_eq!(missed(&comparison, &log), [""; 0], "{:#?}\n{:#?}", comparison.real, comparison.generated);
}

#[test]
fn conversations_whose_prompts_do_not_carry_what_was_said_are_fitted_as_single_requests() {
    let turns = (0..600).map(|nth| format!("{nth},{},5,{}", if nth % 2 == 0 { 900 } else { 100 }, nth / 7));
    let log = rows("time_s,input_tokens,output_tokens,session", turns);
    let (fit, scenario) = fit(&log);
    assert!(fit.sessions.is_none() && scenario.classes.len() == 1);
    let comparison = Comparison::of(&log, &scenario, 1).expect("it is in order of time");
    let told = markdown(&fit, &log, &comparison, "a test", &[]);
    assert!(told.contains("conversations are not fitted as such: 50 % of their later prompts"), "{told}");
}

/// The log that these rows leave.
fn rows(columns: &str, rows: impl Iterator<Item = String>) -> Log {
    let csv: String = std::iter::once(columns.into()).chain(rows).map(|row| row + "\n").collect();
    let file = tempfile::NamedTempFile::new().expect("a file can be made");
    std::fs::write(file.path(), csv).expect("the file can be written");
    read(file.path())
}

#[test]
fn conversations_whose_answers_do_not_come_back_are_fitted_as_single_requests() {
    // Of 1,000 tokens of answer, 900 are reasoning that no later prompt has; each turn brings 50 new ones.
    let turns = (0..600).map(|nth| format!("{nth},{},1000,{}", 400 + nth % 7 * 150, nth / 7));
    let log = rows("time_s,input_tokens,output_tokens,session", turns);
    let (fit, scenario) = fit(&log);
    assert!(fit.sessions.is_none() && scenario.classes.len() == 1);
    let comparison = Comparison::of(&log, &scenario, 1).expect("it is in order of time");
    let told = markdown(&fit, &log, &comparison, "a test", &[]);
    // Each later prompt lacks 850 tokens of the answer before it.
    assert!(
        told.contains("not fitted as such: 85 % of the tokens of answers come back in no later"),
        "{told}"
    );
    assert!(comparison.misses().iter().all(|name| !name.starts_with("prompt")), "{:?}", comparison.misses());
}

#[test]
fn a_seed_in_which_nothing_comes_tells_no_lengths() {
    let log = rows("time_s,input_tokens,output_tokens", ["0,100,20".to_string()].into_iter());
    assert_eq!(rate(&log).gap_cv, 1.0, "one request tells nothing of gaps");
    let comparison = Comparison::of(&log, &fit(&log).1, 20).expect("it is in order of time");
    let generated = |name| comparison.generated.get(name);
    assert_eq!(
        (generated("prompt tokens p50"), generated("answer tokens p99")),
        (Some(100.0), Some(20.0)),
        "the mean of what came"
    );
    let requests = generated("requests").expect("each seed has so many");
    assert!((0.33..1.67).contains(&requests), "1 ± 3 / √20: {requests}");
    assert_eq!(generated("rank correlation"), None);
}

#[test]
fn gaps_are_fitted_where_arrivals_are_enough_to_tell_them() {
    let even = |count: u32| (0..count).map(|nth| format!("{nth}.5,100,20"));
    let cv = |count| rate(&rows("time_s,input_tokens,output_tokens", even(count))).gap_cv;
    assert_eq!(cv(99), 1.0);
    assert!(cv(101) < 0.1, "even gaps: {}", cv(101));
    let within_a_minute = (0..590).map(|nth| format!("{:.1},100,20", f64::from(nth) / 10.0));
    assert_eq!(rate(&rows("time_s,input_tokens,output_tokens", within_a_minute)).gap_cv, 1.0);
}

#[test]
fn silences_are_fitted_and_told() {
    let hole = (0..600).map(|nth| format!("{},100,20", if nth < 300 { nth } else { nth + 500 }));
    let log = rows("time_s,input_tokens,output_tokens", hole);
    let (fit, scenario) = fit(&log);
    let comparison = Comparison::of(&log, &scenario, 1).expect("it is in order of time");
    let told = markdown(&fit, &log, &comparison, "a test", &[]);
    assert!(
        told.contains("gaps of a minute or more: 1, 501 s together, the longest 501 s at 299 s"),
        "{told}"
    );
}

#[test]
fn a_log_without_times_is_no_log_of_zero_seconds() {
    let log = rows("num_prefill_tokens,num_decode_tokens", (1..400).map(|nth| format!("{nth},7")));
    let text = fit(&log).0.scenario(&log, "a test");
    assert!(text.contains("to 399 requests (0 of them failed) of no common clock.\n"), "{text}");
}

/// Long prompts of few users with a larger context stay long: one limit for all cuts their tail, and is too high for
/// the others. All else holds: what prompts share, their mean, turns, pauses.
#[test]
fn coding_conversations_resist_in_the_tail_of_their_prompts_and_in_nothing_else() {
    let Some(folder) = traces() else { return };
    let log = read(&folder.join("kv_cache_tester"));
    let (fit, scenario) = fit(&log);
    let comparison = Comparison::of(&log, &scenario, 20).expect("generated traffic is in order of time");
    let resists = ["prompt tokens p95", "prompt tokens p99", "rank correlation"];
    assert_eq!(comparison.misses(), resists, "{:#?}\n{:#?}", comparison.real, comparison.generated);
    let told = markdown(&fit, &log, &comparison, "the log", &[]);
    assert!(
        told.contains("resists the fit in: prompt tokens p95; prompt tokens p99; rank correlation."),
        "{told}"
    );
    let of = |shape: &Shape, name| shape.get(name).expect("both have it");
    let both = |name| (of(&comparison.real, name), of(&comparison.generated, name));
    let (real, ours) = both("shared part of prompts");
    assert!((real - 0.952).abs() < 0.001 && (ours - real).abs() < 0.015, "{real} {ours}");
    let mean = |log: &Log| log.all.input.sum() as f64 / log.all.input.total() as f64;
    assert!((mean(&comparison.sample) / mean(&log) - 1.0).abs() < 0.1, "what is paid for");
    assert!(
        fit.sessions.expect("it has conversations").rate.is_none(),
        "each conversation has its own clock"
    );
}
