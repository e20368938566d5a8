//! The only way out to a terminal: a closed pipe is success, and colour is for terminals.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tollgate::error::{Error, Result};

/// Writes to standard output. A reader that has had enough is no error.
pub fn say(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::failed(format!("could not write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Standard output for what is written bit by bit. A reader that has had enough is no error here either.
pub struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match io::stdout().write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match io::stdout().flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}

/// Writes a line to standard error, as well as it can.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Writes warnings to standard error.
pub fn warn(warnings: &[String]) {
    warnings.iter().for_each(|warning| complain(&format!("warning: {warning}")));
}

/// Colour where a stream is a terminal and nobody asked for none (https://no-color.org).
pub fn is_coloured(stream: &impl IsTerminal) -> bool {
    let is_wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    is_wanted && stream.is_terminal()
}

/// How far it is: a line on a terminal; nothing elsewhere, or a line now and then where that is wanted.
pub struct Progress {
    bar: ProgressBar,
    /// Where lines are written in place of one that changes: how much there is to do.
    lines: Option<u64>,
    shown: Instant,
}

impl Progress {
    pub fn new(length: u64, is_quiet: bool) -> Progress {
        let mut progress = Progress::endless(is_quiet);
        progress.restart(Some(length));
        progress
    }

    /// Of what nobody knows how much there is to do.
    pub fn endless(is_quiet: bool) -> Progress {
        let is_shown = !is_quiet && io::stderr().is_terminal();
        let bar = if is_shown { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let mut progress = Progress { bar, lines: None, shown: Instant::now() };
        progress.restart(None);
        progress
    }

    /// What is left is at most what it says: there may be less to do.
    pub fn bounded(self) -> Progress {
        self.shape("{bar:20} {percent:>3} % {eta:>4} at most  {wide_msg}");
        self
    }

    /// From here on it is about something else, of which there may be known how much there is to do.
    pub fn restart(&mut self, length: Option<u64>) {
        self.bar.reset();
        let form = match length {
            None => "{spinner} {elapsed:>4}  {wide_msg}",
            Some(length) => {
                self.bar.set_length(length);
                "{bar:20} {percent:>3} % {eta:>4} left  {wide_msg}"
            }
        };
        self.shape(form);
    }

    fn shape(&self, form: &str) {
        if let Ok(style) = ProgressStyle::with_template(form) {
            self.bar.set_style(style);
        }
    }

    /// Shows a position, at most about ten times a second.
    pub fn set(&mut self, position: u64, message: impl FnOnce() -> String) {
        let every = if self.lines.is_some() { LINE_EVERY } else { Duration::from_millis(100) };
        let is_shown = self.lines.is_some() || !self.bar.is_hidden();
        if !is_shown || self.shown.elapsed() <= every {
            return;
        }
        self.shown = Instant::now();
        match self.lines {
            Some(length) => complain(&format!("{:>3} %  {}", position * 100 / length.max(1), message())),
            None => {
                self.bar.set_position(position);
                self.bar.set_message(message());
            }
        }
    }

    /// There is more to do than was thought, or less.
    pub fn stretch(&mut self, length: u64) {
        self.bar.set_length(length);
        self.lines = self.lines.map(|_| length);
    }

    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(feature = "net")]
impl Progress {
    /// Where it would show nothing, `is_wanted` makes it write a line every ten seconds.
    pub fn or_lines(self, is_wanted: bool) -> Progress {
        let length = self.bar.length().unwrap_or_default();
        let lines = (is_wanted && self.bar.is_hidden()).then_some(length);
        Progress { lines, ..self }
    }

    /// Writes a line beside it.
    pub fn say(&self, text: &str) {
        self.bar.suspend(|| complain(text));
    }
}

const LINE_EVERY: Duration = Duration::from_secs(10);

/// Reads where to listen.
#[cfg(feature = "net")]
pub fn address(text: &str) -> std::result::Result<std::net::SocketAddr, String> {
    text.parse().map_err(|_| "write an IP address and a port, such as 127.0.0.1:8080".into())
}

/// The width of a column of names.
pub fn width<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(|name| name.chars().count()).max().unwrap_or_default()
}
