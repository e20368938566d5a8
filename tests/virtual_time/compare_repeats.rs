//! Repeats held against repeats: where runs of one side differ, by how much they do counts.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const SCENARIO: &str = r#"
name = "small"
duration = "200s"
arrivals = { kind = "poisson", rate = 20 }

[[classes]]
name = "chat"
input = { kind = "fixed", tokens = 1000 }
output = { kind = "fixed", tokens = 10 }

[[endpoints]]
name = "first"
provider = "openai"
model = "m"
price = { input = "1", output = "2" }
latency = { kind = "lognormal", ttft_median = "300ms", ttft_sigma = 0.3, itl = "5ms", itl_sigma = 0.1 }
"#;

fn tollgate(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate")).args(arguments).output().expect("it runs");
    let said = String::from_utf8([&output.stdout[..], &output.stderr[..]].concat()).expect("it prints text");
    (output.status.code().unwrap_or(-1), said)
}

/// Repeats of which each has a median of its own, in milliseconds; the nth of every side has the same seed, unless `seed` differs.
fn repeats(folder: &Path, name: &str, seed: u32, medians: &[u32]) -> PathBuf {
    let file = folder.join("small.toml");
    std::fs::write(&file, SCENARIO).expect("the scenario is written");
    let side = folder.join(name);
    std::fs::create_dir(&side).expect("a folder is made");
    let mut all = Vec::new();
    for (nth, median) in (1..).zip(medians) {
        let out = side.join(nth.to_string());
        let median = format!("endpoints.first.latency.ttft_median=\"{median}ms\"");
        let seed = seed + nth;
        let arguments =
            ["simulate", &file.to_string_lossy(), "--out", &out.to_string_lossy(), "--set", &median]
                .map(String::from);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let seeded = seed.to_string();
        let (code, said) =
            tollgate(&[&arguments[..], &["--rows", "--no-sweep", "--quiet", "--seed", &seeded]].concat());
        assert_eq!(code, 0, "{said}");
        all.push(serde_json::json!({
            "folder": nth.to_string(), "seed": seed, "requests": 4000, "ending": "VALID", "values": [],
        }));
    }
    let summary = serde_json::json!({
        "schema": 1, "verb": "repeats", "scenario": "small", "question": "", "seed": 1, "version": "0.1.0",
        "wanted": all.len(), "repeats": all, "thresholds": [], "certainty": null,
    });
    std::fs::write(side.join("summary.json"), summary.to_string()).expect("it is written");
    std::fs::copy(side.join("1/scenario.toml"), side.join("scenario.toml")).expect("it is copied");
    side
}

fn compare(base: &Path, new: &Path, most: &str) -> (i32, String) {
    tollgate(&[
        "compare",
        &base.to_string_lossy(),
        &new.to_string_lossy(),
        "--metric",
        "ttft_p50",
        "--max-regression",
        most,
    ])
}

#[test]
fn runs_that_differ_among_themselves_are_judged_by_how_much() {
    let folder = TempDir::new().expect("a folder is made");
    let folder = folder.path();
    let alike = repeats(folder, "alike", 0, &[300, 300, 300]);
    let slower = repeats(folder, "slower", 10, &[330, 330, 330]);
    let (code, said) = compare(&alike, &slower, "5%");
    assert!(code == 99 && !said.contains("differ by more than chance"), "{said}");
    // The same medians on the whole, and each run far from the next.
    let apart = repeats(folder, "apart", 20, &[300, 330, 360]);
    let (code, said) = compare(&alike, &apart, "5%");
    assert!(
        code == 3 && said.contains("its runs differ by more than chance, so it is judged by how much"),
        "{said}"
    );
    let twice = repeats(folder, "twice", 30, &[360, 400]);
    let (code, said) = compare(&alike, &twice, "5%");
    assert!(code == 3 && said.contains("2 on a side do not tell by how much"), "{said}");
    // However they differ, twice as slow is slower.
    let far = repeats(folder, "far", 40, &[900, 930, 960]);
    let (code, said) = compare(&alike, &far, "5%");
    assert!(code == 99 && said.contains("its runs differ by more than chance"), "{said}");
}
