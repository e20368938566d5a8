//! Real traces read and replayed agree with independently computed statistics.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tollgate::client::arrivals::{AnyArrivals, Arrival};
use tollgate::client::sessions::{AnySession, Conversation, Dialogue};
use tollgate::rng::Rng;
use tollgate::scenario::Scenario;
use tollgate::simulate::{Flow, simulate};

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

fn expected(folder: &Path, file: &str) -> Value {
    let text =
        std::fs::read_to_string(folder.join("expected_stats.json")).expect("the statistics are readable");
    let all: Value = serde_json::from_str(&text).expect("the statistics are JSON");
    all[file].clone()
}

/// A scenario that replays `file` against an endpoint without limits.
fn replay(folder: &Path, file: &str, settings: &str) -> Scenario {
    let text = format!(
        "duration = \"1h\"\n[arrivals]\nkind = \"trace\"\nfile = \"{file}\"\n{settings}\n[[classes]]\nname = \"code\"\n\
         [[endpoints]]\nname = \"e\"\nprovider = \"openai\"\nmodel = \"m\"\n\
         latency = {{ kind = \"fixed\", ttft = \"1s\" }}\nprice = {{ input = \"1\", output = \"1\" }}\n"
    );
    let mut scenario =
        Scenario::parse(&text, Path::new("replay.toml")).unwrap_or_else(|error| panic!("{error}"));
    scenario
        .arrivals
        .as_mut()
        .expect("it has a trace")
        .load(folder)
        .unwrap_or_else(|error| panic!("{error}"));
    scenario
}

fn arrivals(arrivals: Option<AnyArrivals>) -> Vec<Arrival> {
    let mut arrivals = arrivals.expect("it has a trace");
    let rng = Rng::new(1);
    std::iter::from_fn(move || arrivals.next(&rng)).collect()
}

/// The most arrivals in any bin of `secs`, counted from the first.
fn peak(arrivals: &[Arrival], secs: u64) -> u64 {
    let mut bins = std::collections::BTreeMap::<u64, u64>::new();
    for arrival in arrivals {
        *bins.entry(arrival.at.as_nanos() / (secs * 1_000_000_000)).or_default() += 1;
    }
    bins.into_values().max().unwrap_or(0)
}

#[test]
fn every_layout_of_the_azure_hour_reads_to_its_published_statistics() {
    let Some(folder) = traces() else { return };
    for file in [
        "azure_llm_2023/AzureLLMInferenceTrace_code.csv",
        "azure_llm_2023/AzureLLMInferenceTrace_conv.until_1856.csv",
        "azure_llm_2023/vidur_splitwise_code.csv",
    ] {
        let stats = expected(&folder, file);
        let arrivals = arrivals(replay(&folder, file, "").arrivals);
        let lengths =
            |of: fn(&Arrival) -> u32| arrivals.iter().map(|arrival| u64::from(of(arrival))).sum::<u64>();
        assert_eq!(Some(arrivals.len() as u64), stats["rows"].as_u64(), "{file}: rows");
        assert_eq!(
            Some(lengths(|arrival| arrival.lengths.map_or(0, |lengths| lengths.input))),
            stats["sum_input_tokens"].as_u64(),
            "{file}: prompt tokens"
        );
        assert_eq!(
            Some(lengths(|arrival| arrival.lengths.map_or(0, |lengths| lengths.output))),
            stats["sum_output_tokens"].as_u64(),
            "{file}: answer tokens"
        );
        assert_eq!(
            Some(peak(&arrivals, 1)),
            stats["peak_requests_in_1s_bin"].as_u64(),
            "{file}: busiest second"
        );
        assert_eq!(
            Some(peak(&arrivals, 60)),
            stats["peak_requests_in_60s_bin"].as_u64(),
            "{file}: busiest minute"
        );
        let span = arrivals.last().expect("there are rows").at.as_secs_f64();
        let published = stats["first_to_last_s"].as_f64().expect("the span is a number");
        assert!((span - published).abs() < 1e-6, "{file}: {span} s and not {published} s");
    }
}

#[test]
fn the_code_hour_plays_in_full_and_every_token_is_billed() {
    let Some(folder) = traces() else { return };
    let file = "azure_llm_2023/AzureLLMInferenceTrace_code.csv";
    let stats = expected(&folder, file);
    let (mut requests, mut input, mut output) = (0u64, 0u64, 0u64);
    let played = simulate(&replay(&folder, file, ""), |outcome| {
        let usage = outcome.answer().expect("nothing is refused").usage;
        (requests, input, output) = (requests + 1, input + usage.prompt(), output + usage.generated());
        Flow::Continue
    });
    assert_eq!(played.map(|played| played.requests).ok(), stats["rows"].as_u64());
    assert_eq!(Some(requests), stats["rows"].as_u64());
    assert_eq!(Some(input), stats["sum_input_tokens"].as_u64());
    assert_eq!(Some(output), stats["sum_output_tokens"].as_u64());
}

#[test]
fn a_slice_played_faster_keeps_its_rows_and_shrinks_its_time() {
    let Some(folder) = traces() else { return };
    let file = "azure_llm_2023/AzureLLMInferenceTrace_code.csv";
    let slice = "from = \"10m\"\nuntil = \"20m\"";
    let as_recorded = arrivals(replay(&folder, file, slice).arrivals);
    let fast = arrivals(replay(&folder, file, &format!("{slice}\nspeed = 60")).arrivals);
    assert_eq!(fast.len(), as_recorded.len());
    let pairs = as_recorded.iter().zip(&fast);
    for (slow, fast) in pairs {
        assert_eq!(slow.lengths, fast.lengths);
        assert!(slow.at.as_nanos().abs_diff(fast.at.as_nanos() * 60) <= 60, "{slow:?} and {fast:?}");
    }
}

/// A cache that forgets nothing reads of each prompt its longest beginning that came before.
#[test]
fn the_beginnings_of_the_mooncake_chat_share_what_its_blocks_share() {
    let Some(folder) = traces() else { return };
    let file = "mooncake_fast25/conversation_trace.first40min.jsonl";
    let stats = expected(&folder, file);
    let mut cache = std::collections::BTreeMap::<u64, u32>::new();
    let (mut read, mut all, mut longest) = (0u64, 0u64, 0);
    for arrival in arrivals(replay(&folder, file, "").arrivals) {
        let input = arrival.lengths.map_or(0, |lengths| lengths.input);
        let known = |prefix: &tollgate::wire::Prefix| {
            cache.get(&prefix.id).map_or(0, |tokens| prefix.tokens.min(*tokens))
        };
        read += u64::from(arrival.beginnings.iter().map(known).max().unwrap_or(0));
        all += u64::from(input);
        longest = longest.max(arrival.beginnings.len());
        for prefix in arrival.beginnings {
            let tokens = cache.entry(prefix.id).or_default();
            *tokens = prefix.tokens.max(*tokens);
        }
    }
    let share = stats["ideal_prefix_hit_token_fraction"].as_f64().expect("the share is a number");
    assert!((read as f64 / all as f64 - share).abs() < 1e-6, "{} and not {share}", read as f64 / all as f64);
    println!("at most {longest} beginnings of a prompt");
}

/// All conversations of the coding assistants, each played once with a cache that forgets nothing.
fn assistants(folder: &Path) -> Scenario {
    let text = "duration = '100h'\narrivals = { kind = 'closed', users = 76, think = '1000h' }\n[[classes]]\n\
                name = 'assistant'\ntimeout = '1h'\nsession = { kind = 'recorded', file = 'kv_cache_tester' }\n\
                [[endpoints]]\nname = 'e'\nprovider = 'openai'\nmodel = 'm'\nlatency = { kind = 'fixed', ttft = '1s' }\n\
                price = { input = '1', cache_read = '0.1', output = '1' }\n\
                cache = { min_tokens = 1, step = 1, ttl = '200h' }\n";
    let mut scenario = Scenario::parse(text, Path::new("x.toml")).unwrap_or_else(|error| panic!("{error}"));
    let session = scenario.classes[0].session.as_mut().expect("it has conversations");
    session.load(folder).unwrap_or_else(|error| panic!("{error}"));
    scenario
}

/// What all 76 files come to, by their published figures.
fn published(folder: &Path, figure: &str) -> u64 {
    let files = std::fs::read_dir(folder.join("kv_cache_tester")).expect("the conversations are there");
    let names = files.map(|file| file.expect("the folder is readable").file_name());
    let names = names.map(|name| format!("kv_cache_tester/{}", name.to_string_lossy()));
    names.map(|name| expected(folder, &name)[figure].as_u64().expect("the figure is a count")).sum()
}

#[test]
fn recorded_conversations_have_the_published_turns_tokens_and_sub_agents() {
    let Some(folder) = traces() else { return };
    let scenario = assistants(&folder);
    let Some(AnySession::Recorded(recorded)) = &scenario.classes[0].session else { unreachable!() };
    let conversations: Vec<&Conversation> = recorded.conversations().iter().map(|held| &**held).collect();
    assert_eq!(conversations.len(), 76);
    let mains = || conversations.iter().map(|held| &held.main);
    let agents = || conversations.iter().flat_map(|held| &held.agents);
    let sum = |of: fn(&Dialogue) -> u64| mains().map(of).sum::<u64>();
    assert_eq!(sum(|main| main.turns.len() as u64), published(&folder, "requests_top_level"));
    assert_eq!(
        sum(|main| main.turns.iter().map(|turn| u64::from(turn.input_tokens)).sum()),
        published(&folder, "sum_in")
    );
    assert_eq!(
        sum(|main| main.turns.iter().map(|turn| u64::from(turn.answer_tokens)).sum()),
        published(&folder, "sum_out")
    );
    assert_eq!(agents().count() as u64, published(&folder, "subagents"));
    let requests: usize = agents().map(|agent| agent.dialogue.turns.len()).sum();
    assert_eq!((requests as u64, requests), (published(&folder, "subagent_requests"), 209));
    // Each was started by an answer between 0.2 and 1.1 s before, and none by the conversation's last one.
    let mut starts = agents().map(|agent| agent.dialogue.turns[0].think.as_secs_f64());
    assert!(starts.all(|secs| secs > 0.2 && secs < 1.1));
    let pauses = conversations.iter().flat_map(|held| {
        held.agents.iter().map(|agent| held.main.turns[agent.after as usize + 1].think.as_secs_f64())
    });
    let pauses: Vec<f64> = pauses.collect();
    assert!(pauses.iter().all(|secs| (3.0..54.0).contains(secs)), "{pauses:?}");
    let is_compacted = |pair: &[tollgate::client::sessions::Exchange]| {
        pair[0].input_tokens.saturating_sub(pair[1].input_tokens) > 25_000
    };
    let compactions: usize =
        mains().map(|main| main.turns.windows(2).filter(|pair| is_compacted(pair)).count()).sum();
    assert_eq!(compactions, 21, "as counted in the files themselves");
}

#[test]
fn a_cache_that_forgets_nothing_serves_of_recorded_conversations_what_their_blocks_share() {
    let Some(folder) = traces() else { return };
    let (mut requests, mut input, mut read, mut output) = (0u64, 0u64, 0u64, 0u64);
    let played = simulate(&assistants(&folder), |outcome| {
        let usage = outcome.answer().expect("nothing is refused").usage;
        (requests, output) = (requests + 1, output + usage.generated());
        (input, read) = (input + usage.prompt(), read + u64::from(usage.cache_read));
        Flow::Continue
    });
    played.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(requests, published(&folder, "requests_top_level") + published(&folder, "subagent_requests"));
    assert_eq!((input, output), (422_785_699, 1_787_670));
    // Of leading blocks seen before in the same conversation or agent: 95.126 % of all prompt tokens.
    let share = read as f64 / input as f64;
    assert!((share - 0.951_262).abs() < 1e-4, "{share}");
}

#[test]
fn conversations_on_clocks_of_their_own_are_not_replayed_as_one_log() {
    let Some(folder) = traces() else { return };
    let text = "duration = '1h'\narrivals = { kind = 'trace', file = 'kv_cache_tester' }\n[[classes]]\nname = 'c'\n\
                [[endpoints]]\nname = 'e'\nprovider = 'openai'\nmodel = 'm'\n\
                latency = { kind = 'fixed', ttft = '1s' }\nprice = { input = '1', output = '1' }\n";
    let mut scenario = Scenario::parse(text, Path::new("x.toml")).unwrap_or_else(|error| panic!("{error}"));
    let error = scenario.arrivals.as_mut().expect("it has a trace").load(&folder).unwrap_err().to_string();
    assert!(
        error.contains("kv_cache_tester cannot be replayed: each of its 76 files is a conversation"),
        "{error}"
    );
    assert!(error.contains("session = { kind = \"recorded\", file = … }"), "{error}");
    assert!(!arrivals(replay(&folder, "kv_cache_tester/trace_0052.json", "").arrivals).is_empty());
}
