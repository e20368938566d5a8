//! `summary.md`: the summary as Markdown tables, for the step summaries of continuous integration.

use std::fmt::Write as _;

use super::summary::Summary;
use super::table::{self, Table};
use super::{show, terminal};

pub const FILE: &str = "summary.md";

pub fn write(summary: &Summary) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "## {}\n", escape(&summary.scenario));
    if !summary.question.is_empty() {
        let _ = writeln!(out, "> {}\n", escape(&summary.question));
    }
    let _ = writeln!(out, "**{}**\n", escape(&terminal::headline(summary)));
    let _ = writeln!(
        out,
        "{} · seed {} · requests for {} · {} · tollgate {}\n",
        summary.verb.name(),
        summary.seed,
        show::seconds(summary.duration_secs),
        terminal::warmup(summary),
        escape(&summary.version),
    );
    if !summary.thresholds.is_empty() {
        out.push_str("| Threshold | Verdict | Figure |\n|:--|:--|--:|\n");
        for result in &summary.thresholds {
            let (sign, name) = (result.verdict.sign(), result.verdict.name());
            let _ = writeln!(out, "| {} | {sign} {name} | {} |", escape(&result.text), escape(&result.shown));
        }
        out.push('\n');
    }
    table::main(summary).iter().for_each(|table| write_table(&mut out, table));
    for line in table::lines(summary) {
        let parts: Vec<_> =
            line.parts.iter().map(|(label, shown)| format!("{label} {}", escape(shown))).collect();
        let _ = writeln!(out, "- {}: {}", line.name, parts.join(" · "));
    }
    out
}

/// A table under its caption, with its notes.
pub(crate) fn write_table(out: &mut String, table: &Table) {
    let _ = writeln!(out, "### {}\n", escape(&table.caption));
    let headings: Vec<_> = table.headings.iter().map(|heading| escape(heading)).collect();
    let _ = writeln!(out, "| {} |\n|:--{}|", headings.join(" | "), "|--:".repeat(headings.len() - 1));
    for row in &table.rows {
        let cells: Vec<_> = row.iter().map(|cell| escape(cell)).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    out.push('\n');
    for note in &table.notes {
        let _ = writeln!(out, "- {}", escape(note));
    }
    if !table.notes.is_empty() {
        out.push('\n');
    }
}

/// Text that no Markdown reader takes for markup, in one line.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '\n' | '\r' => escaped.push(' '),
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => escaped.extend(['\\', letter]),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn every_row_of_a_table_has_as_many_cells_as_its_head() {
        for summary in sample::all() {
            let cells = |line: &str| line.replace("\\|", "").matches('|').count();
            let markdown = write(&summary);
            let lines: Vec<&str> = markdown.lines().collect();
            for pair in lines.windows(2).filter(|pair| pair.iter().all(|line| line.starts_with('|'))) {
                assert_eq!(cells(pair[0]), cells(pair[1]), "{pair:?}");
            }
        }
    }

    #[test]
    fn names_are_escaped() {
        let markdown = write(&sample::hostile());
        assert!(!markdown.contains("<script>") && !markdown.contains("[x]"));
        assert!(markdown.contains("&lt;script>"));
    }
}
