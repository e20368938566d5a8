//! The commands about prices: import, list, quote, diff, and what they say of mistakes.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tollgate::catalogue::Offer;

fn tollgate(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // Who does not read its input is none the worse for it.
    let _ = child.stdin.take().expect("it was piped").write_all(input.as_bytes());
    child.wait_with_output().expect("the process ends")
}

fn fine(arguments: &[&str], input: &str) -> String {
    let output = tollgate(arguments, input);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints text")
}

fn data(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/prices").join(name).to_string_lossy().into_owned()
}

/// The fixture of LiteLLM, imported into a file of a new folder.
fn imported() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("there is room for files");
    let out = folder.path().join("prices.toml");
    let report = fine(&["prices", "import", &data("litellm.json"), "--out", &out.to_string_lossy()], "");
    assert!(
        report.starts_with(
            "litellm: 39 entries, 35 of them with a price; 115 rows of tokens and 1 of capacity"
        ),
        "{report}"
    );
    (folder, out)
}

#[test]
fn prices_are_listed_filtered_and_quoted() {
    let (_folder, out) = imported();
    let catalogue = ["--catalogue", &*out.to_string_lossy()];
    let ask = |arguments: &[&str], input| fine(&[&["prices"], arguments, &catalogue].concat(), input);
    let list =
        ask(&["list", "--provider", "openai", "--model", "gpt-6-s*", "--scope", "us", "--tier", "flex"], "");
    let lines: Vec<&str> = list.lines().collect();
    assert!(
        lines.len() == 4 && lines[1].starts_with("openai    gpt-6-sol ") && lines[2].contains("above 272000"),
        "{list}"
    );
    let csv = ask(&["--model", "haiku", "--scope", "us", "--provider", "bedrock", "--csv"], "");
    let row = "bedrock,anthropic.claude-haiku-5-5,us,standard,,,USD,100000,0.55,0.055,0.6875,1.10,2.75,,,";
    assert!(csv.lines().any(|line| line.starts_with(row)), "{csv}");
    let json: Vec<Offer> = serde_json::from_str(&ask(&["list", "--json"], "")).expect("it is JSON");
    assert_eq!(json.len(), 115);
    let quote = ask(
        &[
            "quote",
            "--usage",
            "input=1000,cache_write=9",
            "--provider",
            "azure",
            "--model",
            "gpt-5.1",
            "--csv",
        ],
        "",
    );
    let rows = [
        "provider,model,scope,tier,from,until,unknown,amount",
        "azure,gpt-5.1,global,batch,,,cache_write,",
        "azure,gpt-5.1,global,priority,,,cache_write,",
        "azure,gpt-5.1,global,standard,,,cache_write,",
        "azure,gpt-5.1,us-gov,standard,,,cache_write,",
    ];
    assert_eq!(quote.lines().collect::<Vec<_>>(), rows);
    let calls = "provider,model,scope,input,output\nopenai,gpt-6-sol,eu,272000,1\nopenai,gpt-6-sol,eu,272001,1\nopenai,none,,1,1\n";
    let expected = "provider,model,scope,input,output,amount,unknown\n\
                    openai,gpt-6-sol,eu,272000,1,0.598411,\n\
                    openai,gpt-6-sol,eu,272001,1,1.1968209,\n\
                    openai,none,,1,1,,row\n";
    assert_eq!(ask(&["quote", "--calls", "-"], calls), expected);
}

#[test]
fn two_catalogues_and_two_days_are_compared() {
    let folder = tempfile::tempdir().expect("there is room for files");
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file can be written");
        path.to_string_lossy().into_owned()
    };
    let offer = |model: &str, rest: &str| {
        format!(
            "[[offer]]\nprovider = \"p\"\nmodel = \"{model}\"\nsource = \"s\"\ndated = \"2026-11-21\"\n{rest}\n"
        )
    };
    let before =
        offer("a", "price = { input = \"2\", output = \"3\" }") + &offer("b", "price = { input = \"1\" }");
    let after = offer("a", "price = { input = \"1.5\", cache_read = \"0.1\", output = \"3\" }")
        + &offer("c", "price = { input = \"1\" }\nuntil = \"2026-12-01\"")
        + &offer("c", "price = { input = \"2\" }\nfrom = \"2026-12-01\"");
    let (before, after) = (file("before.toml", before), file("after.toml", after));
    let expected = "1 changed, 2 added, 1 removed\n  p a global standard\n      input 2.00 -> 1.50 (-25.0 %)\n      \
                    cache_read – -> 0.10\n+ p c global standard: input 1.00, output –\n\
                    + p c global standard from 2026-12-01: input 2.00, output –\n- p b global standard: input 1.00, output –\n";
    assert_eq!(fine(&["prices", "diff", &before, &after], ""), expected);
    let days = ["prices", "diff", "--catalogue", &after, "--from", "2026-11-30", "--to", "2026-12-01"];
    let expected =
        "1 changed, 0 added, 0 removed\n  p c global standard\n      input 1.00 -> 2.00 (+100.0 %)\n";
    assert_eq!(fine(&days, ""), expected);
    let json = fine(&[&days[..], &["--json"]].concat(), "");
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(json["changed"][0]["rates"][0]["percent"], "+100.0 %");
}

#[test]
fn what_is_wrong_is_said_with_its_exit_code() {
    let (_folder, out) = imported();
    let out = out.to_string_lossy();
    let litellm = data("litellm.json");
    for (arguments, code, why) in [
        (&["import", &litellm, "--out", &out][..], 1, "add --force to replace it"),
        (&["import", &litellm, "--provider", "nobody"], 1, "none of the providers asked for"),
        (&["import", &data("nowhere.json")], 1, "could not read"),
        (&["import", &litellm, "--format", "genai-prices"], 1, "this is not the data of genai-prices"),
        (
            &["import", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")],
            2,
            "neither LiteLLM's map nor genai-prices'",
        ),
        (&["import", &litellm, "--dated", "soon"], 2, "--dated"),
        (&["list", "--provider", "opnai"], 1, "no price fits the provider 'opnai'; did you mean 'openai'?"),
        (&["list", "--provider", "openai", "--scope", "mars"], 1, "'mars'; there are: eu, global, us"),
        (&["list", "--provider", "aws", "--tier", "batch"], 1, "capacity has none; leave it out"),
        (
            &["list", "--model", "gpt-5.6-sol", "--tier", "batch", "--date", "2026-01-01"],
            1,
            "holds on 2026-01-01",
        ),
        (&["list", "--provider", "openai", "--units"], 1, "no price of capacity fits"),
        (&["list", "--provider", "aws", "--csv"], 1, "no price of tokens fits, but 21 of capacity"),
        (&["list", "--catalogue", &out, "--catalogue", &out], 2, "is already said in"),
        (&["diff", &out, &out, "--provider", "nobody"], 1, "no price fits the provider 'nobody'"),
        (&["quote", "--usage", "input=1,input=2"], 2, "input is given twice"),
        (&["list", "--tier", "quick"], 2, "there are: batch, fast"),
        (&["list", "--catalogue", "nowhere.toml"], 1, "could not read nowhere.toml"),
        (&["diff"], 2, "name two catalogues, or two days"),
        (&["diff", "--from", "2026-11-21"], 2, "--to"),
        (&["quote"], 2, "--usage"),
        (&["quote", "--usage", "inptu=1"], 2, "there is no token class 'inptu'"),
        (&["quote", "--usage", "input=-1"], 2, "is not a number of tokens"),
        (&["quote", "--calls", "-"], 2, "line 1 of the calls: there is no column 'modle'"),
    ] {
        let output = tollgate(&[&["prices"], arguments].concat(), "provider,modle\n");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(why), "{arguments:?}: {text}");
    }
}

#[test]
fn capacity_is_listed_and_compared_beside_tokens() {
    let list = fine(&["prices", "--provider", "bedrock", "--model", "anthropic*"], "");
    assert!(
        list.contains("rows of tokens; USD per million; what is empty is not known\n\nprovider  unit"),
        "{list}"
    );
    assert!(
        list.ends_with("2 rows of capacity; USD for a unit over a term; a month is 730 hours\n"),
        "{list}"
    );
    let csv = fine(&["prices", "list", "--units", "--csv", "--provider", "aws", "--model", "p5.48*"], "");
    let rows = [
        "provider,unit,model,scope,term,from,until,currency,price,source,dated",
        "aws,p5.48xlarge,,us-east-1,hour,,,USD,55.04,\"EC2 price tables, third party\",2026-08-01",
    ];
    assert_eq!(csv.lines().collect::<Vec<_>>(), rows);
    let folder = tempfile::tempdir().expect("there is room for files");
    let file = |name: &str, rows: &[(&str, &str)]| {
        let row = |(unit, price): &(&str, &str)| {
            format!(
                "[[unit]]\nprovider = \"p\"\nunit = \"{unit}\"\nterm = \"hour\"\nprice = \"{price}\"\nsource = \"s\"\ndated = \"2026-11-21\"\n"
            )
        };
        let path = folder.path().join(name);
        std::fs::write(&path, rows.iter().map(row).collect::<String>()).expect("a file can be written");
        path.to_string_lossy().into_owned()
    };
    let (before, after) =
        (file("a.toml", &[("a", "2"), ("b", "1")]), file("b.toml", &[("a", "3"), ("c", "1")]));
    let expected = "1 changed, 1 added, 1 removed\n  p a global hour\n      price 2.00 -> 3.00 (+50.0 %)\n\
                    + p c global hour: 1.00\n- p b global hour: 1.00\n";
    assert_eq!(fine(&["prices", "diff", &before, &after], ""), expected);
}

#[test]
fn calls_are_quoted_in_regions_as_a_run_prices_them() {
    let quote = |calls: &str| tollgate(&["prices", "quote", "--calls", "-"], calls);
    let text = |output: &[u8]| String::from_utf8_lossy(output).into_owned();
    let region =
        "provider,model,scope,input\nvertex,claude-sonnet-5-5,europe-west4,1000000\nazure,gpt-6-sol,apac,1\n";
    let expected = "provider,model,scope,input,amount,unknown\nvertex,claude-sonnet-5-5,europe-west4,1000000,2.20,\n\
                    azure,gpt-6-sol,apac,1,,row\n";
    assert_eq!(text(&quote(region).stdout), expected);
    for (calls, why) in [
        ("model,input\nm,1\n", "line 1 of the calls: there is no column 'provider'"),
        ("", "there is no column 'provider'"),
        ("provider,model,input,input\np,m,1,2\n", "line 1 of the calls: there are two columns 'input'"),
    ] {
        let output = quote(calls);
        assert_eq!(
            (output.status.code(), text(&output.stderr).contains(why)),
            (Some(2), true),
            "{}",
            text(&output.stderr)
        );
    }
}
