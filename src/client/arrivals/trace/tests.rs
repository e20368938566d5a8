//! A recording is played as its settings say, to the request and the nanosecond.

use super::*;
use crate::kind::tag;

/// The arrivals of a log in a file of its own, which is gone with the folder.
struct Log(tempfile::TempDir);

impl Log {
    fn new(text: &str) -> Log {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("log"), text).unwrap();
        Log(folder)
    }

    /// A line for each request: seconds, prompt and answer.
    fn rows(rows: impl IntoIterator<Item = (f64, u32)>) -> Log {
        let rows = rows.into_iter().map(|(at, input)| format!("{at},{input},5\n"));
        Log::new(&("time_s,input_tokens,output_tokens\n".to_string() + &rows.collect::<String>()))
    }

    fn try_load(&self, settings: &str) -> Result<Trace> {
        let text = format!("file = 'log'\n{settings}");
        let mut table = toml::de::DeTable::parse(&text).unwrap();
        tag(table.get_mut());
        let mut trace = Trace::deserialize(toml::de::Deserializer::from(table))
            .map_err(|error| Error::usage(error.to_string()))?;
        if let Some(growth) = trace.growth_mut() {
            growth.start("2026-12-01".parse().unwrap());
        }
        trace.load(self.0.path()).map(|()| trace)
    }

    fn load(&self, settings: &str) -> Trace {
        self.try_load(settings).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Seconds and prompt of each arrival in the first `secs`.
    fn play(&self, settings: &str, secs: f64) -> Vec<(f64, u32)> {
        play(self.load(settings), secs)
    }
}

fn play(mut trace: Trace, secs: f64) -> Vec<(f64, u32)> {
    let (rng, mut played) = (Rng::new(7), Vec::new());
    while let Some(at) = trace.peek(&rng).filter(|at| at.as_secs_f64() < secs) {
        let arrival = trace.next(&rng).unwrap();
        assert_eq!(arrival.at, at);
        played.push((at.as_secs_f64(), arrival.lengths.unwrap().input));
    }
    assert_eq!(trace.failure(), None);
    assert!(played.is_sorted_by_key(|(at, _)| *at));
    played
}

const FOREVER: f64 = 1e9;

#[test]
fn a_log_is_played_as_recorded_from_its_first_request_in_order_of_time() {
    let log = Log::rows([(100.0, 1), (130.5, 3), (110.0, 2), (110.0, 4)]);
    assert_eq!(log.play("", FOREVER), [(0.0, 1), (10.0, 2), (10.0, 4), (30.5, 3)]);
    assert_eq!(log.play("speed = 2", FOREVER), [(0.0, 1), (5.0, 2), (5.0, 4), (15.25, 3)]);
    assert_eq!(log.play("speed = 2", FOREVER), play(log.load("speed = 2").clone(), FOREVER));
}

#[test]
fn a_window_is_told_by_spans_or_by_the_logs_own_dates() {
    let log = Log::rows([(100.0, 1), (110.0, 2), (120.0, 3), (130.0, 4)]);
    assert_eq!(log.play("from = '5s'\nuntil = '20s'", FOREVER), [(5.0, 2)], "the end does not belong to it");
    let text = "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-10 00:00:00,1,5\n2024-05-11 00:00:01,2,5\n2024-05-12 00:00:00,3,5\n";
    let log = Log::new(text);
    assert_eq!(log.play("from = '2024-05-11'", FOREVER), [(1.0, 2), (86_400.0, 3)]);
    assert_eq!(log.play("until = '2024-05-11 00:00:01'", FOREVER), [(0.0, 1)]);
    let error = log.try_load("from = '2025-01-01'").unwrap_err().to_string();
    assert!(error.contains("all of it takes 172801s, and begins at 2024-05-10T00:00:00Z"), "{error}");
}

#[test]
fn end_to_end_it_begins_again_where_the_next_request_would_have_come() {
    let log = Log::rows([(0.0, 1), (10.0, 2), (40.0, 3)]);
    // Two gaps of 20 s on average: the third is of 20 s.
    let thrice = [(0.0, 1), (10.0, 2), (40.0, 3), (60.0, 1), (70.0, 2), (100.0, 3), (120.0, 1)];
    assert_eq!(log.play("repeat = 'end_to_end'", 130.0), thrice);
    let window = log.play("repeat = 'end_to_end'\nfrom = '10s'\nuntil = '45s'", 80.0);
    assert_eq!(window, [(0.0, 2), (30.0, 3), (35.0, 2), (65.0, 3), (70.0, 2)]);
    let error = Log::rows([(3.0, 1), (3.0, 1)]).try_load("repeat = 'end_to_end'").unwrap_err();
    assert!(error.to_string().contains("all its requests have one time"), "{error}");
}

#[test]
fn by_the_week_each_request_comes_on_its_weekday_in_its_hour() {
    const WEEK: f64 = 604_800.0;
    let log = Log::rows([(0.0, 1), (86_400.0, 2), (WEEK - 1.0, 3)]);
    let played = log.play("repeat = 'week'", 3.0 * WEEK);
    assert_eq!(played.len(), 9);
    for (nth, (at, input)) in (0..).zip(&played) {
        assert_eq!((*at, *input), (played[nth % 3].0 + (nth / 3) as f64 * WEEK, (nth % 3 + 1) as u32));
    }
    let ten_days = Log::rows([(0.0, 1), (864_000.0, 2)]);
    assert_eq!(ten_days.play("repeat = 'week'", 2.5 * WEEK), [(0.0, 1), (864_000.0, 2), (2.0 * WEEK, 1)]);
    let warning = &ten_days.load("repeat = 'week'").warnings()[0];
    assert!(warning.contains("takes 10d of each 2w"), "{warning}");
    assert_eq!(log.load("repeat = 'week'").warnings(), Vec::<String>::new());
}

/// Poisson arrivals at 10 a second, numbered.
fn thousands(count: u32) -> Log {
    let rng = Rng::new(3);
    let times = (0..count).scan(0.0, |at, nth| {
        *at += rng.of(crate::rng::Purpose::Arrival, nth.into(), 0).exponential() / 10.0;
        Some((libm::round(*at * 1e6) / 1e6, nth + 1))
    });
    Log::rows(times)
}

#[test]
fn thinned_it_keeps_the_share_and_what_a_smaller_one_keeps_a_larger_keeps() {
    let log = thousands(20_000);
    let [some, more] = [0.3, 0.7].map(|factor| log.play(&format!("rate_factor = {factor}"), FOREVER));
    for (kept, share) in [(&some, 0.3), (&more, 0.7)] {
        // Binomial, 4.5 standard deviations.
        let (mean, spread) = (20_000.0 * share, f64::sqrt(20_000.0 * share * (1.0 - share)));
        assert!((kept.len() as f64 - mean).abs() < 4.5 * spread, "{} of {mean}", kept.len());
    }
    let whole = log.play("", FOREVER);
    assert!(some.iter().all(|row| more.contains(row)) && more.iter().all(|row| whole.contains(row)));
}

#[test]
fn told_several_times_over_every_request_comes_once_in_each_and_bursts_part() {
    // A burst of 20 requests each minute, for an hour.
    let log =
        Log::rows((0..1200).map(|nth| (f64::from(nth / 20) * 60.0 + f64::from(nth % 20) * 1e-3, nth + 1)));
    let played = log.play("rate_factor = 4", FOREVER);
    let mut counts = std::collections::BTreeMap::<u32, u32>::new();
    for (_, input) in &played {
        *counts.entry(*input).or_default() += 1;
    }
    assert!(counts.len() == 1200 && counts.values().all(|count| *count == 4));
    let in_burst = |rows: &[(f64, u32)]| {
        let mut bins = std::collections::BTreeMap::<u64, usize>::new();
        rows.iter().for_each(|(at, _)| *bins.entry((*at * 10.0) as u64).or_default() += 1);
        bins.into_values().max().unwrap()
    };
    assert_eq!(in_burst(&log.play("", FOREVER)), 20);
    assert!(in_burst(&played) <= 20, "four bursts a minute, not one of 80");
    assert!(played.last().unwrap().0 < 3602.0 + 60.0, "what is moved beyond the end comes at the beginning");
    let half = log.play("rate_factor = 1.5", FOREVER).len() as f64;
    assert!((half - 1800.0).abs() < 4.5 * 300f64.sqrt(), "{half}");
}

/// A superposition of independent Poisson streams is Poisson: its counts vary as much as their mean.
#[test]
fn superposed_poisson_arrivals_are_as_dispersed_as_poisson_arrivals_of_the_rate() {
    let played = thousands(20_000).play("rate_factor = 3", 2000.0);
    let mut bins = vec![0u32; 1900];
    played.iter().filter(|(at, _)| *at < 1900.0).for_each(|(at, _)| bins[*at as usize] += 1);
    let mean = f64::from(bins.iter().sum::<u32>()) / 1900.0;
    let variance = bins.iter().map(|count| (f64::from(*count) - mean).powi(2)).sum::<f64>() / 1900.0;
    // The index of dispersion of n Poisson counts errs by √(2/n).
    assert!((mean / 30.0 - 1.0).abs() < 0.04, "{mean}");
    assert!((variance / mean - 1.0).abs() < 4.5 * (2.0f64 / 1900.0).sqrt(), "{}", variance / mean);
}

#[test]
fn growth_reaches_its_factor_on_the_day_and_stays() {
    // Every ten minutes for a day, again and again.
    let log = Log::rows((0..144).map(|nth| (f64::from(nth) * 600.0, nth + 1)));
    let settings = "repeat = 'end_to_end'\ngrowth = { factor = 3, by = '2026-12-11' }";
    let played = log.play(settings, 30.0 * 86_400.0);
    let days = |from: f64, until: f64| {
        played.iter().filter(|(at, _)| (from * 86_400.0..until * 86_400.0).contains(at)).count() as f64
    };
    assert!((days(0.0, 1.0) / 144.0 - 1.057).abs() < 0.1, "a ninth root of three on the first day");
    assert_eq!(days(10.0, 30.0), 20.0 * 3.0 * 144.0, "three times as many, exactly, from the day on");
    let expected = log.load(settings).expected(Duration::from_secs(10 * 86_400)).unwrap();
    // 144 · 10 · (3 − 1) / ln 3, of which one part in two is chance at most.
    assert!((expected - 1440.0 * 2.0 / 3f64.ln()).abs() < 5.0, "{expected}");
    let longer = log.load(settings).expected(Duration::from_secs(30 * 86_400)).unwrap();
    assert!((longer - expected - 20.0 * 3.0 * 144.0).abs() < 1e-6, "{longer}");
    assert!((days(0.0, 10.0) - expected).abs() < 4.5 * (expected / 4.0).sqrt(), "{}", days(0.0, 10.0));
}

#[test]
fn ticks_are_kept_with_a_warning_or_spread_within_themselves() {
    let rows = (0..3000).map(|nth| (f64::from(nth / 10) * 3.0, nth + 1));
    let log = Log::rows(rows);
    let kept = log.play("", FOREVER);
    assert!(kept.iter().all(|(at, _)| at % 3.0 == 0.0));
    let warning = &log.load("").warnings()[0];
    assert!(warning.contains("its clock ticks every 3s, and 90 % of its requests"), "{warning}");
    assert_eq!(log.load("ticks = 'keep'").warnings(), Vec::<String>::new());
    let spread = log.play("ticks = 'spread'", FOREVER);
    assert_eq!(spread.len(), 3000);
    let offsets: Vec<f64> = spread.iter().map(|(at, input)| at - f64::from((input - 1) / 10) * 3.0).collect();
    assert!(offsets.iter().all(|offset| (0.0..3.0).contains(offset)));
    let mean = offsets.iter().sum::<f64>() / 3000.0;
    assert!((mean - 1.5).abs() < 4.5 * 3.0 / (12.0f64 * 3000.0).sqrt(), "{mean}");
    let fast = log.play("ticks = 'spread'\nspeed = 3", FOREVER);
    assert!(fast.iter().all(|(at, input)| *at as u32 == (input - 1) / 10), "the tick shrinks with the rest");
    let again = log.play("ticks = 'keep'\nrepeat = 'end_to_end'", 904.0);
    assert_eq!(again[3000..].len(), 20, "the round ends with its last tick");
    assert_eq!(again[3000], (900.0, 1));
}

#[test]
fn requests_that_failed_or_have_no_prompt_are_left_out_and_counted_or_kept() {
    let text = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n\
                5,ChatGPT,472,18,490,API log\n45,ChatGPT,1087,0,1087,API log\n118,GPT-4,0,276,276,API log\n130,GPT-4,9,9,18,API log\n";
    let log = Log::new(text);
    assert_eq!(log.play("", FOREVER), [(0.0, 472), (125.0, 9)]);
    assert_eq!(
        log.load("").warnings(),
        [
            "trace 'log': 1 of 4 requests failed; they are left out",
            "trace 'log': 1 of 4 requests have no prompt; they are left out"
        ]
    );
    assert_eq!(log.play("failed = 'keep'", FOREVER), [(0.0, 472), (40.0, 1087), (113.0, 0), (125.0, 9)]);
    assert_eq!(log.load("failed = 'keep'").warnings(), Vec::<String>::new());
    let error = log.try_load("from = '30s'\nuntil = '2m'").unwrap_err().to_string();
    assert!(error.contains("1 failed and 1 have no prompt; failed = \"keep\" plays them"), "{error}");
}

#[test]
fn a_hole_stays_a_hole() {
    let played = Log::rows([(0.0, 1), (1.0, 2), (50_000.0, 3)]).play("", FOREVER);
    assert_eq!(played[2], (50_000.0, 3));
}

#[test]
fn what_is_expected_is_what_comes() {
    let log = thousands(5000);
    for (settings, secs) in
        [("", 1e6), ("speed = 3", 1e6), ("repeat = 'end_to_end'", 5000.0), ("repeat = 'week'", 3e6)]
    {
        let expected = log.load(settings).expected(Duration::from_secs_f64(secs)).unwrap();
        let played = log.play(settings, secs).len() as f64;
        assert!((expected - played).abs() <= 2.0, "{settings}: {expected} and {played}");
    }
    let half = log.load("rate_factor = 0.5").expected(Duration::from_secs(1_000_000));
    assert_eq!(half, Some(2500.0));
    let mut doubled = log.load("");
    doubled.scale(2.0);
    assert_eq!(
        (play(doubled.clone(), FOREVER).len(), doubled.expected(Duration::MAX)),
        (10_000, Some(10_000.0))
    );
}

#[test]
fn what_is_recorded_beside_lengths_comes_with_the_request() {
    let log = Log::new(
        "time_s,input_tokens,output_tokens,reasoning_tokens,images,tenant\n0,10,20,15,2,red\n1,10,20,,0,blue\n",
    );
    let (mut trace, rng) = (log.load(""), Rng::new(1));
    let [first, second] = [trace.next(&rng).unwrap(), trace.next(&rng).unwrap()];
    assert_eq!(first.lengths, Some(Lengths { input: 10, output: 5, reasoning: Some(15) }));
    assert_eq!(second.lengths, Some(Lengths { input: 10, output: 20, reasoning: Some(0) }));
    assert_eq!((first.images, second.images), (2, 0));
    assert!(first.tenant.is_some() && second.tenant.is_some() && first.tenant != second.tenant);
}

#[test]
fn prompts_bring_the_beginnings_that_their_blocks_tell() {
    let line = |at: u32, input: u32, blocks: &str| {
        format!(
            "{{\"timestamp\": {at}, \"input_length\": {input}, \"output_length\": 1, \"hash_ids\": [{blocks}]}}\n"
        )
    };
    let log =
        Log::new(&(line(0, 1024, "1, 2") + &line(1000, 1536, "1, 2, 3") + &line(2000, 1500, "1, 4, 5")));
    let play = |settings: &str| {
        let (mut trace, rng) = (log.load(settings), Rng::new(1));
        std::iter::from_fn(move || trace.next(&rng))
            .take(9)
            .map(|arrival| arrival.beginnings)
            .collect::<Vec<_>>()
    };
    let played = play("");
    let tokens = |nth: usize| played[nth].iter().map(|prefix| prefix.tokens).collect::<Vec<_>>();
    assert_eq!([tokens(0), tokens(1), tokens(2)], [vec![1024], vec![1536], vec![512, 1024, 1500]]);
    assert!(played[0][0].id == played[1][0].id && played[1][0].id == played[2][0].id);
    let again = play("repeat = 'end_to_end'\nuntil = '3s'");
    assert_ne!(again[0][0].id, again[3][0].id, "another round is asked by others");
}

/// Turns of two conversations: seconds, conversation, thought in seconds.
fn conversations(rows: &[(f64, &str, Option<f64>)]) -> Log {
    let line = |(at, session, thought): &(f64, &str, Option<f64>)| {
        let thought = thought.map_or(String::new(), |thought| thought.to_string());
        format!("{at},{session},{thought},10,5\n")
    };
    Log::new(
        &("time_s,session,thought_s,input_tokens,output_tokens\n".to_string()
            + &rows.iter().map(line).collect::<String>()),
    )
}

#[test]
fn a_turn_waits_for_the_answer_before_it_and_for_its_user_to_think() {
    let log = conversations(&[
        (0.0, "a", None),
        (1.0, "b", None),
        (10.0, "a", Some(4.0)),
        (12.0, "b", Some(2.0)),
        (20.0, "a", Some(1.0)),
        (30.0, "c", None),
    ]);
    let rng = Rng::new(1);
    let secs = Instant::from_secs_f64;
    let mut trace = log.load("");
    let next = |trace: &mut Trace| trace.next(&rng).map(|arrival| arrival.at.as_secs_f64());
    assert_eq!([next(&mut trace), next(&mut trace)], [Some(0.0), Some(1.0)]);
    assert_eq!(trace.peek(&rng), Some(secs(30.0)), "no turn before its answer");
    trace.on_finish(secs(2.0), 0, true, &rng);
    assert_eq!(trace.peek(&rng), Some(secs(6.0)), "sooner than recorded, as the answer was");
    assert_eq!(next(&mut trace), Some(6.0));
    trace.on_finish(secs(25.0), 1, true, &rng);
    assert_eq!(next(&mut trace), Some(27.0), "later than recorded, as the answer was");
    trace.on_finish(secs(26.0), 2, true, &rng);
    trace.on_finish(secs(26.5), 2, true, &rng);
    assert_eq!(next(&mut trace), Some(27.0));
    assert_eq!([next(&mut trace), next(&mut trace)], [Some(30.0), None]);
    let as_recorded: Vec<f64> =
        log.play("sessions = 'as_recorded'", FOREVER).into_iter().map(|(at, _)| at).collect();
    assert_eq!(as_recorded, [0.0, 1.0, 10.0, 12.0, 20.0, 30.0]);
    let mut fast = log.load("speed = 2");
    fast.next(&rng);
    fast.on_finish(secs(0.25), 0, true, &rng);
    assert_eq!(fast.next(&rng).unwrap().at, secs(0.5));
    assert_eq!(fast.next(&rng).unwrap().at, secs(2.25), "think times shrink with the rest");
}

#[test]
fn a_turn_waits_for_all_that_is_under_way_in_its_conversation() {
    let log = conversations(&[(0.0, "a", None), (1.0, "a", None), (10.0, "a", Some(5.0))]);
    let (mut trace, rng, secs) = (log.load(""), Rng::new(1), Instant::from_secs_f64);
    assert_eq!(
        [trace.next(&rng), trace.next(&rng)].map(|arrival| arrival.unwrap().at),
        [secs(0.0), secs(1.0)]
    );
    trace.on_finish(secs(12.0), 0, true, &rng);
    assert_eq!(trace.peek(&rng), None);
    trace.on_finish(secs(20.0), 1, true, &rng);
    assert_eq!(trace.peek(&rng), Some(secs(25.0)));
}

#[test]
fn thinned_each_round_keeps_whole_conversations_and_other_ones() {
    let rows: Vec<_> = (0..400).map(|nth| (f64::from(nth), format!("s{}", nth % 200))).collect();
    let rows: Vec<_> = rows.iter().map(|(at, session)| (*at, &**session, None)).collect();
    let played = conversations(&rows).play("rate_factor = 0.5\nrepeat = 'end_to_end'\nuntil = '400s'", 800.0);
    let kept = |from: f64| {
        let within = played.iter().map(|(at, _)| at - from).filter(|at| (0.0..200.0).contains(at));
        within.collect::<Vec<f64>>()
    };
    assert_eq!(kept(0.0), kept(200.0), "both requests of a conversation or none");
    assert_eq!(kept(400.0), kept(600.0));
    assert_ne!(kept(0.0), kept(400.0), "chance is another in each round");
}

#[test]
fn no_more_requests_are_held_than_are_due() {
    let log = thousands(30_000);
    let (mut trace, rng) = (log.load("rate_factor = 2.5\nrepeat = 'end_to_end'"), Rng::new(1));
    for _ in 0..100_000 {
        trace.next(&rng).unwrap();
        assert!(trace.playing.0.as_ref().unwrap().held() <= 3);
    }
}

#[test]
fn a_log_that_changes_while_it_is_played_is_said() {
    let log = thousands(100);
    let (mut trace, rng) = (log.load("repeat = 'end_to_end'"), Rng::new(1));
    trace.next(&rng).unwrap();
    std::fs::write(log.0.path().join("log"), "time_s,input_tokens,output_tokens\n0,1,1\n").unwrap();
    while trace.next(&rng).is_some() {}
    assert!(trace.failure().is_some_and(|why| why.contains("changed while it was played")));
}

#[test]
fn a_log_without_times_cannot_be_played() {
    let error = Log::new("num_prefill_tokens,num_decode_tokens\n1,2\n").try_load("").unwrap_err().to_string();
    assert!(error.contains("its layout (lengths) tells lengths and no times"), "{error}");
}

/// An answer at 1 s starts two agents, of which one asks twice; the conversation goes on 3 s after the later one.
const WITH_AGENTS: &str = r#"{"id": "x", "block_size": 64, "requests": [
    {"t": 0, "in": 10, "out": 5, "api_time": 1},
    {"t": 5, "type": "subagent", "duration_ms": 3500, "requests": [{"t": 0, "in": 21, "out": 5, "api_time": 2}]},
    {"t": 12, "type": "subagent", "duration_ms": 10500, "requests": [
        {"t": 0, "in": 31, "out": 5, "api_time": 2}, {"t": 6, "in": 32, "out": 5, "api_time": 4, "think_time": 4}]},
    {"t": 14.5, "in": 11, "out": 5, "api_time": 1, "think_time": 13.5}]}"#;

#[test]
fn a_conversation_waits_for_its_sub_agents_and_they_for_the_answer_that_starts_them() {
    let log = Log::new(WITH_AGENTS);
    let recorded = [(0.0, 10), (1.5, 21), (1.5, 31), (7.5, 32), (14.5, 11)];
    assert_eq!(log.play("sessions = 'as_recorded'", FOREVER), recorded);
    let (mut trace, rng) = (log.load(""), Rng::new(1));
    let mut next = |ended: &[(f64, u64)]| {
        ended.iter().for_each(|(at, nth)| trace.on_finish(Instant::from_secs_f64(*at), *nth, true, &rng));
        trace.next(&rng).map(|arrival| (arrival.at.as_secs_f64(), arrival.lengths.unwrap().input))
    };
    assert_eq!([next(&[]), next(&[])], [Some((0.0, 10)), None]);
    assert_eq!([next(&[(4.0, 0)]), next(&[]), next(&[])], [Some((4.5, 21)), Some((4.5, 31)), None]);
    assert_eq!([next(&[(6.0, 2)]), next(&[])], [Some((10.0, 32)), None]);
    assert_eq!(next(&[(30.0, 3)]), None, "one of the agents is at work");
    assert_eq!(next(&[(40.0, 1)]), Some((43.0, 11)));
    assert_eq!(next(&[(41.0, 4)]), None);
}

#[test]
fn a_conversation_and_its_sub_agents_are_kept_or_left_out_together() {
    let log = Log::new(WITH_AGENTS);
    let kept = |factor: f64| {
        let trace = log.load(&format!("sessions = 'as_recorded'\nrate_factor = {factor}"));
        play(trace, FOREVER).len()
    };
    assert!((1..100).all(|hundredths| [0, 5].contains(&kept(f64::from(hundredths) / 100.0))));
}
