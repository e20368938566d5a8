//! What holds for the help of every verb.

use std::path::Path;

use clap::{Command, CommandFactory, Parser};

use super::Cli;

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_help_ends_with_examples_of_what_is_understood() {
    let root = Cli::command();
    assert!(examples(&root).len() > 1);
    let mut left: Vec<(String, &Command)> = vec![(String::new(), &root)];
    while let Some((name, command)) = left.pop() {
        for example in examples(command) {
            let words = words(&example);
            if let Err(error) = Cli::try_parse_from(&words) {
                panic!("{example}: {error}");
            }
            let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
            let is_ours = |word: &&String| word.starts_with("scenarios/") || word.starts_with("results/");
            for word in words.iter().filter(is_ours) {
                assert!(repository.join(word).exists(), "{example}: there is no {word}");
            }
        }
        let own = format!("tollgate {name}");
        let is_own = |example: &String| example.starts_with(own.trim_end());
        assert!(examples(command).iter().any(is_own), "tollgate {name}--help has no example of its own");
        left.extend(command.get_subcommands().map(|verb| (format!("{name}{} ", verb.get_name()), verb)));
    }
}

#[test]
fn the_pipelines_of_the_docs_are_understood() {
    let pipelines = [
        include_str!("../../docs/ci/github.yml"),
        include_str!("../../docs/ci/gitlab.yml"),
        include_str!("../../docs/ci.md"),
    ];
    for pipeline in pipelines {
        let commands: Vec<&str> = pipeline
            .lines()
            .map(|line| line.trim_start().trim_start_matches("- "))
            .filter(|line| line.starts_with("tollgate ") && !line.ends_with(':'))
            .filter_map(|line| line.split(" || ").next())
            .collect();
        assert!(commands.len() >= 2, "{pipeline}");
        for command in commands {
            // As where a baseline is named.
            let command = command.replace("${BASELINE:+--baseline \"$BASELINE\"}", "--baseline baseline");
            if let Err(error) = Cli::try_parse_from(words(&command)) {
                panic!("{command}: {error}");
            }
        }
    }
}

#[test]
fn words_are_told_apart_as_a_shell_does() {
    assert_eq!(words("a 'b c' \"d 'e'\" f='g' > h"), ["a", "b c", "d 'e'", "f=g"]);
}

/// The lines after `Examples:`, to the end.
fn examples(command: &Command) -> Vec<String> {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let examples = help.split_once("Examples:\n").map_or("", |(_, examples)| examples);
    let of_line = |line: &str| line.strip_prefix("  ").map(String::from);
    let examples: Option<Vec<String>> = examples.lines().map(of_line).collect();
    examples.unwrap_or_else(|| panic!("the help of {} goes on after its examples", command.get_name()))
}

/// A command line's words, up to where its output goes.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for letter in line.chars() {
        let word = words.last_mut().expect("there is one at first");
        match quote {
            Some(open) if letter == open => quote = None,
            None if letter == '\'' || letter == '"' => quote = Some(letter),
            None if letter == '>' => break,
            None if letter == ' ' => words.push(String::new()),
            _ => word.push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
