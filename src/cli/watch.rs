//! Who watches a run: a person by the live view or by a line, Prometheus by its metrics.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::mpsc::unbounded_channel;
use tollgate::collectors::Collectors;
use tollgate::error::{Error, Result};
use tollgate::http::scrape::{PATH, Scrape};
use tollgate::live::tally::Tally;
use tollgate::live::{Latest, exposition};
use tollgate::outcome::Outcome;
use tollgate::run::{self, Interrupts};

use super::output::{self, Progress};
use super::screen::{self, Screen};
use super::subject::Subject;

#[derive(clap::Args)]
pub struct Asked {
    /// What is shown while it runs: auto is the live view on a terminal with room for it, a line on another, and else
    /// nothing
    #[arg(long, value_enum, value_name = "FORM", default_value = "auto")]
    progress: Form,
    /// Serve the figures of the run under way to Prometheus, at http://ADDR/metrics; port 0 takes a free one. Whoever
    /// reaches the address can read them
    #[arg(long, value_name = "ADDR", value_parser = output::address)]
    metrics: Option<SocketAddr>,
}

/// What a person sees of a run under way.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Form {
    Auto,
    /// A line; where standard error is no terminal, one every ten seconds
    Line,
    None,
    /// The live view; needs a terminal
    Tui,
}

impl Asked {
    /// What the terminal can show of what is wanted: never [`Form::Auto`].
    fn form(&self, is_quiet: bool) -> Result<Form> {
        let is_terminal = std::io::stderr().is_terminal();
        match self.progress {
            _ if is_quiet => Ok(Form::None),
            Form::Auto if has_view() && screen::has_room() => Ok(Form::Tui),
            Form::Auto if is_terminal => Ok(Form::Line),
            Form::Auto | Form::None => Ok(Form::None),
            Form::Line => Ok(Form::Line),
            Form::Tui if has_view() => Ok(Form::Tui),
            Form::Tui if cfg!(feature = "tui") => Err(Error::usage(
                "--progress tui needs standard output and standard error on a terminal that can move its cursor; use \
                 --progress line, or leave it out",
            )),
            Form::Tui => Err(Error::usage(
                "this tollgate was built without its feature `tui`, so there is no live view; use --progress line",
            )),
        }
    }

    /// Checks what can be checked before the run, and serves metrics where they are wanted.
    pub fn begin(&self, is_quiet: bool) -> Result<Option<Metrics>> {
        self.form(is_quiet)?;
        let metrics = self.metrics.map(Metrics::serve).transpose()?;
        if let Some(metrics) = metrics.as_ref().filter(|_| !is_quiet) {
            output::complain(&format!("metrics at http://{}{PATH}", metrics.scrape.addr()));
        }
        Ok(metrics)
    }
}

/// Metrics that are served, of one run after the other.
pub struct Metrics {
    scrape: Scrape,
    latest: Latest,
}

impl Metrics {
    fn serve(addr: SocketAddr) -> Result<Metrics> {
        let latest = Latest::default();
        let own = latest.clone();
        let page = move || own.get().map_or_else(String::new, |live| exposition::write(&live));
        let scrape = Scrape::serve(addr, exposition::CONTENT_TYPE, page).map_err(|cause| {
            Error::failed(format!(
                "could not listen on {addr} for --metrics: {cause}; give it another port, or 0 for one that is free"
            ))
        })?;
        Ok(Metrics { scrape, latest })
    }
}

/// A run that is watched.
pub struct Watch {
    line: Option<Progress>,
    screen: Option<Screen>,
    /// Where somebody wants more than a line.
    tally: Option<Tally>,
    latest: Latest,
    /// Warnings that wait for the screen to be free.
    waiting: Vec<String>,
}

impl Watch {
    /// Begins to show a run that goes by `title`, and says how it is interrupted.
    pub fn begin(
        args: &Asked,
        subject: &Subject,
        (title, is_quiet): (String, bool),
        metrics: Option<&Metrics>,
    ) -> Result<(Watch, Interrupts)> {
        let latest = metrics.map(|metrics| metrics.latest.clone()).unwrap_or_default();
        let form = args.form(is_quiet)?;
        let (sender, receiver) = unbounded_channel();
        // A terminal that cannot be taken can show a line.
        let screen = (form == Form::Tui).then(|| Screen::open(latest.clone(), sender).ok()).flatten();
        let has_line = form == Form::Line || (form == Form::Tui && screen.is_none());
        let millis = u64::try_from(subject.scenario.duration.get().as_millis()).unwrap_or(u64::MAX);
        let line = has_line.then(|| Progress::new(millis, false).or_lines(args.progress == Form::Line));
        let is_counted = screen.is_some() || metrics.is_some();
        let tally = is_counted.then(|| Tally::new(title, &subject.scenario, &subject.setup));
        let interrupts = match screen {
            Some(_) => Interrupts::SignalsAnd(receiver),
            None => Interrupts::Signals,
        };
        Ok((Watch { line, screen, tally, latest, waiting: Vec::new() }, interrupts))
    }

    pub fn collect(&mut self, outcome: &Outcome) {
        if let Some(tally) = &mut self.tally {
            tally.collect(outcome);
        }
    }

    pub fn show(&mut self, now: &run::Progress, collectors: &Collectors) {
        if let Some(tally) = &mut self.tally {
            self.latest.put(Arc::new(tally.look(now, collectors)));
        }
        if let Some(line) = &mut self.line {
            line.set(now.now.as_nanos() / 1_000_000, || standing(now));
        }
    }

    /// Warns of something at once, or once the screen is free.
    pub fn warn(&mut self, warning: &str) {
        let warning = format!("warning: {warning}");
        match &self.line {
            _ if self.screen.is_some() => self.waiting.push(warning),
            Some(line) => line.say(&warning),
            None => output::complain(&warning),
        }
    }

    /// Gives the terminal back.
    pub fn finish(self) {
        if let Some(screen) = self.screen {
            screen.close();
        }
        if let Some(line) = self.line {
            line.finish();
        }
        self.waiting.iter().for_each(|warning| output::complain(warning));
    }
}

/// Where a run stands, in a line.
fn standing(now: &run::Progress) -> String {
    let rate = now.asked as f64 / now.now.as_secs_f64().max(1e-3);
    let run::Progress { in_flight, done, refused, failed, .. } = now;
    format!("{rate:.0}/s · {in_flight} in flight · {done} done · {refused} refused · {failed} failed")
}

/// Whether there can be a live view.
fn has_view() -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    cfg!(feature = "tui") && !is_dumb && std::io::stdout().is_terminal() && std::io::stderr().is_terminal()
}
