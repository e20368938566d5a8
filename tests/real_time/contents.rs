//! Prompts from a file and images, in virtual time and over real sockets: both clocks ask the same and count the same.

#![cfg(feature = "net")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const SCENARIO: &str = r#"
duration = "2s"
seed = 7
router = "mirror"
arrivals = { kind = "constant", rate = 20 }

[[classes]]
name = "own"
share = 0.5
max_tokens = 100
prompts = { file = "prompts.jsonl", order = "shuffled", bust = true }
output = { kind = "fixed", tokens = 3 }

[[classes]]
name = "pictures"
share = 0.5
max_tokens = 100
input = { kind = "fixed", tokens = 50 }
images = { count = { kind = "uniform", min = 0, max = 2 }, width = 640, height = 480, bytes = 3000 }
output = { kind = "fixed", tokens = 3 }

[[endpoints]]
name = "claude"
provider = "anthropic"
model = "claude-sonnet-4-6"
price = { input = "3", output = "15" }
latency = { kind = "fixed", ttft = "5ms", itl = "1ms" }

[[endpoints]]
name = "gpt"
provider = "openai"
dialect = "openai_responses"
model = "gpt-4o"
price = { input = "2.50", output = "10" }
latency = { kind = "fixed", ttft = "5ms", itl = "1ms" }

[[endpoints]]
name = "gemini"
provider = "vertex"
model = "gemini-3.8-flash"
price = { input = "1", output = "5" }
latency = { kind = "fixed", ttft = "5ms", itl = "1ms" }

[[endpoints]]
name = "own"
provider = "bedrock"
dialect = "converse"
model = "amazon.nova-pro-v1:0"
image_tokens = 77
price = { input = "1", output = "5" }
latency = { kind = "fixed", ttft = "5ms", itl = "1ms" }
"#;

/// Twelve tokens of what busts caches come to each.
const PROMPTS: &str = r#"{"prompt": "Say \"why\"\nis {prompt} the sky blue?", "input_tokens": 100, "output_tokens": 5}
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1234567"}]}
{"conversations": [{"from": "human", "value": "1234567890123456"}, {"from": "gpt", "value": "12345678"}]}
"#;

/// Class, prompt (what no cache served), answer and cached tokens of each answer, by request and endpoint.
type Answers = BTreeMap<(u64, String), (String, u64, u64, u64)>;

/// Plays a scenario, whose report says `what`.
fn play(verb: &str, scenario: &Path, what: &str) -> Answers {
    let out = tempfile::tempdir().expect("there is room for results");
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args([verb, &scenario.to_string_lossy(), "--no-sweep", "--quiet"])
        .args((verb == "simulate").then_some("--rows"))
        .arg("--out")
        .arg(out.path())
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    // 3 is a run on a machine that was busy.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{verb}: {:?} {said}", output.status.code());
    let summary = std::fs::read_to_string(out.path().join("summary.json")).expect("there is a summary");
    assert!(summary.contains(what), "{verb}: the report says {what}");
    let mut rows = csv::Reader::from_path(out.path().join("requests.csv")).expect("there is a log");
    let headers = rows.headers().expect("it has a head").clone();
    let column = |name: &str| headers.iter().position(|known| known == name).expect("the column is there");
    let [request, endpoint, class, input, output, cached] =
        ["request", "endpoint", "class", "input_tokens", "output_tokens", "cache_read_tokens"].map(column);
    let answers = rows.records().map(|row| {
        let row = row.expect("the row is whole");
        let number = |at: usize| row[at].parse::<u64>().unwrap_or_else(|_| panic!("{verb}: {row:?}"));
        (
            (number(request), row[endpoint].to_string()),
            (row[class].to_string(), number(input), number(output), number(cached)),
        )
    });
    answers.collect()
}

#[test]
fn simulate_and_run_count_the_same_tokens_for_prompts_of_files_and_for_images() {
    let folder = tempfile::tempdir().expect("there is room for a scenario");
    let path = folder.path().join("s.toml");
    std::fs::write(&path, SCENARIO).unwrap();
    std::fs::write(folder.path().join("prompts.jsonl"), PROMPTS).unwrap();
    // Which lengths are estimates.
    let what = "2 of 3 prompts in";
    let simulated = play("simulate", &path, what);
    assert_eq!(simulated.len(), 40 * 4);
    // 23 × 18 patches of 28 pixels; 85 and two tiles of 170; Gemini 3's default; the scenario's own.
    let each = BTreeMap::from([("claude", 414), ("gpt", 425), ("gemini", 1120), ("own", 77)]);
    let mut counts = [0; 3];
    for ((_, endpoint), (class, input, output, _)) in &simulated {
        match class.as_str() {
            "own" => assert!([(112, 5), (16, 3), (16, 2)].contains(&(*input, *output)), "{input}, {output}"),
            _ => {
                let images = (input - 50) / each[endpoint.as_str()];
                assert_eq!(*input, 50 + images * each[endpoint.as_str()]);
                counts[images as usize] += 1;
            }
        }
    }
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    assert_eq!(play("run", &path, what), simulated);
}

/// One request too small for its 20 images, and one without any.
const MULTIMODAL: &str = "TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n\
    2024-10-15T12:00:00.000Z,1,949,12\n2024-10-15T12:00:00.100Z,0,78,5\n2024-10-15T12:00:00.200Z,16,4564,7\n\
    2024-10-15T12:00:00.300Z,20,1172,3\n";

#[test]
fn images_of_a_replayed_log_are_sent_and_counted_once() {
    let folder = tempfile::tempdir().expect("there is room for a scenario");
    let path = folder.path().join("s.toml");
    let (_, endpoints) = SCENARIO.split_once("[[endpoints]]").expect("it has endpoints");
    let scenario = |images: &str| {
        format!(
            "duration = '1s'\nrouter = 'mirror'\narrivals = {{ kind = 'trace', file = 'log.csv' }}\n\
             [[classes]]\nname = 'pictures'\nmax_tokens = 100\n{images}\n[[endpoints]]{endpoints}"
        )
    };
    std::fs::write(folder.path().join("log.csv"), MULTIMODAL).unwrap();
    std::fs::write(&path, scenario("images = { width = 640, height = 480, bytes = 3000 }")).unwrap();
    let what = "in 1 of these they alone count more than the whole prompt recorded, at 77 tokens";
    let simulated = play("simulate", &path, what);
    // The recorded prompt where images count least, at 77 tokens each, and more where they count more.
    let prompt = |place: usize, each: u64, nth: usize| {
        let (images, text) = [(1, 949 - 77), (0, 78), (16, 4564 - 16 * 77), (20, 1)][nth];
        let (_, input, ..) = &simulated[&((4 * nth + place) as u64, ENDPOINTS[place].into())];
        assert_eq!(*input, text + images * each, "{} of request {nth}", ENDPOINTS[place]);
    };
    for (place, each) in [414, 425, 1120, 77].into_iter().enumerate() {
        (0..4).for_each(|nth| prompt(place, each, nth));
    }
    assert_eq!(play("run", &path, what), simulated);
    std::fs::write(&path, scenario("")).unwrap();
    let as_text = play("simulate", &path, "3 of 4 requests of its trace hold images, and are played as text");
    assert!(as_text.values().all(|(_, input, ..)| [949, 78, 4564, 1172].contains(input)));
}

/// Two conversations: of three questions, the last without an answer, and of one.
const TALKS: &str = r#"[{"id": 1, "conversations": [{"from": "system", "value": "Be brief."},
    {"from": "human", "value": "Why \"is\" the sky blue?"}, {"from": "gpt", "value": "Light is scattered, {prompt}."},
    {"from": "human", "value": "And red?"}, {"from": "gpt", "value": "It has a longer way then."}, {"from": "human", "value": "né?"}]},
 {"messages": [{"role": "user", "content": "1234567"}, {"role": "assistant", "content": "12345678"}]}]"#;

#[test]
fn conversations_of_a_file_are_held_and_cached_alike_on_both_clocks() {
    let folder = tempfile::tempdir().expect("there is room for a scenario");
    let path = folder.path().join("s.toml");
    let (_, endpoints) = SCENARIO.split_once("[[endpoints]]").expect("it has endpoints");
    let priced = "price = { input = \"1\", cache_read = \"0.1\", cache_write = \"1\", cache_write_long = \"1\", output = \"1\" }";
    // Gemini takes no breakpoints.
    let mut breakpoints = ["explicit", "explicit", "automatic", "explicit"].into_iter();
    let cached = endpoints.lines().map(|line| match line.starts_with("price") {
        true => format!(
            "{priced}\ncache = {{ min_tokens = 1, step = 1, ttl = \"5m\", breakpoints = \"{}\" }}\n",
            breakpoints.next().unwrap()
        ),
        false => format!("{line}\n"),
    });
    let scenario = format!(
        "duration = '2s'\nrouter = 'mirror'\narrivals = {{ kind = 'constant', rate = 1 }}\n[[classes]]\nname = 'talk'\n\
         max_tokens = 100\noutput = {{ kind = 'fixed', tokens = 3 }}\n\
         session = {{ kind = 'scripted', file = 'talks.json', think = '100ms' }}\n[[endpoints]]{}",
        cached.collect::<String>()
    );
    std::fs::write(folder.path().join("talks.json"), TALKS).unwrap();
    std::fs::write(&path, scenario).unwrap();
    let what = "2 of 2 prompts in";
    let simulated = play("simulate", &path, what);
    let lengths = simulated.values().map(|(_, input, output, cached)| (*input, *output, *cached));
    let lengths: std::collections::BTreeSet<_> = lengths.collect();
    // Characters by four: 31, 68 with the answer of 29 and the next question, 96 with that of 25; and 7 of another.
    let expected = [(8, 8, 0), (17 - 8, 7, 8), (24 - 17, 3, 17), (2, 2, 0)];
    assert_eq!((lengths, simulated.len()), (expected.into(), 16));
    assert_eq!(play("run", &path, what), simulated);
}

const ENDPOINTS: [&str; 4] = ["claude", "gpt", "gemini", "own"];
