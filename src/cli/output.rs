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

/// A line that says how far it is, on a terminal; nothing elsewhere.
pub struct Progress {
    bar: ProgressBar,
    shown: Instant,
}

impl Progress {
    pub fn new(length: u64, is_quiet: bool) -> Progress {
        let is_shown = !is_quiet && io::stderr().is_terminal();
        let bar = if is_shown { ProgressBar::new(length) } else { ProgressBar::hidden() };
        let form = "{bar:20} {percent:>3} % {eta:>4} left  {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style);
        }
        Progress { bar, shown: Instant::now() }
    }

    /// Shows a position, at most about ten times a second.
    pub fn set(&mut self, position: u64, message: impl FnOnce() -> String) {
        if !self.bar.is_hidden() && self.shown.elapsed() > Duration::from_millis(100) {
            self.bar.set_position(position);
            self.bar.set_message(message());
            self.shown = Instant::now();
        }
    }

    /// There is more to do than was thought, or less.
    pub fn stretch(&mut self, length: u64) {
        self.bar.set_length(length);
    }

    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

/// The width of a column of names.
pub fn width<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(|name| name.chars().count()).max().unwrap_or_default()
}
