//! A log whose largest tenants become classes of their own: each class is like its tenant's part of the log.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use tollgate::client::arrivals::AnyArrivals;
use tollgate::fit::Fit;
use tollgate::fit::comparison::{Apart, Comparison};
use tollgate::fit::log::Log;
use tollgate::fit::report::markdown;
use tollgate::machines;
use tollgate::scenario::Scenario;
use tollgate::time::Instant;
use tollgate::traces::Trace;
use tollgate::traces::layout::Mapping;

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file can be made");
    std::fs::write(file.path(), text).expect("the file can be written");
    file
}

fn traces(path: &Path) -> Vec<Trace> {
    vec![Trace::find(path, &Mapping::default()).unwrap_or_else(|error| panic!("{error}"))]
}

/// A log with so many of its tenants apart, and the scenario that is fitted to it.
fn parted(path: &Path, most: usize) -> (Log, Fit, Scenario) {
    let traces = traces(path);
    let mut log = Log::read(&traces).unwrap_or_else(|error| panic!("{error}"));
    log.part(&traces, most).unwrap_or_else(|error| panic!("{error}"));
    let fit = Fit::of(&log).expect("some request was answered");
    let text = fit.scenario(&log, "a test");
    let scenario =
        Scenario::parse(&text, Path::new("fitted.toml")).unwrap_or_else(|error| panic!("{error}\n{text}"));
    (log, fit, scenario)
}

fn text_of(path: &Path, most: usize) -> Log {
    parted(path, most).0
}

/// Each class with whether it has conversations.
fn classes(scenario: &Scenario) -> Vec<(&str, bool)> {
    assert!(scenario.arrivals.is_none() && scenario.classes.iter().all(|class| class.arrivals.is_some()));
    scenario.classes.iter().map(|class| (&*class.name, class.session.is_some())).collect()
}

fn names(log: &Log) -> Vec<&str> {
    log.parts.0.iter().map(|part| &*part.name).collect()
}

/// Rows of the plain layout, in order of time.
fn plain(mut rows: Vec<(f64, u32, u32, String, String)>) -> String {
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut text = String::from("time_s,input_tokens,output_tokens,tenant,session\n");
    for (at, input, output, tenant, session) in rows {
        writeln!(text, "{at:.6},{input},{output},{tenant},{session}").expect("a String takes all");
    }
    text
}

/// Five hours: one tenant in conversations of four turns, one in single requests, and 30 small ones.
fn uneven() -> String {
    // This seed's talker disperses as its law does, to a standard error of each width.
    let text = "seed = 5\nduration = '5h'\n\
        [[classes]]\nname = 'talker'\narrivals = { kind = 'poisson', rate = 0.1 }\n\
        output = { kind = 'fixed', tokens = 50 }\n[classes.session]\nkind = 'synthetic'\nthink = '10s'\n\
        turns = { kind = 'fixed', tokens = 4 }\nfirst_input = { kind = 'uniform', min = 1000, max = 3000 }\n\
        new_input = { kind = 'fixed', tokens = 100 }\n\
        [[classes]]\nname = 'asker'\narrivals = { kind = 'gamma', rate = 0.6, cv = 2 }\n\
        input = { kind = 'lognormal', median = 600, sigma = 0.9 }\noutput = { kind = 'fixed', tokens = 9 }\n\
        [[classes]]\nname = 'small'\narrivals = { kind = 'poisson', rate = 0.3 }\n\
        input = { kind = 'uniform', min = 10, max = 90 }\noutput = { kind = 'fixed', tokens = 200 }\n\
        [[endpoints]]\nname = 'e'\nprovider = 'openai'\nmodel = 'm'\nprice = { input = '1', output = '1' }\n\
        latency = { kind = 'fixed', ttft = '1s', itl = '10ms' }\n";
    let scenario = Scenario::parse(text, Path::new("uneven.toml")).unwrap_or_else(|error| panic!("{error}"));
    let mut workload = machines::workload(&scenario);
    let mut rows = Vec::new();
    while workload.peek().is_some_and(|at| at < Instant::from_secs_f64(18_000.0)) {
        let Some((at, job)) = workload.take() else { break };
        let id = job.request.id;
        let class = &*scenario.classes[usize::from(job.request.class.0)].name;
        let tenant = if class == "small" { format!("small-{}", id.0 % 30) } else { class.into() };
        let session = workload.turn(id).map_or_else(String::new, |turn| format!("{}", turn.session));
        rows.push((at.as_secs_f64(), job.request.input_tokens, job.answer_tokens, tenant, session));
        workload.on_finish(at, id, true);
    }
    plain(rows)
}

#[test]
fn each_class_is_like_its_tenants_part_of_the_log() {
    let text = uneven();
    let (log, fit, scenario) = parted(file(&text).path(), 2);
    assert_eq!(classes(&scenario), [("asker", false), ("talker", true), ("others", false)]);
    let comparison = Comparison::of(&log, &scenario, 8).expect("it is in order of time");
    // Gaps place a quarter of the talker's requests and are told by single seconds, of which each holds a tenth of one: the
    // fit makes many times as much of their chance in what longer bins hold, and of these there are few.
    let by_chance = ["dispersion at 10 s", "dispersion at 60 s", "peak minute, requests"];
    let is_chance = |name: &&str| by_chance.contains(name);
    assert!(comparison.misses().iter().all(is_chance), "{:#?}\n{:#?}", comparison.real, comparison.generated);
    let rows = text.lines().skip(1);
    for part in &comparison.parts {
        assert!(
            part.misses().iter().all(is_chance),
            "{}: {:#?}\n{:#?}",
            part.name,
            part.real,
            part.generated
        );
        // Of 300 minutes: a standard error of √(2 / 300) = 8.2 %, and four of them.
        for name in by_chance {
            let [real, ours] = [&part.real, &part.generated].map(|shape| shape.get(name).unwrap());
            assert!((ours / real - 1.0).abs() < 0.33, "{} {name}: {real} {ours}", part.name);
        }
        // The log's own lines, counted.
        let is_own = |line: &&str| match &*part.name {
            "others" => line.contains(",small-"),
            name => line.contains(&format!(",{name},")),
        };
        let own: Vec<Vec<&str>> = rows.clone().filter(is_own).map(|line| line.split(',').collect()).collect();
        let tokens = |line: &[&str]| line[1].parse::<f64>().unwrap() + line[2].parse::<f64>().unwrap();
        let all: f64 = rows.clone().map(|line| tokens(&line.split(',').collect::<Vec<_>>())).sum();
        let real = |name| part.real.get(name).expect("it is a figure");
        assert_eq!(real("requests"), own.len() as f64);
        assert_eq!(real("share of all requests"), own.len() as f64 / rows.clone().count() as f64);
        assert_eq!(real("share of all tokens"), own.iter().map(|line| tokens(line)).sum::<f64>() / all);
    }
    let told = markdown(&fit, &log, &comparison, "a test", &[]);
    assert!(told.contains("### talker\n\n- Rate of conversations"), "{told}");
    assert!(told.contains("- Class talker: 100.0 % of them, 4.0 turns on average"), "{told}");
}

#[test]
fn a_part_lasts_as_long_as_the_log_and_begins_with_it() {
    let rows = (0..1000).map(|nth| (f64::from(nth), 100, 10, "big".into(), String::new()));
    let late = (0..300).map(|nth| (400.0 + f64::from(nth), 50, 5, "late".into(), String::new()));
    let log = text_of(file(&plain(rows.chain(late).collect())).path(), 2);
    let [big, late] = &log.parts.0[..] else { panic!("{:?}", names(&log)) };
    assert_eq!((big.log.all.rows, late.log.all.rows), (1000, 300));
    assert_eq!(late.log.all.seconds.len(), 1000);
    assert_eq!(late.log.all.seconds.iter().position(|count| *count > 0), Some(400));
}

/// A spend log by key, not in order of time: one key sends most and gets no answer, one is told unhashed, two end alike.
#[test]
fn a_spend_log_has_a_class_for_each_large_key_and_tells_no_secret() {
    let keys = [
        ("sk-live-0123456789", 4),
        ("=cmd", 3),
        (" ", 2),
        ("88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b", 5),
    ];
    let mut text = String::new();
    let mut row = |second: u32, key: &str, status: &str| {
        writeln!(
            text,
            r#"{{"startTime": "2026-09-07T08:{:02}:{:02}Z", "endTime": "2026-09-07T09:00:00Z", "api_key": "{key}", "prompt_tokens": 100, "completion_tokens": 10, "status": "{status}"}}"#,
            second / 60,
            second % 60
        )
        .expect("a String takes all");
    };
    for second in (0..600).rev() {
        (0..9).for_each(|_| row(second, "broken", "failure"));
        for (key, every) in keys {
            if second % (8 - every) == 0 {
                row(second, key, "success");
            }
        }
    }
    let (log, _, scenario) = parted(file(&text).path(), 3);
    let names: Vec<_> = classes(&scenario).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["88dc28d0…", "sk-live-…", "cmd", "others"]);
    let others = &log.parts.0[3].log.all;
    assert_eq!((others.rows, others.failed), (9 * 600 + 100, 9 * 600), "they are counted");
    assert_eq!(log.parts.0.iter().map(|part| part.log.all.rows).sum::<u64>(), log.all.rows);
    let four = text_of(file(&text).path(), 4);
    assert_eq!(four.parts.0[3].name, "tenant 4", "it has no name");
}

#[test]
fn requests_of_no_conversation_are_a_class_beside_their_tenants_conversations() {
    let mut rows = Vec::new();
    for talk in 0..200_u32 {
        for turn in 0..3_u32 {
            let at = f64::from(talk * 10 + turn * 7);
            rows.push((at, 1000 + 200 * turn, 100, "7".into(), format!("s{talk}")));
        }
        rows.push((f64::from(talk * 10 + 3), 40, 4, "7".into(), String::new()));
        rows.push((
            f64::from(talk * 10 + 5),
            60,
            6,
            "7, without conversation".replace(", ", " "),
            String::new(),
        ));
    }
    let (log, _, scenario) = parted(file(&plain(rows)).path(), 5);
    let alone = "7, without conversation";
    assert_eq!(classes(&scenario), [("7", true), (alone, false), ("7 without conversation", false)]);
    let comparison = Comparison::of(&log, &scenario, 5).expect("it is in order of time");
    let requests = |part: &Apart| part.generated.get("requests").expect("it is a figure");
    let counts: Vec<f64> = comparison.parts.iter().map(requests).collect();
    // 800 and 200 expected; of five seeds the standard error of the second is 6.
    assert!((counts[0] - 800.0).abs() < 60.0 && (counts[1] - 200.0).abs() < 24.0, "{counts:?}");
}

#[test]
fn parts_without_a_common_clock_have_their_own_counts_of_conversations() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces/kv_cache_tester");
    if !folder.is_dir() {
        return println!("skipped: there are no traces at {}", folder.display());
    }
    let (log, _, scenario) = parted(&folder, 2);
    assert!(names(&log)[0].starts_with("claude") && names(&log).len() == 3, "{:?}", names(&log));
    let comparison = Comparison::of(&log, &scenario, 1).expect("it is in order of time");
    let rates = scenario.classes.iter().map(|class| match &class.arrivals {
        Some(AnyArrivals::Poisson(arrivals)) => arrivals.rate.get(),
        other => panic!("{other:?}"),
    });
    let rates: Vec<f64> = rates.collect();
    let all: usize = log.parts.0.iter().map(|part| part.log.conversations.count()).sum();
    for (rate, part) in rates.iter().zip(&log.parts.0) {
        let share = part.log.conversations.count() as f64 / all as f64;
        assert!((rate - share).abs() < 0.0005, "{}: {rate} {share}", part.name);
    }
    for (real, ours) in log.parts.0.iter().zip(&comparison.sample.parts.0) {
        let [real, ours] = [real, ours].map(|part| part.log.conversations.count() as f64);
        assert!((ours - real).abs() < 5.0 * real.sqrt(), "five standard deviations: {real} {ours}");
    }
}

#[test]
fn ticks_of_the_whole_log_are_spread_in_each_part() {
    let rows = (0..3000).map(|nth| {
        let tenant = if nth % 3 == 0 { "a" } else { "b" };
        (f64::from(nth / 10 * 5), 100, 10, tenant.into(), String::new())
    });
    let log = text_of(file(&plain(rows.collect())).path(), 1);
    assert_eq!(log.tick_secs, Some(5.0));
    for part in &log.parts.0 {
        let seconds = &part.log.all.seconds;
        assert_eq!(seconds.iter().map(|count| u64::from(*count)).sum::<u64>(), part.log.all.rows);
        assert_eq!(seconds.len(), log.all.seconds.len());
        let between = seconds.iter().enumerate().filter(|(second, _)| second % 5 != 0);
        assert!(between.map(|(_, count)| *count).sum::<u32>() > 500, "all would be at whole steps");
    }
}

fn tollgate(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate")).args(args).output().expect("it runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_log_too_long_for_so_many_parts_says_how_many_it_has_room_for() {
    let last = 360.0 * 86_400.0;
    let tenants = ["a", "b", "c", "d"].map(|tenant| (0.0, 5, 5, tenant.to_string(), String::new()));
    let rows = tenants.into_iter().chain([(last, 5, 5, "a".into(), String::new())]);
    let file = file(&plain(rows.collect()));
    let traces = traces(file.path());
    let mut log = Log::read(&traces).unwrap_or_else(|error| panic!("{error}"));
    let said = log.part(&traces, 3).expect_err("three and the others are too many").to_string();
    assert!(said.contains("a log of 360 days has room for 2 tenants apart, not 3"), "{said}");
    log.part(&traces, 2).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_log_that_tells_no_tenants_or_few_of_them_says_so() {
    let none = file("time_s,input_tokens,output_tokens\n0,5,5\n1,6,6\n");
    let (code, said) = tollgate(&["fit", "--tenants", "2", &none.path().display().to_string()]);
    assert!(code == Some(2) && said.contains("--column tenant=COLUMN"), "{said}");
    let two = file("time_s,input_tokens,output_tokens,tenant\n0,5,5,a\n1,6,6,b\n");
    let (code, said) = tollgate(&["fit", "--tenants", "3", &two.path().display().to_string()]);
    assert!(code == Some(0) && said.contains("tells only 2 tenants apart"), "{said}");
    let (code, _) = tollgate(&["fit", "--tenants", "0", &two.path().display().to_string()]);
    assert_eq!(code, Some(2));
}

#[test]
fn without_the_option_the_report_and_the_scenario_say_what_it_would_do() {
    let rows = (0..400_u32).map(|nth| {
        let tenant = if nth % 4 == 0 { "a" } else { "b" };
        (f64::from(nth), 100, 10, tenant.into(), String::new())
    });
    let file = file(&plain(rows.collect()));
    let log = Log::read(&traces(file.path())).unwrap_or_else(|error| panic!("{error}"));
    let fit = Fit::of(&log).expect("some request was answered");
    let text = fit.scenario(&log, "a test");
    let scenario = Scenario::parse(&text, Path::new("a.toml")).unwrap_or_else(|error| panic!("{error}"));
    assert!(
        text.contains("`--tenants 5` makes classes of the\n# five largest") && scenario.arrivals.is_some()
    );
    let comparison = Comparison::of(&log, &scenario, 1).expect("it is in order of time");
    assert!(markdown(&fit, &log, &comparison, "a test", &[]).contains("`--tenants 5`"));
}
