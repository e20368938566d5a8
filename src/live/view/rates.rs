//! Requests per second: in the last bucket of time, and in the whole run; and what is under way.

use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};

use super::super::Live;
use super::super::history::{Bucket, Totals, Width};
use crate::report::show;
use crate::time::Instant;

type OfTotals = fn(&Totals) -> u64;

pub fn lines(live: &Live, width: Width) -> Vec<Line<'static>> {
    let whole = Bucket { totals: live.totals, span: live.now.since(Instant::START) };
    let last = live.buckets[width as usize].last();
    let heading = format!("{:<12}{:>11}{:>13}", "", format!("last {}", width.name()), "whole run");
    let mut lines = vec![Line::raw(heading).bold()];
    let rows: [(&str, Color, OfTotals); 5] = [
        ("offered", Color::Reset, |totals| totals.offered),
        ("achieved", Color::Reset, |totals| totals.achieved),
        ("good", Color::Green, |totals| totals.good),
        ("refused", Color::Yellow, |totals| totals.refused),
        ("failed", Color::Red, |totals| totals.failed),
    ];
    for (name, colour, of) in rows {
        let last = last.map_or("–".into(), |last| show::rate(last.rate(of)));
        let rates = format!("{last:>11}{:>13}", show::rate(whole.rate(of)));
        let style = if of(&live.totals) > 0 { Style::new().fg(colour) } else { Style::new() };
        lines.push(Line::from(vec![Span::raw(format!("{name:<12}")).bold(), Span::styled(rates, style)]));
    }
    let (in_flight, open) = (show::count_of(live.in_flight), show::count_of(live.open));
    lines.push(Line::from(vec![
        Span::raw("in flight ").bold(),
        Span::raw(format!("{in_flight} · connections {open}")),
    ]));
    let [p50, p99] = [live.send_lag.p50, live.send_lag.p99].map(|lag| show::seconds(lag.as_secs_f64()));
    lines.push(Line::from(vec![Span::raw("send lag  ").bold(), Span::raw(format!("p50 {p50} · p99 {p99}"))]));
    lines
}
