//! The view as a terminal shows it: golden screens of a fixed snapshot, and what keys do.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyEvent, KeyModifiers};
use ratatui::style::Color;

use super::super::Endpoint;
use super::super::history::Totals;
use super::super::tests::sample;
use super::*;

fn screen(view: &View, live: &Live, columns: u16, rows: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a screen in memory");
    terminal.draw(|frame| view.draw(live, frame)).expect("it draws");
    terminal
}

/// Its lines, without the blanks at their ends.
fn text(terminal: &Terminal<TestBackend>) -> String {
    let buffer = terminal.backend().buffer();
    let rows = buffer.content.chunks(usize::from(buffer.area.width));
    let line = |row: &[ratatui::buffer::Cell]| {
        row.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_string() + "\n"
    };
    rows.map(line).collect()
}

fn shown(view: &View, live: &Live, columns: u16, rows: u16) -> String {
    text(&screen(view, live, columns, rows))
}

fn press(view: &mut View, key: char) -> Deed {
    view.on_event(&Event::Key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE)))
}

/// `TOLLGATE_GOLDEN=write` writes the file anew.
fn assert_golden(name: &str, found: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("TOLLGATE_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(&path, found).expect("the golden file is writable");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, golden, "\n{found}");
}

#[test]
fn the_smallest_screen_shows_everything() {
    assert_golden("live-80x24.txt", &shown(&View::default(), &sample(), 80, 24));
}

#[test]
fn a_larger_screen_shows_more_of_it() {
    let mut view = View::default();
    assert_eq!(press(&mut view, 't'), Deed::Draw);
    assert_golden("live-120x40.txt", &shown(&view, &sample(), 120, 40));
}

#[test]
fn a_terminal_without_unicode_gets_ascii_and_one_without_colour_none() {
    let look = Look { is_coloured: false, is_unicode: false };
    let terminal = screen(&View::new(look), &sample(), 80, 24);
    assert!(text(&terminal).is_ascii(), "{}", text(&terminal));
    assert!(!text(&terminal).contains('?'), "{}", text(&terminal));
    assert!(terminal.backend().buffer().content.iter().all(|cell| cell.fg == Color::Reset));
    let coloured = screen(&View::default(), &sample(), 80, 24);
    assert!(coloured.backend().buffer().content.iter().any(|cell| cell.fg == Color::Green));
}

#[test]
fn a_small_terminal_gets_a_line_and_none_is_too_small() {
    let line = shown(&View::default(), &sample(), 79, 24);
    assert!(line.starts_with("12.2 s of 30.0 s · 120.0/s · 163 in flight · 1,200 good"), "{line}");
    for (columns, rows) in [(1, 1), (80, 1), (3, 200), (400, 200)] {
        shown(&View::default(), &sample(), columns, rows);
    }
}

#[test]
fn more_endpoints_than_rows_are_said_to_be_there() {
    let mut live = sample();
    let more = (0..20).map(|nth| Endpoint { name: format!("more-{nth}"), ..live.endpoints[0].clone() });
    live.endpoints.extend(more.collect::<Vec<_>>());
    let text = shown(&View::default(), &live, 80, 24);
    assert!(text.contains("and 20 more, in a taller terminal"), "{text}");
    assert!(shown(&View::default(), &live, 80, 50).contains("more-19"));
}

#[test]
fn a_fault_is_told_with_its_reason_and_an_end_without_time() {
    let fault = Some("requests were sent late: send lag p99 is 80.0 ms, the bound is 10.0 ms".into());
    let text = shown(&View::default(), &Live { fault, left: None, ..sample() }, 80, 24);
    assert!(text.contains("no more arrivals · INVALID so far\n"), "{text}");
    assert!(text.contains("\nrequests were sent late: send lag p99 is 80.0 ms"), "{text}");
}

#[test]
fn an_empty_run_and_hostile_names_are_shown_as_well() {
    let mut live = Live { totals: Totals::default(), recent: Default::default(), ..sample() };
    (live.buckets, live.now, live.duration) = (Default::default(), Instant::START, Duration::ZERO);
    live.title = "\u{1b}[31m漢字\n".repeat(40);
    live.endpoints[0].name = "\u{202e}".repeat(90);
    let text = shown(&View::default(), &live, 80, 24);
    assert!(text.contains("no answer yet"), "{text}");
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn keys_choose_the_bucket_and_the_measure_and_ask_to_end() {
    let mut view = View::default();
    let titles = |view: &View| shown(view, &sample(), 80, 24);
    assert!(titles(&view).contains("1 s to a column"));
    assert_eq!(press(&mut view, '+'), Deed::Draw);
    assert!(titles(&view).contains("10 s to a column"));
    press(&mut view, '=');
    press(&mut view, '+');
    assert!(titles(&view).contains("1 min to a column"));
    assert!(titles(&view).contains("in the last minute"));
    assert_eq!(press(&mut view, '-'), Deed::Draw);
    assert!(titles(&view).contains("10 s to a column"));
    assert!(titles(&view).contains("TTFT of"));
    press(&mut view, 't');
    assert!(titles(&view).contains("E2E of"));
    assert_eq!(press(&mut view, 'x'), Deed::None);
    assert_eq!(view.on_event(&Event::Resize(80, 24)), Deed::Draw);
    assert_eq!(press(&mut view, 'q'), Deed::Interrupt);
    assert!(titles(&view).contains("q leaves at once"));
    let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(view.on_event(&Event::Key(control_c)), Deed::Interrupt);
    assert!(titles(&view).contains("leaving"));
    let released = KeyEvent { kind: KeyEventKind::Release, ..KeyEvent::from(KeyCode::Char('q')) };
    assert_eq!(view.on_event(&Event::Key(released)), Deed::None);
}
