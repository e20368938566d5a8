//! A row to each endpoint: what is under way there, what it gets, and how full its quotas are; then pools.

use ratatui::layout::Rect;
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};

use super::super::quota::Quota;
use super::super::{Endpoint, Live};
use super::look::bar;
use crate::report::show;

pub const TITLE: &str = "endpoints";

/// Rows that it would take: its rule, a heading, endpoints and pools.
pub fn rows(live: &Live) -> usize {
    2 + live.endpoints.len() + pools(live).len()
}

pub fn lines(live: &Live, area: Rect) -> Vec<Line<'static>> {
    let longest = live.endpoints.iter().map(|endpoint| endpoint.name.chars().count()).max().unwrap_or(0);
    let name = longest.clamp(8, if usize::from(area.width) > WIDE { NAME_MAX } else { NAME_MAX / 2 });
    let room = usize::from(area.width).saturating_sub(name + FIGURES) / GAUGE;
    let heading = format!(
        "{:<name$}{:>10}{:>9}{:>12}{:>10}  quotas used",
        "", "in flight", "ended/s", "tokens/min", "throttled"
    );
    let endpoints = live.endpoints.iter().map(|endpoint| {
        let mut spans = figures(endpoint, name);
        spans.extend(gauges(live, &endpoint.name, room));
        Line::from(spans)
    });
    let pools = pools(live).into_iter().map(|pool| {
        let mut spans =
            vec![Span::raw(format!("{:<width$}", show::shorten(pool, name), width = name + FIGURES))];
        spans.extend(gauges(live, pool, room));
        Line::from(spans)
    });
    let mut lines: Vec<Line<'static>> = endpoints.chain(pools).collect();
    let fit = usize::from(area.height).saturating_sub(1);
    if lines.len() > fit {
        let more = lines.len() - fit.saturating_sub(1);
        lines.truncate(fit.saturating_sub(1));
        lines.push(Line::raw(format!("and {more} more, in a taller terminal")).dim());
    }
    std::iter::once(Line::raw(heading).bold()).chain(lines).collect()
}

fn figures(endpoint: &Endpoint, name: usize) -> Vec<Span<'static>> {
    let throttled = Style::new().fg(if endpoint.throttled > 0 { Color::Yellow } else { Color::Reset });
    let tokens = libm::round(endpoint.tokens_per_minute) as u64;
    vec![
        Span::raw(format!("{:<name$}", show::shorten(&endpoint.name, name))),
        Span::raw(format!("{:>10}", show::count_of(endpoint.in_flight))),
        Span::raw(format!("{:>9}", show::rate(endpoint.rate))),
        Span::raw(format!("{:>12}", show::count_of(tokens))),
        Span::styled(format!("{:>10}", show::count_of(endpoint.throttled)), throttled),
    ]
}

/// The fullest quotas of a holder, as many as there is room for.
fn gauges(live: &Live, holder: &str, room: usize) -> Vec<Span<'static>> {
    let mut quotas: Vec<&Quota> = live.quotas.iter().filter(|quota| quota.holder == holder).collect();
    quotas.sort_by(|one, other| other.used_ratio().total_cmp(&one.used_ratio()));
    quotas.into_iter().take(room).flat_map(gauge).collect()
}

fn gauge(quota: &Quota) -> [Span<'static>; 4] {
    let ratio = quota.used_ratio();
    let (full, empty) = bar(ratio, BAR);
    let colour = match ratio {
        _ if ratio >= 0.95 => Color::Red,
        _ if ratio >= 0.8 => Color::Yellow,
        _ => Color::Green,
    };
    let per = if quota.period == "day" { "/d" } else { "" };
    [
        Span::raw(format!("  {:<8} ", format!("{}{per}", quota.counts))),
        Span::raw(full).fg(colour),
        Span::raw(empty).fg(Color::DarkGray),
        Span::raw(format!(" {:>3.0} %", libm::floor(ratio * 100.0))),
    ]
}

/// Holders of quotas that are no endpoints.
fn pools(live: &Live) -> Vec<&str> {
    let mut pools: Vec<&str> = Vec::new();
    for quota in &live.quotas {
        let is_endpoint = live.endpoints.iter().any(|endpoint| endpoint.name == quota.holder);
        if !is_endpoint && !pools.contains(&&*quota.holder) {
            pools.push(&quota.holder);
        }
    }
    pools
}

const NAME_MAX: usize = 28;
/// From so many columns on, names may be long.
const WIDE: usize = 100;
/// Columns of the figures between a name and its gauges.
const FIGURES: usize = 41;
/// Columns of a gauge: its two spaces, its label, its bar and its percentage.
const GAUGE: usize = 11 + BAR + 6;
const BAR: usize = 8;
