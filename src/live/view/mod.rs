//! A snapshot as a screen: how far the run is, what comes of it, where it is refused and what it costs.

mod chart;
mod endpoints;
mod histogram;
mod look;
mod rates;
#[cfg(test)]
mod tests;

use ratatui::Frame;
use ratatui::crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Widget};

pub use self::look::Look;
use self::look::bar;
use super::Live;
use super::history::Width;
use crate::report::show;
use crate::time::Instant;

/// What a person has chosen to see.
#[derive(Clone, Copy, Debug, Default)]
pub struct View {
    pub look: Look,
    width: Width,
    measure: Measure,
    /// How often it was asked to end.
    quits: u32,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Measure {
    E2e,
    #[default]
    Ttft,
}

/// What a key asks of whoever shows the view.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Deed {
    /// To draw it anew.
    Draw,
    /// To interrupt the run as Ctrl-C does, and to draw it anew.
    Interrupt,
    None,
}

/// Smaller than this there is no room for it.
pub const COLUMNS_MIN: u16 = 80;
pub const ROWS_MIN: u16 = 24;

impl View {
    pub fn new(look: Look) -> View {
        View { look, ..View::default() }
    }

    /// Takes what a person did.
    pub fn on_event(&mut self, event: &Event) -> Deed {
        let key = match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => key,
            Event::Resize(..) => return Deed::Draw,
            _ => return Deed::None,
        };
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if is_control => self.quit(),
            _ if is_control => Deed::None,
            KeyCode::Char('q') => self.quit(),
            KeyCode::Char('+' | '=') => self.turn(1),
            KeyCode::Char('-') => self.turn(-1),
            KeyCode::Char('t') => {
                self.measure = match self.measure {
                    Measure::E2e => Measure::Ttft,
                    Measure::Ttft => Measure::E2e,
                };
                Deed::Draw
            }
            _ => Deed::None,
        }
    }

    fn quit(&mut self) -> Deed {
        self.quits += 1;
        Deed::Interrupt
    }

    /// To the next wider time bucket, or the next narrower.
    fn turn(&mut self, by: isize) -> Deed {
        let place = Width::ALL.iter().position(|width| *width == self.width).unwrap_or_default();
        let next = place.checked_add_signed(by).and_then(|next| Width::ALL.get(next));
        self.width = *next.unwrap_or(&self.width);
        Deed::Draw
    }

    pub fn draw(&self, live: &Live, frame: &mut Frame<'_>) {
        let area = frame.area();
        if area.width < COLUMNS_MIN || area.height < ROWS_MIN {
            frame.render_widget(Line::raw(line(live)), area);
        } else {
            self.whole(live, frame, area);
        }
        self.look.apply(frame.buffer_mut());
    }

    fn whole(&self, live: &Live, frame: &mut Frame<'_>, area: Rect) {
        let head = head(live, area.width);
        let head_rows = head.len() as u16;
        let rest = area.height - head_rows - FOOT_ROWS;
        let rows = endpoints::rows(live).min(usize::from(rest - PANEL_ROWS - CHART_ROWS_MIN)) as u16;
        let spare = rest - rows - PANEL_ROWS - CHART_ROWS_MIN;
        let [top, panels, time, table, foot] = Layout::vertical([
            Constraint::Length(head_rows),
            Constraint::Length(PANEL_ROWS + spare / 2),
            Constraint::Fill(1),
            Constraint::Length(rows),
            Constraint::Length(FOOT_ROWS),
        ])
        .areas(area);
        let [left, right] = Layout::horizontal([Constraint::Length(LEFT_COLUMNS), Constraint::Fill(1)])
            .spacing(2)
            .areas(panels);
        let [left, right, time, table] = [
            (left, "requests per second".into()),
            (right, histogram::title(live, self)),
            (time, chart::title(live, self)),
            (table, endpoints::TITLE.into()),
        ]
        .map(|(area, title)| panel(frame, area, title));
        lines(frame, top, head);
        lines(frame, left, rates::lines(live, self.width));
        lines(frame, right, histogram::lines(live, self, right));
        chart::draw(live, self.width, time, frame.buffer_mut());
        lines(frame, table, endpoints::lines(live, table));
        lines(frame, foot, self.foot(live, foot.width));
    }

    fn foot(&self, live: &Live, width: u16) -> Vec<Line<'static>> {
        let keys = match (self.quits, live.left) {
            (0, _) => "q ends arrivals, q again leaves at once · + - time bucket · t TTFT/E2E",
            (1, _) => "what is under way may still end, within --grace · q leaves at once",
            _ => "leaving",
        };
        let failures = failures(live);
        let failures = match failures.is_empty() {
            true => Span::raw("none so far"),
            false => Span::raw(show::shorten(&failures, usize::from(width) - LABEL)).fg(Color::Red),
        };
        vec![
            Line::from(vec![label("money"), Span::raw(money(live))]),
            Line::from(vec![label("errors"), failures]),
            Line::from(vec![label("keys"), Span::raw(keys).dim()]),
        ]
    }
}

/// Where a run stands, in a line.
pub fn line(live: &Live) -> String {
    let passed = live.now.since(Instant::START).as_secs_f64();
    let rate = show::rate(live.totals.offered as f64 / passed.max(1e-3));
    let totals = live.totals;
    format!(
        "{} of {} · {rate}/s · {} in flight · {} good · {} refused · {} failed",
        show::seconds(passed),
        show::seconds(live.duration.as_secs_f64()),
        show::count_of(live.in_flight),
        show::count_of(totals.good),
        show::count_of(totals.refused),
        show::count_of(totals.failed)
    )
}

/// How far it is, and whether what it measures is worth anything.
fn head(live: &Live, width: u16) -> Vec<Line<'static>> {
    let passed = live.now.since(Instant::START);
    let share = passed.as_secs_f64() / live.duration.as_secs_f64().max(f64::MIN_POSITIVE);
    let share = if live.left.is_some() { share.clamp(0.0, 1.0) } else { 1.0 };
    let left = match live.left {
        Some(left) => format!("{} left", show::seconds(left.as_secs_f64())),
        None => "no more arrivals".into(),
    };
    let standing = match (&live.fault, live.is_warming_up) {
        (Some(_), _) => Span::raw("INVALID so far").fg(Color::Red).bold(),
        (None, true) => Span::raw("warming up").fg(Color::Yellow),
        (None, false) => Span::raw("VALID so far").fg(Color::Green),
    };
    let times = format!(
        " · {} of {} · {left} · ",
        show::seconds(passed.as_secs_f64()),
        show::seconds(live.duration.as_secs_f64())
    );
    // The name gives way.
    let room = usize::from(width).saturating_sub(times.chars().count() + standing.width());
    let title = Span::raw(show::shorten(&live.title, room)).bold();
    let mut head = vec![Line::from(vec![title, Span::raw(times), standing])];
    let percent = format!(" {:>3.0} %", libm::floor(share * 100.0));
    let (full, empty) = bar(share, usize::from(width) - percent.chars().count());
    head.push(Line::from(vec![
        Span::raw(full).fg(Color::Cyan),
        Span::raw(empty).fg(Color::DarkGray),
        Span::raw(percent),
    ]));
    head.extend(live.fault.as_ref().map(|why| Line::raw(why.clone()).fg(Color::Red)));
    head
}

fn money(live: &Live) -> String {
    let spending = live.money;
    let of = spending.budget.map(|budget| {
        let share = spending.spent.as_dollars_f64() / budget.as_dollars_f64().max(f64::MIN_POSITIVE);
        format!(" of {} ({})", show::dollars(budget), show::percent(share))
    });
    let projected =
        spending.projected.map(|projected| format!(" · {} in all at this pace", show::dollars(projected)));
    let none = if of.is_none() { " · no budget" } else { "" };
    let (of, projected) = (of.unwrap_or_default(), projected.unwrap_or_default());
    format!("{} spent{of}{projected}{none}", show::dollars(spending.spent))
}

fn failures(live: &Live) -> String {
    let told = live.failures.iter().map(|failure| {
        let at = if failure.endpoint.is_empty() { "" } else { " at " };
        format!("{}× {}{at}{}", show::count_of(failure.count), failure.kind, failure.endpoint)
    });
    told.collect::<Vec<_>>().join(" · ")
}

/// A rule with a title, and the area below it.
fn panel(frame: &mut Frame<'_>, area: Rect, title: String) -> Rect {
    let title = Span::raw(format!(" {} ", show::shorten(&title, usize::from(area.width) - 4)));
    let block = Block::new().borders(Borders::TOP).border_style(Style::new().dark_gray()).title(title.bold());
    let inner = block.inner(area);
    block.render(area, frame.buffer_mut());
    inner
}

fn lines(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'_>>) {
    for (row, line) in area.rows().zip(lines) {
        line.render(row, frame.buffer_mut());
    }
}

fn label(text: &str) -> Span<'static> {
    Span::raw(format!("{text:<LABEL$}")).bold()
}

/// Columns of a label.
const LABEL: usize = 8;
const LEFT_COLUMNS: u16 = 36;
/// With their rule.
const PANEL_ROWS: u16 = 9;
const CHART_ROWS_MIN: u16 = 4;
const FOOT_ROWS: u16 = 3;
