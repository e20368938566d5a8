//! Broken scenarios, each with the whole message that a person sees.
//!
//! Each case is a change to one good scenario. The messages are kept in `tests/golden/scenario_errors.txt`; read them as
//! text, and after a change write them again with `UPDATE_GOLDEN=1 cargo test --test scenario_errors`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tollgate::error::ExitCode;
use tollgate::scenario::Scenario;

const GOOD: &str = r#"duration = "60s"
warmup = "5s"

[arrivals]
kind = "poisson"
rate = 20

[[classes]]
name = "chat"
input = { kind = "lognormal", median = 600, sigma = 0.9 }
output = { kind = "fixed", tokens = 100 }
timeout = "60s"
stall_timeout = "10s"

[[endpoints]]
name = "openai"
provider = "openai"
model = "gpt-6-sol"
limits = [{ kind = "requests", per_minute = 600 }]
latency = { kind = "fixed", ttft = "400ms", itl = "12ms" }
price = { input = "2", output = "10" }
"#;

/// (what is wrong, what is replaced, by what). An empty original adds the text at the end.
const CASES: &[(&str, &str, &str)] = &[
    ("nothing at all", GOOD, ""),
    ("a quote is not closed", "\"poisson\"", "\"poisson"),
    ("two mistakes of syntax are told at once", "rate = 20", "rate = = 20\nrate2 20"),
    ("a key stands twice", "rate = 20", "rate = 20\nrate = 30"),
    ("an unknown key", "rate = 20", "rat = 20"),
    ("an unknown key at the top", "warmup =", "warm_up ="),
    ("an unknown key that resembles none", "rate = 20", "rate = 20\ncolour = \"blue\""),
    ("an unknown kind", "\"poisson\"", "\"poison\""),
    ("a kind is missing", "kind = \"poisson\"\n", ""),
    ("arrivals are missing", "[arrivals]\nkind = \"poisson\"\nrate = 20\n", ""),
    ("an unknown kind deep inside", "kind = \"fixed\", tokens", "kind = \"fix\", tokens"),
    ("a rate of nothing", "rate = 20", "rate = 0"),
    ("a negative rate", "rate = 20", "rate = -3"),
    ("more requests than can be meant", "rate = 20", "rate = 1e300"),
    ("a rate in words", "rate = 20", "rate = \"twenty\""),
    ("a rate is missing", "rate = 20\n", ""),
    ("a duration without a unit", "duration = \"60s\"", "duration = 60"),
    ("a duration in an unknown unit", "\"60s\"\nwarmup", "\"60 seconds\"\nwarmup"),
    ("a duration of nothing", "duration = \"60s\"", "duration = \"0s\""),
    ("a warm-up as long as the run", "warmup = \"5s\"", "warmup = \"60s\""),
    ("no endpoints", "[[endpoints]]", "[endpoints]"),
    ("an unknown provider", "provider = \"openai\"", "provider = \"opanai\""),
    ("an unknown dialect", "model = \"gpt-6-sol\"", "model = \"gpt-6-sol\"\ndialect = \"morse\""),
    ("a name that cannot stand in a URL", "name = \"openai\"", "name = \"my endpoint\""),
    (
        "a name given twice",
        "",
        "[[classes]]\nname = \"chat\"\ninput = { kind = \"fixed\", tokens = 1 }\noutput = { kind = \"fixed\", tokens = 1 }\n",
    ),
    ("a length is missing", "output = { kind = \"fixed\", tokens = 100 }\n", ""),
    (
        "an unknown table of lengths",
        "kind = \"fixed\", tokens = 100",
        "kind = \"empirical\", table = \"azure23-code-outptu\"",
    ),
    ("bounds the wrong way round", "kind = \"fixed\", tokens = 100", "kind = \"uniform\", min = 9, max = 3"),
    ("a stall timeout above the timeout", "stall_timeout = \"10s\"", "stall_timeout = \"90s\""),
    ("no time to answer", "timeout = \"60s\"\nstall_timeout = \"10s\"", "timeout = \"0s\""),
    ("no tokens to answer with", "timeout = \"60s\"", "timeout = \"60s\"\nmax_tokens = 0"),
    ("tokens below zero", "timeout = \"60s\"", "timeout = \"60s\"\nmax_tokens = -1"),
    ("a price as a number", "input = \"2\"", "input = 2"),
    ("a price with a sign", "input = \"2\"", "input = \"$2\""),
    ("a price too fine to be exact", "input = \"2\"", "input = \"2.0000001\""),
    ("a price below zero", "input = \"2\"", "input = \"-2\""),
    ("no price", "price = { input = \"2\", output = \"10\" }", "price = {}"),
    ("half a price", ", output = \"10\"", ""),
    ("a url that is none", "limits =", "url = \"api.openai.com\"\nlimits ="),
    ("a mock without a latency", "latency = { kind = \"fixed\", ttft = \"400ms\", itl = \"12ms\" }\n", ""),
    ("a key where its variable's name belongs", "limits =", "key_env = \"sk-proj-1234567890\"\nlimits ="),
    ("hints for a real service", "limits =", "url = \"https://api.openai.com/v1\"\nhints = true\nlimits ="),
    ("a quota of nothing", "per_minute = 600", "per_minute = 0"),
    ("a limit of a kind that does not exist", "kind = \"requests\"", "kind = \"request\""),
    ("a hedge with nowhere to go", "[arrivals]", "hedge = { after = \"1s\" }\n\n[arrivals]"),
    ("a share above one", "[arrivals]", "hedge = { after = \"1s\", share_max = \"150%\" }\n\n[arrivals]"),
    (
        "a cap below the first wait",
        "[arrivals]",
        "retry = { kind = \"exponential\", base = \"9s\", cap = \"1s\" }\n\n[arrivals]",
    ),
    ("an unknown router", "[arrivals]", "router = \"fastet\"\n\n[arrivals]"),
    ("a threshold on nothing", "[arrivals]", "thresholds = [\"ttft_99 < 2s\"]\n\n[arrivals]"),
    ("a threshold without a unit", "[arrivals]", "thresholds = [\"ttft_p99 < 2\"]\n\n[arrivals]"),
    (
        "a trace that is not there",
        "kind = \"poisson\"\nrate = 20",
        "kind = \"trace\"\nfile = \"nowhere.csv\"",
    ),
    (
        "several mistakes of meaning are told at once",
        "timeout = \"60s\"\nstall_timeout = \"10s\"",
        "timeout = \"0s\"\nmax_tokens = 0",
    ),
];

#[test]
fn every_broken_scenario_is_told_what_where_and_what_to_do() {
    let mut told = String::new();
    for (name, original, replacement) in CASES {
        let text = match *original {
            "" => format!("{GOOD}{replacement}"),
            original => {
                assert!(GOOD.contains(original), "the case '{name}' changes nothing");
                GOOD.replacen(original, replacement, 1)
            }
        };
        let error = Scenario::parse(&text, Path::new("scenario.toml")).expect_err(name);
        assert_eq!(error.code, ExitCode::Usage, "{name}");
        assert!(!error.to_string().contains("sk-proj"), "a key is never repeated");
        writeln!(told, "# {name}\nerror: {error}\n").expect("text can be written");
    }
    let golden = golden();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &told).expect("the golden file can be written");
    }
    let expected = std::fs::read_to_string(&golden).expect("the golden file is there");
    assert!(
        told == expected,
        "messages differ from {}; with UPDATE_GOLDEN=1 they are:\n{told}",
        golden.display()
    );
}

#[test]
fn the_good_scenario_is_good() {
    Scenario::parse(GOOD, Path::new("scenario.toml")).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn files_that_are_no_scenarios_are_said_to_be_none() {
    let folder = tempfile::tempdir().expect("there is room for files");
    let path = folder.path().join("scenario.toml");
    let error = |path: &Path| Scenario::load(path).expect_err("it is no scenario").to_string();
    assert!(error(&path).contains("tollgate init"), "a missing file");
    assert!(error(folder.path()).contains("it is a folder"));
    std::fs::write(&path, [0x64, 0xff, 0x00]).expect("a file can be written");
    assert!(error(&path).contains("byte 1 is not UTF-8"));
    let large = std::fs::File::create(&path).and_then(|file| file.set_len(17 << 20));
    large.expect("a sparse file can be made");
    assert!(error(&path).contains("17 MiB"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        let _ = Scenario::parse(&text, Path::new("random.toml"));
    }

    #[test]
    fn no_mutation_of_a_good_scenario_makes_the_reader_panic(
        cuts in prop::collection::vec((0usize..GOOD.len(), 0usize..12, "[ -~\\n]{0,6}"), 1..4),
    ) {
        let mut text = GOOD.to_string();
        for (at, length, insert) in cuts {
            let at = at.min(text.len());
            text.replace_range(at..(at + length).min(text.len()), &insert);
        }
        let _ = Scenario::parse(&text, Path::new("mutated.toml"));
    }
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/scenario_errors.txt")
}
