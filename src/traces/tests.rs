//! Every layout reads to the records that stand in it.

use super::*;

fn write(text: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn read(text: &str) -> Result<(String, Vec<Record>)> {
    read_as(text, "")
}

fn read_as(text: &str, mapping: &str) -> Result<(String, Vec<Record>)> {
    let (_folder, path) = write(text.as_bytes());
    let trace = Trace::find(&path, &toml::from_str(mapping).unwrap())?;
    let (mut records, mut all, mut record) = (trace.records()?, Vec::new(), Record::default());
    while records.read(&mut record)? {
        all.push(record.clone());
    }
    Ok((trace.layout().name.clone(), all))
}

/// Its layout, and of each record the time in milliseconds from the first, prompt and answer.
fn brief(text: &str) -> (String, Vec<(i64, u32, u32)>) {
    let (layout, records) = read(text).unwrap_or_else(|error| panic!("{error}"));
    let first = records[0].at.unwrap_or_default();
    let brief = |record: &Record| {
        ((record.at.unwrap_or_default() - first) / 1_000_000, record.input_tokens, record.output_tokens)
    };
    (layout, records.iter().map(brief).collect())
}

#[test]
fn columns_are_found_by_name_and_not_by_position() {
    let text = "\u{feff}TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\r\n\
                2024-10-15T12:00:00.269Z,1,949,126\r\n2024-10-15T12:00:05.819Z,0,770,491";
    assert_eq!(brief(text), ("azure".into(), vec![(0, 949, 126), (5_550, 770, 491)]));
    assert_eq!(read(text).unwrap().1[0].images, 1);
}

#[test]
fn both_burstgpt_layouts_tell_failures_sessions_and_times() {
    let one = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n\
               5,ChatGPT,472,18,490,Conversation log\n45,ChatGPT,1087,0,1087,API log\n118,GPT-4,417,276,693,API log\n";
    assert_eq!(brief(one), ("burstgpt".into(), vec![(0, 472, 18), (40_000, 1087, 0), (113_000, 417, 276)]));
    let (_, records) = read(one).unwrap();
    assert!(records.iter().map(|record| record.is_failed).eq([false, true, false]));
    assert!(records[0].tenant == records[1].tenant && records[1].tenant != records[2].tenant);
    let three = "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n\
                 19440110.0,1722ac82,43,GPT-4,906,446,1352,Conversation log\n19440161.5,,2,ChatGPT,36,29,65,API log\n";
    assert_eq!(brief(three), ("burstgpt".into(), vec![(0, 906, 446), (51_500, 36, 29)]));
    let (_, records) = read(three).unwrap();
    assert_eq!((records[0].took, records[1].session), (Some(43_000_000_000), None));
    assert!(records[0].session.is_some() && records[0].at == Some(19_440_110_000_000_000));
}

#[test]
fn mooncake_counts_milliseconds_and_bailian_seconds() {
    let mooncake = "{\"timestamp\": 3000, \"input_length\": 6758, \"output_length\": 500, \"hash_ids\": [0, 1, 2]}\n\n\
                    {\"output_length\": 490, \"hash_ids\": [], \"timestamp\": 6000, \"input_length\": 7322}";
    assert_eq!(brief(mooncake), ("mooncake".into(), vec![(0, 6758, 500), (3000, 7322, 490)]));
    let (_, records) = read(mooncake).unwrap();
    assert_eq!((&records[0].blocks[..], records[0].block_tokens), (&[0, 1, 2][..], 512));
    assert!(records[1].blocks.is_empty());
    let bailian = "{\"chat_id\": 159, \"parent_chat_id\": -1, \"timestamp\": 61.114, \"input_length\": 521, \
                   \"output_length\": 132, \"type\": \"text\", \"turn\": 1, \"hash_ids\": [13, 18446744073709551615]}";
    assert_eq!(brief(bailian), ("qwen-bailian".into(), vec![(0, 521, 132)]));
    let record = &read(bailian).unwrap().1[0];
    assert_eq!((record.at, record.block_tokens, record.blocks[1]), (Some(61_114_000_000), 16, u64::MAX));
}

#[test]
fn requests_that_name_the_one_they_go_on_from_are_of_one_conversation() {
    let line = |own: i32, parent: i32| {
        format!(
            "{{\"chat_id\": {own}, \"parent_chat_id\": {parent}, \"timestamp\": {own}, \"input_length\": 5, \
             \"output_length\": 1, \"type\": \"text\"}}\n"
        )
    };
    let text: String =
        [(1, -1), (2, -1), (3, 1), (4, 3), (5, 2), (7, 6)].map(|(own, parent)| line(own, parent)).concat();
    let sessions: Vec<_> = read(&text).unwrap().1.iter().map(|record| record.session).collect();
    assert_eq!(sessions, [1, 2, 1, 1, 2, 6].map(Some), "6 was before the log");
}

#[test]
fn gateways_logs_are_read_whether_keys_are_nested_or_have_dots_in_them() {
    let spend = "{\"request_id\": \"a\", \"startTime\": \"2026-11-01T10:00:00.500Z\", \"endTime\": \"2026-11-01T10:00:02Z\", \
                 \"prompt_tokens\": 12, \"completion_tokens\": 7, \"user\": \"\", \"team_id\": \"red\", \"status\": \"failure\", \
                 \"metadata\": {\"usage_object\": {\"prompt_tokens_details\": {\"cached_tokens\": 8}}}, \"tags\": [1, {}]}";
    let (layout, records) = read(spend).unwrap();
    assert_eq!(layout, "litellm-spend-log");
    let record = &records[0];
    assert_eq!((record.took, record.cached_tokens, record.is_failed), (Some(1_500_000_000), Some(8), true));
    assert!(record.tenant.is_some());
    let dotted = "{\"name\": \"chat\", \"start_time\": 1760428436442742000, \"end_time\": 1760428437442742000, \
                  \"attributes\": {\"gen_ai.usage.input_tokens\": 5, \"gen_ai.usage.output_tokens\": 6}}";
    let nested = "{\"startTimeUnixNano\": \"1760428436442742000\", \"attributes\": {\"gen_ai\": {\"usage\": \
                  {\"input_tokens\": 5, \"output_tokens\": 6}}, \"error.type\": \"timeout\"}}";
    let (dotted, nested) = (read(dotted).unwrap(), read(nested).unwrap());
    assert_eq!(
        (&*dotted.0, dotted.1[0].input_tokens, dotted.1[0].took),
        ("otel-genai", 5, Some(1_000_000_000))
    );
    assert_eq!((dotted.1[0].at, nested.1[0].output_tokens), (nested.1[0].at, 6));
    assert!(nested.1[0].is_failed && !dotted.1[0].is_failed);
}

#[test]
fn lengths_alone_have_no_times_and_vidurs_have() {
    let lengths = "num_prefill_tokens,num_decode_tokens,num_total_tokens,pd_ratio\n3772,54,3826,69.85\n";
    let (layout, records) = read(lengths).unwrap();
    assert_eq!((&*layout, records[0].at, records[0].input_tokens), ("lengths", None, 3772));
    let vidur = "arrived_at,num_prefill_tokens,num_decode_tokens\n0.0,4808,10\n0.052,3180,8\n";
    assert_eq!(brief(vidur), ("vidur".into(), vec![(0, 4808, 10), (52, 3180, 8)]));
}

#[test]
fn gzip_is_known_by_its_first_bytes() {
    use std::io::Write;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"time_s,input_tokens,output_tokens\n0.5,1,2\n").unwrap();
    let (_folder, path) = write(&packed.finish().unwrap());
    let (mut records, mut record) =
        (Trace::find(&path, &Mapping::default()).unwrap().records().unwrap(), Record::default());
    assert!(records.read(&mut record).unwrap());
    assert_eq!((record.at, record.output_tokens), (Some(500_000_000), 2));
    assert!(!records.read(&mut record).unwrap());
}

#[test]
fn a_mistake_is_named_with_its_line_and_column() {
    for (text, message) in [
        (
            "a,b\n1,2\n",
            ":1: no known layout in the columns 'a,b'; a trace has one of\n  TIMESTAMP,ContextTokens",
        ),
        ("{\"a\": {\"b\": 1}}", ":1: no known layout in the keys 'a,a.b'"),
        (
            "time_s,input_tokens,output_tokens\n0,1,2\n1.5,many,2\n",
            ":3: 'many' in input_tokens is not a token count",
        ),
        ("time_s,input_tokens,output_tokens\nnoon,1,2\n", ":2: 'noon' in time_s is not a time"),
        ("time_s,input_tokens,output_tokens\n1\n", ":2: '' in input_tokens is not a token count"),
        (
            "{\"timestamp\": 1, \"input_length\": 1, \"output_length\": 1}\n{\"timestamp\": 1, \"input_length\": -4, \"output_length\": 1}",
            ":2: -4 in input_length is not a token count",
        ),
        (
            "{\"timestamp\": 1, \"input_length\": 1, \"output_length\": 1}\n{\"timestamp\": 1}",
            ":2: there is no input_length",
        ),
        (
            "{\"timestamp\": 1, \"input_length\": 1, \"output_length\": 1}\n{\"timestamp\": 1, ",
            ":2: EOF while parsing",
        ),
        (
            "{\"timestamp\": 1, \"input_length\": 1, \"output_length\": [1]}",
            ":1: a list in output_length is not a value",
        ),
        ("", ":1: it is empty; a log has a line for each request"),
        ("[{\"timestamp\": 1}]", ":1: it is one JSON list; write a line for each object"),
        (
            "{\n\"timestamp\": 1,\n\"input_length\": 1,\n\"output_length\": 1}",
            ":1: EOF while parsing an object (column 0); JSON lines have a whole object on each line",
        ),
        (
            "time_s,input_tokens,output_tokens,input_tokens\n0,1,2,3\n",
            ":1: there are two columns 'input_tokens'; rename the one that is not meant",
        ),
        (
            "TIMESTAMP,ContextTokens,GeneratedTokens\n1969-12-31 23:59:59,1,2\n",
            ":2: '1969-12-31 23:59:59' in TIMESTAMP is not a time",
        ),
        ("\0\u{1b}[2J,b\n", ":1: no known layout in the columns '\u{fffd}\u{fffd}[2J,b'"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn any_gateways_log_is_read_where_its_columns_are_named() {
    let table = "ts,who,in,out\n1760428436442,a,10,20\n1760428437000,b,30,40\n";
    let (layout, records) =
        read_as(table, "columns = { time = 'ts', tenant = 'who', input = 'in', output = 'out' }").unwrap();
    assert_eq!(
        (&*layout, records[0].at, records[1].output_tokens),
        ("columns", Some(1_760_428_436_442_000_000), 40)
    );
    assert_ne!(records[0].tenant, records[1].tenant);
    let json = "{\"ts\": 7.25, \"usage\": {\"in\": 10, \"out\": 20}}\n{\"ts\": 9, \"usage\": {\"in\": 30, \"out\": 40}}";
    let columns = "columns = { time = 'ts', input = 'usage.in', output = 'usage.out' }";
    let (_, records) = read_as(json, &format!("{columns}\nclock = 'milliseconds'")).unwrap();
    assert_eq!((records[0].at, records[1].input_tokens), (Some(7_250_000), 30));
    let known = "TIMESTAMP,ContextTokens,GeneratedTokens,Deployment\n2024-05-10 00:00:00,1,2,blue\n";
    let (layout, records) = read_as(known, "columns = { tenant = 'Deployment' }").unwrap();
    assert_eq!((&*layout, records[0].output_tokens, records[0].tenant.is_some()), ("azure", 2, true));
}

#[test]
fn a_mapping_that_does_not_fit_is_refused_with_what_there_is() {
    let table = "ts,in,out\n1,10,20\n";
    for (mapping, message) in [
        (
            "columns = { time = 'ts', input = 'in', output = 'outt' }",
            "there is no column 'outt'; did you mean 'out'? There are: ts, in, out",
        ),
        (
            "columns = { time = 'ts', input = 'in' }",
            "`columns` does not say which column tells the generated tokens (`output`)",
        ),
        ("layout = 'azur'", "no layout of tables is called 'azur'; did you mean 'azure'?"),
    ] {
        let error = read_as(table, mapping).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn a_table_may_have_semicolons_or_tabs_between_and_spaces_around() {
    for text in [
        "time_s; input_tokens ;output_tokens\n0.5 ; 1;2\n",
        " time_s\tinput_tokens\toutput_tokens\r\n0.5\t1\t2",
    ] {
        let (layout, records) = read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((&*layout, records[0].at, records[0].output_tokens), ("plain", Some(500_000_000), 2));
    }
}

#[test]
fn what_a_message_shows_of_a_log_has_a_bound() {
    let error = |text: String| read(&text).unwrap_err().to_string();
    let unclosed = error(format!("time_s,input_tokens,output_tokens\n\"0,1,2\n{}", "3,4,5\n".repeat(10_000)));
    assert!(unclosed.contains(":2: '0,1,2\u{fffd}3,4,5") && unclosed.len() < 1000, "{unclosed}");
    let (nameless, columns) = ("x".repeat(10_000), "time_s,".repeat(10_000));
    assert!(error(nameless).len() < 1500 && error(columns).len() < 1500);
    let long = "y".repeat(10_000);
    let many = format!("{{\"timestamp\": 1, \"input_length\": \"{long}\", \"output_length\": 1}}");
    assert!(error(many).len() < 1000);
}

#[test]
fn a_row_that_never_ends_is_refused_before_it_fills_the_memory() {
    use std::io::Write;
    for begin in [
        "time_s,input_tokens,output_tokens\n\"",
        "{\"timestamp\": 1, \"input_length\": 1, \"output_length\": 1}\n{",
    ] {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(begin.as_bytes()).unwrap();
        (0..65).for_each(|_| packed.write_all(&vec![b' '; 1 << 20]).unwrap());
        let (_folder, path) = write(&packed.finish().unwrap());
        let mut records = Trace::find(&path, &Mapping::default()).unwrap().records().unwrap();
        let mut record = Record::default();
        let error = std::iter::repeat_with(|| records.read(&mut record)).find_map(Result::err).unwrap();
        assert!(error.to_string().contains(":2: a request of more than 64 MiB"), "{error}");
    }
}

#[test]
fn gzip_that_ends_too_early_says_so() {
    use std::io::Write;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"time_s,input_tokens,output_tokens\n0.5,1,2\n").unwrap();
    let packed = packed.finish().unwrap();
    for length in [2, packed.len() / 2, packed.len() - 4] {
        let (_folder, path) = write(&packed[..length]);
        let read = Trace::find(&path, &Mapping::default()).and_then(|trace| trace.is_sorted());
        let error = read.unwrap_err().to_string();
        assert!(error.contains(": its gzip is damaged or ends too early"), "{length}: {error}");
    }
}

#[test]
fn requests_that_failed_need_not_tell_their_tokens() {
    let spans = "{\"start_time\": 1760428436442742000, \"attributes\": {\"gen_ai.usage.input_tokens\": 5, \"gen_ai.usage.output_tokens\": 6}}\n\
                 {\"start_time\": 1760428436442742000, \"attributes\": {\"error.type\": \"timeout\"}}\n";
    let (_, records) = read(spans).unwrap();
    assert_eq!((records[1].is_failed, records[1].input_tokens, records[0].input_tokens), (true, 0, 5));
    let error = read(&spans.replace("error.type", "kind")).unwrap_err().to_string();
    assert!(error.contains(":2: there is no attributes.gen_ai.usage.input_tokens"), "{error}");
    let table = "startTime,prompt_tokens,completion_tokens,status\n1,5,6,success\n2,,,failure\n";
    assert!(read(table).unwrap().1[1].is_failed);
    let error = read(&table.replace("2,,,failure", "2,5,,success")).unwrap_err().to_string();
    assert!(error.contains(":3: '' in completion_tokens is not a token count"), "{error}");
}

#[test]
fn statuses_and_errors_are_read_as_logs_write_them() {
    let is_failed = |columns: &str, value: &str| {
        let mapping = format!("columns = {{ time = 't', input = 'i', output = 'o', {columns} = 'x' }}");
        let json = read_as(&format!("{{\"t\": 1, \"i\": 1, \"o\": 1, \"x\": {value}}}"), &mapping).unwrap().1;
        let cell = value.trim_matches('"');
        let table = read_as(&format!("t,i,o,x\n1,1,1,{cell}\n"), &mapping).unwrap().1;
        assert_eq!(json[0].is_failed, table[0].is_failed, "{columns} {value}");
        json[0].is_failed
    };
    for fine in ["true", "200", "200.0", "\"OK\"", "\"200\"", "\"success\"", "\"UNSET\"", "\"\"", "399"] {
        assert!(!is_failed("status", fine), "{fine}");
    }
    for bad in ["false", "400", "429.0", "\"failure\"", "\"500\""] {
        assert!(is_failed("status", bad), "{bad}");
    }
    for fine in ["false", "0", "0.0", "\"\"", "\"None\"", "\"null\"", "\"NaN\""] {
        assert!(!is_failed("error", fine), "{fine}");
    }
    for bad in ["true", "429", "-1", "\"timeout\""] {
        assert!(is_failed("error", bad), "{bad}");
    }
}

#[test]
fn of_several_names_of_who_sent_a_request_the_first_counts_in_whatever_order() {
    let tenants = |text: &str| read(text).unwrap().1.iter().map(|record| record.tenant).collect::<Vec<_>>();
    let line = |keys: &str| {
        format!("{{\"startTime\": 1, \"prompt_tokens\": 1, \"completion_tokens\": 1, {keys}}}\n")
    };
    let json = tenants(
        &(line("\"team_id\": \"red\"")
            + &line("\"user\": \"ann\", \"team_id\": \"red\"")
            + &line("\"api_key\": \"k\", \"user\": \"ann\", \"team_id\": null")),
    );
    let table = tenants(
        "api_key,user,team_id,startTime,prompt_tokens,completion_tokens\n,,red,1,1,1\n,ann,red,1,1,1\nk,ann,,1,1,1\n",
    );
    assert!(json == table && json[0] == json[1] && json[1] != json[2], "{json:?} {table:?}");
}
