//! What tells how the program is used: the manual and what shells complete.

use std::process::{Command, Output};

fn tollgate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate")).args(arguments).output().expect("the binary runs")
}

fn fine(arguments: &[&str]) -> String {
    let output = tollgate(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints text")
}

/// Verbs, as the help lists them.
fn verbs() -> Vec<String> {
    let help = fine(&["--help"]);
    let list = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a list");
    let names = list.lines().filter(|line| !line.starts_with("   ")).map(|line| line.trim_start());
    names.filter_map(|line| line.split(' ').next()).map(String::from).filter(|name| name != "help").collect()
}

#[test]
fn every_verb_has_a_page_of_the_manual() {
    let folder = tempfile::tempdir().expect("there is room for files");
    let out = folder.path().join("man1");
    assert_eq!(fine(&["man", "--out", &out.to_string_lossy()]), "");
    let page = |name: &str| std::fs::read_to_string(out.join(format!("{name}.1"))).expect(name);
    for verb in verbs() {
        let text = page(&format!("tollgate-{verb}"));
        assert!(text.contains(&format!(".TH tollgate-{verb} 1")), "{text}");
        assert!(text.contains("Examples:"), "{text}");
    }
    assert!(page("tollgate").contains("tollgate\\-simulate(1)"));
    assert_eq!(page("tollgate-prices-import"), fine(&["man", "prices", "import"]));
    assert!(!out.join("tollgate-help.1").exists());
}

#[test]
fn a_page_that_is_not_there_is_told_with_those_that_are() {
    for (arguments, why) in [
        (
            &["man", "simulat"][..],
            "`tollgate` has no verb 'simulat'; did you mean 'simulate'? there are: calibrate, ",
        ),
        (&["man", "prices", "x"], "`prices` has no verb 'x'; there are: diff, import, list, quote"),
        (&["man", "run", "fast"], "`run` has no verb 'fast'; it has none"),
    ] {
        let output = tollgate(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(why), "{said}");
    }
}

#[test]
fn every_shell_completes_every_verb() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = fine(&["completions", shell]);
        for verb in verbs() {
            assert!(script.contains(&verb), "{shell}: {verb}");
        }
    }
    let output = tollgate(&["completions", "csh"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("bash, elvish, fish"), "{said}");
}
