//! The traffic of each workload against the figures that its source has, within bounds that follow from the number of draws.

use std::collections::BTreeMap;
use std::time::Duration;

use tollgate::client::sessions::Draft;
use tollgate::rng::Rng;
use tollgate::scenario::Scenario;
use tollgate::wire::Job;

use super::support::{draw, preset};

const DRAWS: usize = 50_000;

/// Holds when the source's percentiles are those of the draws: of n draws the share below a percentile has a standard
/// error of √(p(1 − p) / n), and a lump of equal lengths lies on both sides of it.
fn assert_percentiles(what: &str, lengths: impl Iterator<Item = u32>, truth: &[(f64, f64)]) {
    let lengths: Vec<f64> = lengths.map(f64::from).collect();
    let n = lengths.len() as f64;
    for (share, tokens) in truth {
        let below = lengths.iter().filter(|length| **length < tokens.floor()).count() as f64 / n;
        let up_to = lengths.iter().filter(|length| **length <= tokens.ceil()).count() as f64 / n;
        let bound = 4.5 * (share * (1.0 - share) / n).sqrt();
        assert!(below - bound <= *share && *share <= up_to + bound, "{what} {share}: {below}..{up_to}");
    }
}

fn assert_lengths(name: &str, input: &[(f64, f64)], output: &[(f64, f64)]) -> Vec<(f64, Job)> {
    let drawn = draw(&preset(name, "1", "", ""), DRAWS);
    let text = |job: &Job| job.request.input_tokens - job.request.content.images.tokens();
    assert_percentiles(&format!("{name} input"), drawn.iter().map(|(_, job)| text(job)), input);
    let all = |job: &Job| job.answer_tokens + job.reasoning_tokens;
    assert_percentiles(&format!("{name} output"), drawn.iter().map(|(_, job)| all(job)), output);
    drawn
}

/// Times of arrivals before `until`, in seconds.
fn times(scenario: &Scenario, seed: u64, until: f64) -> Vec<f64> {
    let (mut arrivals, rng) = (scenario.classes[0].arrivals.clone().unwrap(), Rng::new(seed));
    let times = std::iter::from_fn(|| Some(arrivals.next(&rng)?.at.as_secs_f64()));
    times.take_while(|at| *at < until).collect()
}

fn counts(times: &[f64], width: f64, bins: usize) -> Vec<f64> {
    let mut counts = vec![0.0; bins];
    times.iter().for_each(|at| counts[(at / width) as usize] += 1.0);
    counts
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

/// Index of dispersion: variance over mean.
fn dispersion(counts: &[f64]) -> f64 {
    let mean = mean(counts);
    counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / counts.len() as f64 / mean
}

#[test]
fn chat_has_the_lengths_of_its_source() {
    let input = [(0.5, 1015.0), (0.9, 4074.0), (0.95, 4085.0), (0.99, 4121.0)];
    let output = [(0.5, 115.0), (0.9, 421.0), (0.95, 448.0), (0.99, 598.0)];
    let drawn = assert_lengths("chat", &input, &output);
    assert!(drawn.iter().all(|(_, job)| job.answer_tokens <= 1000));
}

/// Σ(count − expected)² / Σexpected and Σexpected² / Σexpected of the minutes of a week: of gaps that disperse by g over a
/// long time and a rate of variance v, the first is g + v times the second.
fn minutes_of_a_week(scenario: &Scenario, seed: u64) -> (f64, f64) {
    let minutes = 7 * 24 * 60;
    let counts = counts(&times(scenario, seed, 60.0 * minutes as f64), 60.0, minutes);
    let until = |minute: u64| scenario.expected(Duration::from_secs(60 * minute)).unwrap();
    let expected: Vec<f64> = (0..minutes as u64).map(|minute| until(minute + 1) - until(minute)).collect();
    let squares =
        counts.iter().zip(&expected).map(|(count, expected)| (count - expected).powi(2)).sum::<f64>();
    let all: f64 = expected.iter().sum();
    (squares / all, expected.iter().map(|expected| expected * expected).sum::<f64>() / all)
}

/// The source's hour disperses by 16.1 at a minute, of 332 requests on average. Gaps of shape 0.9 alone disperse by
/// 1 / 0.9: so its rate has the variance (16.1 − 1 / 0.9) / 332 = 0.0451 = exp(0.21²) − 1.
#[test]
fn chat_disperses_as_its_source() {
    let (found, mean) = minutes_of_a_week(&preset("chat", "2", "", ""), 1);
    let truth = 1.0 / 0.9 + (16.1 - 1.0 / 0.9) / 332.0 * mean;
    // Minutes that go together by 0.86² tell as much as (1 − 0.74) / (1 + 0.74) of them that do not.
    let bound = 4.5 * (2.0 * 6.7 / 10_080.0f64).sqrt();
    assert!((found / truth - 1.0).abs() < bound, "{found} and not {truth} within {bound}");
}

/// The source's hour disperses by 2.9 at a minute, of 204 requests on average.
#[test]
fn long_context_chat_disperses_as_its_source() {
    let (found, mean) = minutes_of_a_week(&preset("long-context-chat", "1", "", ""), 1);
    let truth = 1.0 + (2.9 - 1.0) / 204.0 * mean;
    let bound = 4.5 * (2.0 * 4.6 / 10_080.0f64).sqrt();
    assert!((found / truth - 1.0).abs() < bound, "{found} and not {truth} within {bound}");
}

/// The source's hour disperses by 13.2, 71.6 and 164 at 1 s, 10 s and 60 s, and is silent for 72 % of its time in 57
/// silences: of so many an hour's dispersion has itself a relative standard error of √(2 / 57) = 0.19.
#[test]
fn code_completion_disperses_as_its_source() {
    // The first hour of a Monday has 0.8633 of the week's mean: as many as the source's hour, 2.57 a second.
    let scenario = preset("code-completion", "2.977", "date = \"2026-11-23\"", "");
    let hours = 300;
    let (mut found, mut silent) = ([0.0; 3], 0.0);
    for seed in 0..hours {
        let times = times(&scenario, seed, 3600.0);
        let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
        silent += gaps.filter(|gap| *gap > 5.0).sum::<f64>() / 3600.0 / hours as f64;
        for (found, width) in found.iter_mut().zip([1.0, 10.0, 60.0]) {
            *found += dispersion(&counts(&times, width, (3600.0 / width) as usize)) / hours as f64;
        }
    }
    for (found, truth) in found.iter().zip([13.2, 71.6, 164.0]) {
        assert!((found / truth - 1.0).abs() < 0.25, "{found} and not {truth}");
    }
    // 57 pairs of a burst and a silence an hour: a standard error of 0.38 / √(57 · 300) · 1.4 = 0.004.
    assert!((silent - 0.72).abs() < 0.02, "{silent}");
}

/// Hours of the curve over the week's mean; the source has 1.75 and 3.18 in its busiest ten minutes of the week, 0.45 and
/// 0.08 in its quietest: an hour's mean lies between those, and not by more than the 7 % by which ten minutes of a smooth
/// hump stand out of their hour.
#[test]
fn weeks_have_the_peaks_and_the_nights_of_their_sources() {
    for (name, peak, night) in [("chat", 1.75, 0.45), ("code-completion", 3.18, 0.08)] {
        let scenario = preset(name, "1", "date = \"2026-11-23\"", "");
        let until = |hour: u64| scenario.expected(Duration::from_secs(3600 * hour)).unwrap();
        let hours: Vec<f64> = (0..168).map(|hour| (until(hour + 1) - until(hour)) / 3600.0).collect();
        let (low, high) =
            hours.iter().fold((f64::MAX, 0.0f64), |(low, high), hour| (low.min(*hour), high.max(*hour)));
        assert!((0.93 * peak..=peak).contains(&high), "{name}: {high}");
        assert!((night..=night + 0.05).contains(&low), "{name}: {low}");
        assert!((mean(&hours) - 1.0).abs() < 1e-4, "{name}");
    }
}

#[test]
fn code_completion_has_the_lengths_of_its_source() {
    let input = [(0.5, 1469.0), (0.9, 5187.6), (0.95, 7303.3), (0.99, 7436.0)];
    let output = [(0.5, 13.0), (0.9, 55.0), (0.95, 90.0), (0.99, 251.5)];
    assert_lengths("code-completion", &input, &output);
}

#[test]
fn long_context_chat_has_the_lengths_of_its_source_and_its_share_of_tokens_seen_before() {
    let input = [(0.5, 7284.0), (0.9, 27_991.0), (0.95, 40_369.0), (0.99, 89_868.0)];
    let output = [(0.5, 356.0), (0.9, 606.0), (0.95, 712.0), (0.99, 1168.0)];
    let drawn = assert_lengths("long-context-chat", &input, &output);
    let (mut known, mut all, mut seen) = (BTreeMap::new(), 0.0, 0.0);
    for (_, job) in drawn.iter().filter(|(at, _)| *at < 4.0 * 3600.0) {
        let prefix = job.request.beginnings.longest().expect("each prompt shares a part");
        let longest = known.entry(prefix.id).or_insert(0);
        all += f64::from(job.request.input_tokens);
        seen += f64::from(prefix.tokens.min(*longest));
        *longest = prefix.tokens.max(*longest);
    }
    // Of the source's hour, that began with conversations under way.
    assert!((seen / all - 0.374).abs() < 0.03, "{}", seen / all);
}

#[test]
fn a_question_about_images_holds_as_many_as_its_source_s() {
    let input = [(0.5, 106.0), (0.9, 1914.0), (0.95, 2346.0), (0.99, 3064.0)];
    let output = [(0.5, 100.0), (0.9, 264.0), (0.95, 336.0), (0.99, 587.0)];
    let drawn = assert_lengths("multimodal", &input, &output);
    let images: Vec<f64> = drawn.iter().map(|(_, job)| f64::from(job.request.content.images.count)).collect();
    let one = images.iter().filter(|count| **count == 1.0).count() as f64 / images.len() as f64;
    // 80 % to 90 % have one; 1.586 on average, of a variance below 10.
    assert!((0.8..0.9).contains(&one), "{one}");
    assert!((mean(&images) - 1.586).abs() < 0.1, "{}", mean(&images));
}

#[test]
fn services_have_the_lengths_of_their_sources() {
    let input = [(0.5, 601.0), (0.9, 2371.0), (0.95, 2404.0), (0.99, 5452.0)];
    assert_lengths("api-tenants", &input, &[(0.5, 53.0), (0.9, 461.0), (0.95, 539.0), (0.99, 872.0)]);
    let input = [(0.5, 40.0), (0.9, 322.0), (0.95, 573.0), (0.99, 1478.0)];
    assert_lengths("batch", &input, &[(0.5, 3.0), (0.9, 44.0), (0.95, 71.0), (0.99, 142.0)]);
}

#[test]
fn reasoning_is_its_part_of_what_is_generated() {
    let input = [(0.5, 208.0), (0.9, 2092.0), (0.95, 6714.0), (0.99, 23_423.0)];
    let output = [(0.5, 792.0), (0.9, 3432.0), (0.95, 5701.0), (0.99, 12_607.0)];
    let drawn = assert_lengths("reasoning", &input, &output);
    let long = drawn.iter().map(|(_, job)| (job.reasoning_tokens, job.answer_tokens + job.reasoning_tokens));
    // Of answers of some hundred tokens whole tokens hide nothing.
    let shares = long.filter(|(_, all)| *all >= 200).map(|(reasoning, all)| reasoning * 10_000 / all);
    let shares: Vec<u32> = shares.collect();
    assert_percentiles("share", shares.iter().copied(), &[(0.1, 3600.0), (0.5, 7600.0), (0.9, 9500.0)]);
    let mean = shares.iter().map(|share| f64::from(*share)).sum::<f64>() / shares.len() as f64 / 1e4;
    assert!((mean - 0.70).abs() < 0.01, "{mean}");
}

/// Shares of the 1, 5, 10 and 20 largest clients: 8 points are what a lognormal law leaves to the measured shares at most.
#[test]
fn a_few_clients_ask_most_as_at_their_sources() {
    for (name, truth) in [
        ("api-tenants", [0.16, 0.43, 0.63, 0.78]),
        ("batch", [0.30, 0.77, 0.93, 0.99]),
        ("multimodal", [0.14, 0.56, 0.83, 0.96]),
        ("reasoning", [0.29, 0.53, 0.68, 0.86]),
    ] {
        let scenario = preset(name, "2", "", "");
        let (mut arrivals, rng) = (scenario.classes[0].arrivals.clone().unwrap(), Rng::new(1));
        let (mut volumes, requests) = (vec![0.0; 200], 100_000);
        for _ in 0..requests {
            let client = arrivals.next(&rng).and_then(|arrival| arrival.tenant);
            volumes[client.expect("each request is a client's") as usize] += 1.0 / f64::from(requests);
        }
        volumes.sort_by(|a: &f64, b| b.total_cmp(a));
        for (largest, truth) in [1, 5, 10, 20].into_iter().zip(truth) {
            let share = volumes[..largest].iter().sum::<f64>();
            assert!((share - truth).abs() < 0.09, "{name} {largest}: {share} and not {truth}");
        }
    }
}

/// The busiest ten minutes over the mean: 3.30 in the source's 14 days, 1.40 and 2.66 in its one day. Single runs vary by a
/// tenth, and the source is one: the mean of n is within two standard errors, 2 · 10 % · √(1 + 1/n).
#[test]
fn services_peak_as_their_sources() {
    for (name, rate, days, seeds, truth) in
        [("batch", "0.5", 14, 6, 3.30), ("multimodal", "4", 1, 2, 1.40), ("reasoning", "0.5", 1, 16, 2.66)]
    {
        let scenario = preset(name, rate, "", "");
        let peaks = (0..seeds).map(|seed| {
            let counts =
                counts(&times(&scenario, seed, 86_400.0 * f64::from(days)), 600.0, 144 * days as usize);
            counts.iter().copied().fold(0.0, f64::max) / mean(&counts)
        });
        let found = mean(&peaks.collect::<Vec<_>>());
        let bound = 0.2 * (1.0 + 1.0 / seeds as f64).sqrt();
        assert!((found / truth - 1.0).abs() < bound, "{name}: {found} and not {truth}");
    }
}

/// 710 conversations of 69 calls on average; later calls add 6,126 and 16,379 tokens at the 95th and 99th percentile; 96.3 %
/// of prompt tokens were there before; 0.58 of 100 calls compact; 7.0 % of pauses are longer than five minutes.
#[test]
fn a_coding_agent_s_conversations_are_those_recorded() {
    let scenario = preset("coding-agent", "1", "", "");
    let class = &scenario.classes[0];
    let session = class.session.as_ref().expect("an agent has conversations");
    let draft = Draft { answers: class.answers(), max_tokens: 32_000, system_tokens: &|_| SYSTEM };
    let (conversations, mut calls, mut all, mut hits) = (5_000, 0.0, 0.0, 0.0);
    let (mut compactions, mut long, mut added) = (0.0, 0.0, Vec::new());
    for nth in 0..conversations {
        let turns = session.conversation(nth, &Rng::new(7919 * nth), &draft).main.turns.clone();
        let mut before = None;
        for turn in turns {
            let known = match before {
                Some((text, tokens)) if text == turn.beginning.text => {
                    added.push(turn.input_tokens - tokens);
                    tokens
                }
                Some(_) => {
                    compactions += 1.0;
                    SYSTEM
                }
                None => SYSTEM,
            };
            (calls, long) = (calls + 1.0, long + f64::from(u8::from(turn.think.as_secs() >= 300)));
            (all, hits) = (all + f64::from(turn.input_tokens), hits + f64::from(known));
            before = Some((turn.beginning.text, turn.input_tokens + turn.answer_tokens));
        }
    }
    // Exponential turns vary by their mean.
    assert!(
        (calls / conversations as f64 - 69.0).abs() < 4.5 * 69.0 / (conversations as f64).sqrt(),
        "{calls}"
    );
    assert!((hits / all - 0.963).abs() < 0.03, "{}", hits / all);
    assert!((100.0 * compactions / calls - 0.58).abs() < 0.06, "{}", compactions / calls);
    assert!((long / calls - 0.070).abs() < 0.005, "{}", long / calls);
    added.sort_unstable();
    for (share, tokens) in [(0.95, 6_126.0), (0.99, 16_379.0)] {
        let found = f64::from(added[(share * added.len() as f64) as usize]);
        assert!((found / tokens - 1.0).abs() < 0.15, "{share}: {found} and not {tokens}");
    }
}

/// Tools and system prompt of a coding agent.
const SYSTEM: u32 = 15_000;
