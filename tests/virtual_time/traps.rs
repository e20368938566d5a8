//! Each trap of real logs has its test: small texts as their publishers write them.

use std::path::PathBuf;

use serde_json::Value;
use tollgate::traces::figures::Figures;
use tollgate::traces::layout::Mapping;
use tollgate::traces::servegen::{Client, Family};
use tollgate::traces::{Record, Records, Trace};

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn all(mut records: Box<dyn Records>) -> Vec<Record> {
    let (mut all, mut record) = (Vec::new(), Record::default());
    while records.read(&mut record).unwrap_or_else(|error| panic!("{error}")) {
        all.push(record.clone());
    }
    all
}

/// The layout and the records of a log in order of time.
fn read(text: &str) -> (String, Vec<Record>) {
    let folder = folder(&[("log", text)]);
    let trace = Trace::find(&folder.path().join("log"), &Mapping::default());
    let trace = trace.unwrap_or_else(|error| panic!("{error}"));
    (trace.layout().name.clone(), all(trace.sorted().unwrap()))
}

fn figures(path: PathBuf) -> Figures {
    Figures::read(&path, &Mapping::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn figures_of(text: &str) -> Figures {
    let folder = folder(&[("log", text)]);
    figures(folder.path().join("log"))
}

fn error_of(text: &str) -> String {
    let folder = folder(&[("log", text)]);
    let found = Figures::read(&folder.path().join("log"), &Mapping::default());
    found.expect_err("the log is wrong").to_string()
}

const CONVERSATION: &str = r#"{
  "id": "trace_1", "block_size": 64, "hash_id_scope": "local", "requests": [
    {"t": 0.0, "type": "s", "model": "big", "in": 130, "out": 5, "hash_ids": [1, 2], "think_time": 0.0, "ttft": 2.5},
    {"t": 30.5, "type": "subagent", "agent_id": "a", "duration_ms": 12000, "requests": [
      {"t": 0.0, "type": "n", "model": "small", "in": 70, "out": 1, "hash_ids": [9], "api_time": 2.0, "think_time": 0.0},
      {"t": 7.0, "type": "n", "model": "small", "in": 70, "out": 1, "hash_ids": [9], "api_time": 3.0, "think_time": 5.0}]},
    {"t": 33.0, "type": "n", "model": "big", "in": 200, "out": 6, "hash_ids": [1, 2, 3], "api_time": 1.5, "think_time": 32.5}
  ]}"#;

#[test]
fn azures_lines_end_in_crlf_but_the_last_and_count_in_100_ns() {
    let (layout, records) = read(
        "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\r\n2023-11-16 18:15:50.9951690,396,109",
    );
    assert_eq!((&*layout, records.len(), records[1].output_tokens), ("azure", 2, 109));
    assert_eq!(records[1].at.unwrap() - records[0].at.unwrap(), 4_314_579_000);
}

#[test]
fn azures_whole_seconds_have_no_fraction() {
    let (_, records) = read(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-10 00:00:00.009930+00:00,1,2\n2024-05-10 00:00:01+00:00,3,4\n",
    );
    assert_eq!(records[1].at.unwrap() - records[0].at.unwrap(), 990_070_000);
}

#[test]
fn burstgpts_failures_are_told_and_its_clock_need_not_begin_at_zero() {
    let text = "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n\
                19440110.0,ab,43,GPT-4,906,446,1352,Conversation log\n19440161.0,,2,ChatGPT,0,0,0,API log\n";
    let found = figures_of(text);
    assert_eq!((&found.values["failed"], &found.values["span_s"]), (&1.into(), &51.0.into()));
    assert!(found.warnings[0].contains("1 of 2 requests failed"), "{:?}", found.warnings);
}

#[test]
fn mooncakes_clock_ticks_and_bursts_of_it_are_told_as_such() {
    let line = |at: u64| {
        format!(
            "{{\"timestamp\": {at}, \"input_length\": 600, \"output_length\": 5, \"hash_ids\": [0, {at}]}}\n"
        )
    };
    let text: String = (0..40).map(|nth| line(nth / 4 * 3000 - nth / 20)).collect();
    let found = figures_of(&text);
    assert!(found.warnings[0].contains("ticks every 3.000 s"), "{:?}", found.warnings);
    assert_eq!(
        found.values["ideal_prefix_hit_token_fraction"],
        Value::from((30.0 * 600.0 + 9.0 * 512.0) / 24_000.0)
    );
}

#[test]
fn block_ids_may_be_spaced_escaped_or_too_long_for_the_fast_reader() {
    let (_, records) = read(
        "{\"timestamp\": 0, \"input_length\": 1, \"output_length\": 1, \"hash_ids\": [ 1 ,18446744073709551615 ]}\n\
         {\"hash_ids\":[3,4],\"note\": \"\\\"hash_ids\\\": [5]\", \"timestamp\": 1, \"input_length\": 1, \"output_length\": 1}\n\
         {\"note\": \"\\\"hash_ids\\\": [5]\", \"hash_ids\":[6], \"timestamp\": 2, \"input_length\": 1, \"output_length\": 1}\n",
    );
    let blocks: Vec<_> = records.iter().map(|record| record.blocks.clone()).collect();
    assert_eq!(blocks, [vec![1, u64::MAX], vec![3, 4], vec![6]]);
}

#[test]
fn an_agents_clock_begins_with_the_agent_which_stands_where_it_ended() {
    let (layout, records) = read(CONVERSATION);
    assert_eq!(layout, "kv-cache-tester");
    let secs =
        |records: &[Record]| records.iter().map(|record| record.at.unwrap() as f64 / 1e9).collect::<Vec<_>>();
    assert_eq!(secs(&records), [0.0, 18.5, 25.5, 33.0], "it took 12 s");
    let untold = CONVERSATION.replace(" \"duration_ms\": 12000,", "");
    assert_eq!(secs(&read(&untold).1), [0.0, 20.5, 27.5, 33.0], "its requests take 10 s");
    let sessions: Vec<_> = records.iter().map(|record| (record.session, record.parent)).collect();
    let (main, agent) = (sessions[0].0, sessions[1].0);
    assert_eq!(sessions, [(main, None), (agent, main), (agent, main), (main, None)]);
    assert_ne!(main, agent);
    // An agent's first request comes after the answer that starts it, which was there no later than 18.5 s; the
    // conversation's next one 4 s after the last agent's end at 28.5 s.
    let thought: Vec<_> =
        records.iter().map(|record| record.thought.map(|nanos| nanos / 100_000_000)).collect();
    assert_eq!(thought, [None, Some(185), Some(50), Some(40)]);
}

#[test]
fn conversations_on_clocks_of_their_own_are_said_to_begin_at_once() {
    let both = folder(&[("1.json", CONVERSATION), ("2.json", CONVERSATION)]);
    let warnings = figures(both.path().into()).warnings;
    assert!(
        warnings[0].starts_with("each of its 2 files is a conversation on a clock of its own"),
        "{warnings:?}"
    );
    assert!(!figures_of(CONVERSATION).warnings.concat().contains("clock"));
}

#[test]
fn a_time_to_the_first_token_is_no_time_to_the_answer() {
    let (_, records) = read(CONVERSATION);
    assert_eq!((records[0].took, records[3].took), (None, Some(1_500_000_000)));
}

#[test]
fn figures_of_a_conversation_are_without_its_agents() {
    let values = figures_of(CONVERSATION).values;
    let of = |name: &str| values[name].as_f64().unwrap();
    assert_eq!((of("requests_top_level"), of("subagents"), of("subagent_requests")), (2.0, 1.0, 2.0));
    assert_eq!((of("sum_in"), of("sum_out"), of("last_t"), of("block_tokens")), (330.0, 11.0, 33.0, 64.0));
    assert_eq!((of("rows"), of("sum_input_tokens")), (4.0, 470.0));
}

#[test]
fn block_ids_that_mean_something_in_one_file_only_are_not_shared_between_files() {
    let other = CONVERSATION.replace("trace_1", "trace_2");
    let both = folder(&[("1.json", CONVERSATION), ("2.json", &other)]);
    let values = figures(both.path().into()).values;
    assert_eq!((&values["rows"], &values["distinct_hash_ids"]), (&8.into(), &8.into()));
    let global = |text: &str| text.replace("local", "global");
    let both = folder(&[("1.json", &global(CONVERSATION)), ("2.json", &global(&other))]);
    assert_eq!(figures(both.path().into()).values["distinct_hash_ids"], 4);
}

#[test]
fn a_folder_of_several_layouts_is_refused_by_the_file_that_differs() {
    let mixed = folder(&[("1.json", CONVERSATION), ("2.csv", "time_s,input_tokens,output_tokens\n0,1,2\n")]);
    let error = Trace::find(mixed.path(), &Mapping::default()).unwrap_err().to_string();
    assert!(error.contains("2.csv:1: its layout is plain") && error.contains("kv-cache-tester"), "{error}");
}

#[test]
fn tracelabs_calls_are_sent_with_the_last_of_their_input() {
    let line = |cached: &str, events: &str| {
        format!(
            "{{\"session_id\": \"s\", \"model\": \"m\", \"input_tokens_total\": 100, \"prefix_tokens\": 60, \
             \"claude_cache_read_input_tokens\": {cached}, \"output_tokens\": 9, \"reasoning_output_tokens\": null, \
             \"timing_events\": [{events}], \"tools\": [{{}}]}}\n"
        )
    };
    let event = |kind: &str, at: &str| {
        format!("{{\"event_type\": \"{kind}\", \"timestamp\": \"2026-06-01T05:40:{at}Z\"}}")
    };
    let first = [event("user_message", "20.151"), event("tool_call", "30.151")].join(",");
    let second =
        [event("tool_result", "31.0"), event("tool_result", "40.651"), event("text", "41.651")].join(",");
    let text = line("60", &first) + &line("null", &second);
    let (layout, records) = read(&text);
    assert_eq!((&*layout, records[0].took, records[0].thought), ("tracelab", Some(10_000_000_000), None));
    assert_eq!((records[1].thought, records[1].took), (Some(10_500_000_000), Some(1_000_000_000)));
    assert_eq!(records[1].cached_tokens, Some(60));
    let values = figures_of(&text).values;
    assert_eq!((&values["sum_cache_read"], &values["tools"]), (&60.into(), &2.into()));
}

#[test]
fn agents_lines_are_out_of_order_in_microseconds_and_may_have_empty_answers() {
    let text = "{\"timestamp\": 1760428438776726, \"input\": \"abcde\", \"output\": \"\", \"session_id\": \"s\"}\n\
                {\"timestamp\": 1760428436442742, \"input\": \"a\\nb\", \"output\": \"12345678\", \"session_id\": \"s\"}\n";
    let (layout, records) = read(text);
    assert_eq!((&*layout, records[1].at.unwrap() - records[0].at.unwrap()), ("lmcache-agent", 2_333_984_000));
    let lengths: Vec<_> = records.iter().map(|record| (record.input_tokens, record.output_tokens)).collect();
    assert_eq!(lengths, [(1, 2), (2, 0)]);
    let values = figures_of(text).values;
    assert_eq!((&values["in_file_order"], &values["failed"]), (&false.into(), &0.into()));
}

#[test]
fn servegens_clients_have_no_names_of_columns_and_windows_without_family() {
    let windows = "0,1.5,0.98,Gamma,1.03,0.82\n600,0,0,,0,0\n1200,0.5,1.2,Weibull,0.8,1.8\n";
    let lengths = "{\"0\": {\"input_tokens\": \"{1100: 0.25, 40: 0.75}\", \"output_tokens\": \"{7: 1.0}\"}, \
                   \"21600\": {\"input_tokens\": \"{}\", \"output_tokens\": \"{}\"}}";
    let files = folder(&[("chunk-7-trace.csv", windows), ("chunk-7-dataset.json", lengths)]);
    let client = Client::read(&files.path().join("chunk-7-trace.csv")).unwrap();
    assert_eq!((&*client.name, client.windows[1].family), ("chunk-7", None));
    assert_eq!((client.windows[2].family, client.windows[2].shape), (Some(Family::Weibull), 0.8));
    assert_eq!(client.lengths_at(30_000.0).unwrap()["input_tokens"], [(40, 0.75), (1100, 0.25)]);
    let found = figures(files.path().into());
    let of = |name: &str| found.values[name].as_f64().unwrap();
    assert_eq!((of("windows"), of("active_windows"), of("window_s")), (3.0, 2.0, 600.0));
    assert_eq!((of("expected_requests"), of("peak_rate_rps")), (1200.0, 1.5));
    assert!(found.warnings[0].contains("1 of 3 windows have no requests"), "{:?}", found.warnings);
    let error = Trace::find(&files.path().join("chunk-7-trace.csv"), &Mapping::default()).unwrap_err();
    assert!(error.to_string().contains("rates and no requests"), "{error}");
    let error = Trace::find(files.path(), &Mapping::default()).unwrap_err().to_string();
    assert!(error.contains("chunk-7-trace.csv:1: ServeGen's clients are rates and no requests"), "{error}");
}

#[test]
fn a_hole_in_a_recording_is_told_with_its_place() {
    let rows: String =
        (0..400).map(|nth| format!("{},1,2\n", if nth < 200 { nth } else { nth + 600 })).collect();
    let found = figures_of(&format!("time_s,input_tokens,output_tokens\n{rows}"));
    assert_eq!((&found.values["holes"], &found.values["holes_s"]), (&1.into(), &601.0.into()));
    assert!(found.warnings[0].contains("the longest 601 s at 199 s"), "{:?}", found.warnings);
}

#[test]
fn what_is_wrong_in_a_document_is_named_with_its_place() {
    for (text, message) in [
        (CONVERSATION.replace("33.0", "-33.0"), "t = -33 of the request at t = -33 is no number of seconds"),
        (CONVERSATION.replace("\"in\": 200", "\"in\": -2"), ":7: invalid value: integer `-2`"),
        ("[{\"conversations\": []}]".into(), ":1: it is one JSON list"),
        ("{\"messages\": []}".into(), "holds the texts of conversations, name it in a class's session = { kind = \"scripted\""),
        ("{\"id\": 1,".into(), ":1: EOF while parsing"),
        ("0,1,1,Gamma,1,1\n0,1,1,Gamma,1,1\n".into(), ":2: the window does not begin after the one before it"),
        ("0,1,1,Gamma,1,1\n600,1,1,Pareto,1,1\n".into(), ":2: 'Pareto' is no family of gaps; there are: Gamma, Weibull"),
        ("0,1,1,Gamma,1,1\n600,-1,1,Gamma,1,1\n".into(), ":2: '-1' in column 2 is not a rate"),
        (
            "{\"timestamp\": 1, \"input\": \"a\", \"output\": \"b\", \"session_id\": \"s\"}\n{\"timestamp\": 1}\n".into(),
            ":2: missing field",
        ),
    ] {
        let error = error_of(&text);
        assert!(error.contains(message), "{error}");
    }
}
