//! The terminal while it shows the live view: drawn by a thread of its own, and given back on every way out.

use std::io::{self, BufWriter, Stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
};
use ratatui::crossterm::{event, execute};
use tokio::sync::mpsc::UnboundedSender;
use tollgate::live::view::{COLUMNS_MIN, Deed, Look, ROWS_MIN, View};
use tollgate::live::{Latest, Live};

use super::output;

/// The live view on the terminal. Dropping it gives the terminal back.
pub struct Screen {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Screen {
    /// Shows the latest snapshot, and sends an interrupt where a key asks for one.
    pub fn open(latest: Latest, interrupts: UnboundedSender<()>) -> io::Result<Screen> {
        take_terminal()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let terminal = Terminal::new(CrosstermBackend::new(BufWriter::new(io::stderr())));
        let is_told = Arc::clone(&is_over);
        let thread = terminal.and_then(|terminal| {
            let drawer = Drawer { terminal, view: View::new(look()), latest, interrupts, drawn: None };
            std::thread::Builder::new().name("view".into()).spawn(move || drawer.work(&is_told))
        });
        // From here on what fails gives the terminal back by the drop.
        let screen = |thread| Screen { is_over, thread };
        match thread {
            Ok(thread) => Ok(screen(Some(thread))),
            Err(cause) => {
                screen(None).close();
                Err(cause)
            }
        }
    }

    /// Gives the terminal back.
    pub fn close(self) {}
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        give_terminal_back();
    }
}

/// Whether the terminal is large enough for the view.
pub fn has_room() -> bool {
    size().is_ok_and(|(columns, rows)| columns >= COLUMNS_MIN && rows >= ROWS_MIN)
}

struct Drawer {
    terminal: Terminal<CrosstermBackend<BufWriter<Stderr>>>,
    view: View,
    latest: Latest,
    interrupts: UnboundedSender<()>,
    /// What was drawn last, and when.
    drawn: Option<(Arc<Live>, Instant)>,
}

impl Drawer {
    fn work(mut self, is_over: &AtomicBool) {
        let mut is_stale = true;
        // Nor is anything drawn on a terminal that a panic has given back.
        while !is_over.load(Ordering::Relaxed) && IS_TAKEN.load(Ordering::Relaxed) {
            match event::poll(TICK) {
                Ok(true) => is_stale |= self.read(),
                Ok(false) => {}
                // There is nobody to ask any more; what there is to see is still drawn.
                Err(_) => std::thread::sleep(TICK),
            }
            let Some(live) = self.latest.get() else { continue };
            let is_early = self.drawn.as_ref().is_some_and(|(_, at)| at.elapsed() < DRAW_EVERY_MIN);
            is_stale |= self.drawn.as_ref().is_none_or(|(drawn, _)| !Arc::ptr_eq(drawn, &live));
            if is_stale && !is_early {
                // A terminal that takes nothing now may take the next.
                let _ = self.terminal.draw(|frame| self.view.draw(&live, frame));
                self.drawn = Some((live, Instant::now()));
                is_stale = false;
            }
        }
    }

    /// Takes what a person did; whether that changes what is to be seen.
    fn read(&mut self) -> bool {
        let Ok(event) = event::read() else { return false };
        let deed = self.view.on_event(&event);
        if deed == Deed::Interrupt {
            // Where the run is over already, there is nothing to end.
            let _ = self.interrupts.send(());
        }
        deed != Deed::None
    }
}

fn take_terminal() -> io::Result<()> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_terminal_back();
            before(panic);
        }));
    });
    enable_raw_mode()?;
    IS_TAKEN.store(true, Ordering::Relaxed);
    let entered = execute!(io::stderr(), EnterAlternateScreen);
    if entered.is_err() {
        give_terminal_back();
    }
    entered
}

/// Once for each time it was taken, by whoever comes first.
fn give_terminal_back() {
    if IS_TAKEN.swap(false, Ordering::Relaxed) {
        let _ = execute!(io::stderr(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// What the terminal can show, by its surroundings.
fn look() -> Look {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(|name| std::env::var(name).ok());
    let locale = locale.into_iter().find(|value| !value.is_empty()).unwrap_or_default().to_lowercase();
    let is_unicode = locale.contains("utf-8") || locale.contains("utf8");
    Look { is_coloured: output::is_coloured(&io::stderr()), is_unicode }
}

/// How long the end of a run may have to wait; a key is heard at once.
const TICK: Duration = Duration::from_millis(100);
/// Ten times a second at most.
const DRAW_EVERY_MIN: Duration = Duration::from_millis(100);
