//! Broken scenarios, each with the exact message a user sees.
//! `UPDATE_GOLDEN=1 cargo test --test virtual_time scenario_errors` writes the messages anew.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tollgate::error::ExitCode;
use tollgate::scenario::Scenario;

const VALID: &str = include_str!("../../scenarios/first-light.toml");

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/scenario_errors")
}

#[test]
fn every_broken_scenario_is_explained() {
    let mut broken: Vec<PathBuf> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    broken.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    broken.sort();
    assert!(broken.len() >= 35, "{} broken scenarios", broken.len());
    let is_update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut changed = Vec::new();
    for path in broken {
        let name = path.file_name().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let Err(error) = Scenario::parse(&text, Path::new(name)) else {
            panic!("{} is not broken", path.display());
        };
        assert_eq!(error.code, ExitCode::Usage, "{}", path.display());
        let shown = error.show(false) + "\n";
        let golden = path.with_extension("txt");
        if is_update {
            std::fs::write(&golden, shown).unwrap();
        } else if std::fs::read_to_string(&golden).ok().as_ref() != Some(&shown) {
            changed.push(format!("{}\n{shown}", golden.display()));
        }
    }
    assert!(changed.is_empty(), "{} (UPDATE_GOLDEN=1 accepts)\n{}", changed.len(), changed.join("\n"));
}

#[test]
fn a_secret_put_where_its_variable_belongs_is_not_shown() {
    for secret in ["sk-proj-abcdefghijklmnop1234", "0123456789abcdef0123456789abcdef"] {
        let text =
            VALID.replace("provider = \"openai\"", &format!("provider = \"openai\"\nkey_env = \"{secret}\""));
        for text in [text.clone(), text.replace("seed = 1", "sed = 1"), format!("{text}\n= {secret}")] {
            let shown = Scenario::parse(&text, Path::new("x.toml")).unwrap_err().show(true);
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_a_scenario_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let message = |name: &str, bytes: Option<&[u8]>| {
        let path = folder.path().join(name);
        if let Some(bytes) = bytes {
            std::fs::write(&path, bytes).unwrap();
        }
        let error = Scenario::load(&path).unwrap_err();
        assert_eq!(error.code, ExitCode::Usage);
        error.show(false).replace(&format!("{}/", folder.path().display()), "")
    };
    std::fs::create_dir(folder.path().join("dir")).unwrap();
    assert_eq!(message("dir", None), "error: dir is a folder; name the scenario file in it");
    assert_eq!(
        message("none.toml", None),
        "error: could not read the scenario none.toml: No such file or directory (os error 2); \
         `tollgate init` writes a scenario to start from"
    );
    assert_eq!(
        message("bytes.toml", Some(b"seed = 1\nx = \"\xff\"\n")),
        "error: bytes.toml:2:6: this is not UTF-8 text; save the file as UTF-8"
    );
    assert_eq!(
        message("huge.toml", Some(&vec![b'#'; (16 << 20) + 1])),
        "error: huge.toml is larger than 16 MiB; that is no scenario file"
    );
    assert_eq!(
        message("empty.toml", Some(b"")),
        "error: the scenario is empty\n--> empty.toml\n = help: `tollgate init` writes a scenario to start from"
    );
}

#[test]
fn of_many_mistakes_the_first_are_shown() {
    let text = VALID.replace("seed = 1", &(0..50).map(|n| format!("x{n:02} = 1\n")).collect::<String>());
    let shown = Scenario::parse(&text, Path::new("x.toml")).unwrap_err().show(false);
    assert_eq!(shown.matches("error: unknown key").count(), 20);
    assert!(shown.ends_with("error: there is more wrong; it is shown when these are mended"), "{shown}");
}

#[test]
fn every_scenario_of_ours_is_sound_and_asks_a_question() {
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            // Parsed and not loaded: the files a scenario refers to are its user's.
            let text = std::fs::read_to_string(&path).unwrap();
            Scenario::parse(&text, &path).unwrap_or_else(|error| panic!("{error}"));
            let question = tollgate::scenario::question(&text);
            assert!(question.ends_with('?'), "{}: {question}", path.display());
        }
    }
}

/// A scenario with a piece taken out, doubled, or replaced by another piece of it or by anything.
fn mutated() -> impl Strategy<Value = String> {
    let cut = || (0..VALID.len(), 0usize..40);
    (cut(), cut(), prop::option::of(".{0,12}"), any::<bool>()).prop_map(|(from, to, other, is_kept)| {
        let piece = |(start, length): (usize, usize)| {
            let start = VALID.floor_char_boundary(start);
            start..VALID.ceil_char_boundary((start + length).min(VALID.len()))
        };
        let (from, to) = (piece(from), piece(to));
        let new = other.unwrap_or_else(|| VALID[from].to_string());
        let rest = if is_kept { to.start } else { to.end };
        format!("{}{new}{}", &VALID[..to.start], &VALID[rest..])
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,200}") {
        let _ = Scenario::parse(&text, Path::new("x.toml")).map_err(|error| error.show(true));
    }

    #[test]
    fn no_mutation_makes_it_panic_and_no_mistake_is_without_words(text in mutated()) {
        if let Err(error) = Scenario::parse(&text, Path::new("x.toml")) {
            let shown = error.show(false);
            prop_assert!(shown.starts_with("error: ") && shown.contains("x.toml"), "{shown}");
        }
    }

    #[test]
    fn no_tokens_in_any_order_make_it_panic(words in prop::collection::vec(prop::sample::select(TOKENS), 0..60)) {
        let _ = Scenario::parse(&words.concat(), Path::new("x.toml")).map_err(|error| error.show(true));
    }
}

const TOKENS: &[&str] = &[
    "\n",
    "\n",
    "=",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    ",",
    ".",
    "\"",
    "'''",
    "# é\n",
    " ",
    "\t",
    "1",
    "-2.5",
    "\"3s\"",
    "\"\"",
    "true",
    "1979-05-27",
    "kind",
    "\"kind=fixed\"",
    "name",
    "arrivals",
    "classes",
    "endpoints",
    "duration",
    "input",
    "price",
    "limits",
    "poisson",
    "\"poisson\"",
    "\"fixed\"",
    "\"exponential\"",
    "retry",
    "ttft",
    "\u{1b}[31m",
    "\u{feff}",
    "\r\n",
];
