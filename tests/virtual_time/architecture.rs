//! The floors hold: a file uses only modules from floors below its own, and the halves never meet.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Modules by floor, the lowest first. `client` and `server` share a floor and may not use each other.
const FLOORS: [&[&str]; 8] = [
    &[
        "analytic",
        "bill",
        "commitments",
        "credential",
        "error",
        "index",
        "kind",
        "number",
        "outbox",
        "outcome",
        "price",
        "prompts",
        "rng",
        "section",
        "statistics",
        "time",
        "traces",
        "weight",
        "wire",
    ],
    &["client", "server"],
    &["collectors", "dialects", "report"],
    &["catalogue", "providers"],
    &["http", "live", "login", "machines", "mock", "run", "scenario", "simulate", "trial", "warmup"],
    &[
        "calibrate",
        "compare",
        "estimate",
        "export",
        "fit",
        "plan",
        "preview",
        "recover",
        "replicate",
        "search",
        "selftest",
        "sweep",
        "worlds",
    ],
    &["quote", "trend"],
    &["cli", "main"],
];

#[test]
fn every_file_uses_only_floors_below_its_own() {
    let floors: BTreeMap<&str, usize> = (0..)
        .zip(FLOORS)
        .flat_map(|(floor, modules)| modules.iter().map(move |module| (*module, floor)))
        .collect();
    let mut wrong = Vec::new();
    for file in sources() {
        let module = module_of(&file);
        let floor =
            *floors.get(module.as_str()).unwrap_or_else(|| panic!("module '{module}' stands on no floor"));
        for used in uses(product(&file, &fs::read_to_string(&file).expect("a source file is readable"))) {
            let Some(used_floor) = floors.get(used.as_str()) else { continue };
            // Words may use each other, and so may the files of a floor's clocks; the rest only look down.
            let is_same_floor_allowed = [0, 4, 7].contains(&floor);
            let is_fine =
                used == module || *used_floor < floor || (*used_floor == floor && is_same_floor_allowed);
            if !is_fine {
                wrong.push(format!("{} (floor {floor}) uses {used} (floor {used_floor})", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_halves_and_the_words_know_no_clock_no_socket_and_no_global_chance() {
    const FORBIDDEN: [&str; 6] =
        ["std::time::Instant", "SystemTime", "std::net", "tokio", "hyper", "rand::rng"];
    let pure = ["client", "server"].into_iter().chain(FLOORS[0].iter().copied());
    let pure: Vec<_> = pure.collect();
    for file in sources().into_iter().filter(|file| pure.contains(&module_of(file).as_str())) {
        let text = fs::read_to_string(&file).expect("a source file is readable");
        for word in FORBIDDEN {
            assert!(!text.contains(word), "{} speaks of {word}", file.display());
        }
    }
}

#[test]
fn every_file_opens_with_its_purpose() {
    for file in sources() {
        let text = fs::read_to_string(&file).expect("a source file is readable");
        assert!(text.starts_with("//! "), "{} does not open with a //! sentence", file.display());
    }
}

/// The text without its tests, which may look wherever they like.
fn product<'a>(file: &Path, text: &'a str) -> &'a str {
    let is_test = file.iter().any(|part| part == "tests" || part == "tests.rs" || part == "testing.rs");
    if is_test { "" } else { text.split("#[cfg(test)]").next().unwrap_or_default() }
}

/// Names after `crate::` (or, in the binary, `tollgate::`), in `use` lines, groups and paths.
fn uses(text: &str) -> Vec<String> {
    let code =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for start in ["crate::", "tollgate::"] {
        for (at, _) in code.match_indices(start) {
            let rest = &code[at + start.len()..];
            match rest.strip_prefix('{') {
                Some(group) => {
                    let group = group.split("};").next().unwrap_or_default();
                    found.extend(
                        group
                            .split(',')
                            .map(|part| part.trim().chars().take_while(|c| is_name(*c)).collect()),
                    );
                }
                None => found.push(rest.chars().take_while(|c| is_name(*c)).collect()),
            }
        }
    }
    found
}

fn module_of(file: &Path) -> String {
    let inside = file.strip_prefix(source_root()).expect("sources lie under src");
    let first = inside.iter().next().expect("a file has a name").to_string_lossy();
    match first.trim_end_matches(".rs") {
        "lib" => "main".into(),
        module => module.into(),
    }
}

fn sources() -> Vec<PathBuf> {
    let mut folders = vec![source_root()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a source folder is readable") {
            let path = entry.expect("a folder entry is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// README's table "To add a …": each folder is there, and each table stands in the file that is named for it.
#[test]
fn the_readme_says_where_to_add_what() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).expect("the README is readable");
    let table = readme.split("## To add a …").nth(1).and_then(|rest| rest.split("\n## ").next());
    let rows: Vec<&str> = table.unwrap_or_default().lines().filter(|line| line.contains("`src/")).collect();
    assert!(rows.len() >= 9, "the table is there: {rows:?}");
    for row in rows {
        let quoted: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        let place = quoted.first().expect("a row names its folder");
        assert!(root.join(place).exists(), "{row}");
        let name = quoted.get(1).expect("a row names its table");
        let file = quoted.get(2).unwrap_or(place);
        let text = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{row}: {error}"));
        assert!(text.contains(name), "{row}");
    }
}
