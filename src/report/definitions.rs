//! What the figures of a page mean, taken from docs/metrics.md.

use serde::Serialize;

use super::summary::Summary;

/// Where every figure is defined, once.
const METRICS: &str = include_str!("../../docs/metrics.md");

/// The section about what all others count from.
const STAMPS: &str = "Stamps of a request";

/// A section of definitions.
#[derive(Clone, Debug, Serialize)]
pub struct Definitions {
    pub heading: String,
    /// HTML.
    pub text: String,
}

/// The definitions of what a summary has, in the order of the file.
pub fn of(summary: &Summary) -> Vec<Definitions> {
    let sections = METRICS.split("\n## ").skip(1).filter_map(|section| section.split_once('\n'));
    let is_had = |heading: &str| heading == STAMPS || summary.section(heading).is_some();
    let sections = sections.filter(|(heading, _)| is_had(heading));
    sections.map(|(heading, text)| Definitions { heading: heading.into(), text: html(text) }).collect()
}

/// Markdown of paragraphs, lists, tables and headings as HTML.
fn html(text: &str) -> String {
    let mut out = String::new();
    for block in text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        if let Some((heading, rest)) =
            block.strip_prefix("### ").map(|rest| rest.split_once('\n').unwrap_or((rest, "")))
        {
            out += &format!("<h4>{}</h4>\n{}", inline(heading), html(rest));
        } else if block.starts_with('|') {
            out += &table(block);
        } else if block.starts_with("- ") {
            let items = block
                .split("\n- ")
                .map(|item| format!("<li>{}</li>\n", inline(item.trim_start_matches("- "))));
            out += &format!("<ul>\n{}</ul>\n", items.collect::<String>());
        } else {
            out += &format!("<p>{}</p>\n", inline(block));
        }
    }
    out
}

fn table(block: &str) -> String {
    let mut rows = block.lines().map(|line| cells(line.trim().trim_matches('|')));
    let row = |cells: Vec<String>, cell: &dyn Fn(String) -> String| {
        format!("<tr>{}</tr>\n", cells.into_iter().map(cell).collect::<String>())
    };
    let head = row(rows.next().unwrap_or_default(), &|cell| format!("<th scope=\"col\">{cell}</th>"));
    // The second line is the rule under the headings.
    let body: String = rows.skip(1).map(|cells| row(cells, &|cell| format!("<td>{cell}</td>"))).collect();
    format!(
        "<div class=\"scroll\"><table class=\"words\">\n<thead>{head}</thead>\n<tbody>{body}</tbody></table></div>\n"
    )
}

/// The cells of a row; a bar within code parts nothing.
fn cells(row: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut is_code = false;
    for letter in row.chars() {
        is_code ^= letter == '`';
        match letter {
            '|' if !is_code => cells.push(String::new()),
            _ => cells.last_mut().expect("there is a first cell").push(letter),
        }
    }
    cells.iter().map(|cell| inline(cell.trim())).collect()
}

/// Code and emphasis within a line.
fn inline(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut out = String::new();
    for (nth, part) in escaped.split('`').enumerate() {
        match nth % 2 {
            0 => out += &paired(&paired(part, "**", "strong"), "*", "em"),
            _ => out += &format!("<code>{part}</code>"),
        }
    }
    out
}

/// What stands between two signs as an element; a text whose signs do not pair up stays as it is.
fn paired(text: &str, sign: &str, element: &str) -> String {
    if !text.matches(sign).count().is_multiple_of(2) {
        return text.into();
    }
    let part = |(nth, part): (usize, &str)| match nth % 2 {
        0 => part.into(),
        _ => format!("<{element}>{part}</{element}>"),
    };
    text.split(sign).enumerate().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn markdown_becomes_what_it_means() {
        assert_eq!(
            html(
                "One **two** *three* `a | <b>`, 2 * 3.\n\n| figure | is |\n|---|---|\n| `x|y` | 1 |\n\n- a\n- b\n\n### More\nThree."
            ),
            "<p>One <strong>two</strong> <em>three</em> <code>a | &lt;b&gt;</code>, 2 * 3.</p>\n\
             <div class=\"scroll\"><table class=\"words\">\n<thead><tr><th scope=\"col\">figure</th><th scope=\"col\">is</th></tr>\n</thead>\n\
             <tbody><tr><td><code>x|y</code></td><td>1</td></tr>\n</tbody></table></div>\n\
             <ul>\n<li>a</li>\n<li>b</li>\n</ul>\n<h4>More</h4>\n<p>Three.</p>\n"
        );
    }

    #[test]
    fn a_page_defines_what_it_has() {
        let summary = sample::first_light();
        let definitions = of(&summary);
        let headings: Vec<&str> = definitions.iter().map(|one| one.heading.as_str()).collect();
        assert_eq!(
            headings,
            [
                "Stamps of a request",
                "latency",
                "goodput",
                "refusals",
                "cost",
                "fidelity",
                "series",
                "load_sweep"
            ]
        );
        let all: String = definitions.iter().map(|one| one.text.as_str()).collect();
        for name in ["ttft", "good_share", "throttled", "cost_total", "send_lag_p99"] {
            assert!(all.contains(&format!("<code>{name}</code>")), "{name}");
        }
        assert!(!all.contains("**") && !all.contains("\n|"), "something is left as Markdown");
        assert!(
            !all.contains("</code></code>")
                && all.matches("<code>").count() == all.matches("</code>").count()
        );
        assert_eq!(of(&sample::empty()).len(), 1);
    }
}
