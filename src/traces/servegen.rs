//! Clients as rates and lengths over time, and not as requests (ServeGen).
//!
//! `chunk-N-trace.csv` has a line without names for each window: start in seconds, requests a second, the gaps'
//! coefficient of variation, the family that fits them best, its shape and its scale. Time 0 is midnight where the
//! clients are (UTC+8). `chunk-N-dataset.json` beside it, where it is there, tells how long prompts and answers are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::clock::whole;
use super::layout::Form;
use super::{at_line, folder, sniff, source, table};
use crate::error::{Error, Result};

/// A client.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Client {
    /// Of its file, such as `chunk-7`.
    pub name: String,
    pub windows: Vec<Window>,
    /// How long prompts and answers are from some second on until the next; empty where no file tells.
    pub lengths: BTreeMap<u64, Lengths>,
}

/// What a client does in a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Seconds from midnight of the first day.
    pub start: f64,
    /// Requests a second; 0 where the client rests, or nothing was recorded.
    pub rate: f64,
    /// Standard deviation of the gaps over their mean.
    pub cv: f64,
    /// None where there are no gaps.
    pub family: Option<Family>,
    pub shape: f64,
    /// As it was fitted; gaps drawn with it are to be scaled so that they have the rate.
    pub scale: f64,
}

/// What gaps are distributed like.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    Gamma,
    Weibull,
}

/// How often each value comes, such as `input_tokens` or `image_count`: values with their probabilities, in order.
pub type Lengths = BTreeMap<String, Vec<(u32, f64)>>;

/// What a client comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Tally {
    pub windows: u64,
    /// Seconds of a window.
    pub window_s: f64,
    /// Windows in which there are requests.
    pub active_windows: u64,
    /// The longest time without requests, in seconds.
    pub longest_idle_s: f64,
    pub peak_rate_rps: f64,
    pub expected_requests: f64,
}

/// Several clients as one, whose rates add up; only its starts and rates mean something.
pub fn together(clients: &[Client]) -> Client {
    let mut windows: BTreeMap<u64, Window> = BTreeMap::new();
    for window in clients.iter().flat_map(|client| &client.windows) {
        // Starts are not negative, so their bits are in their order.
        let sum = windows.entry(window.start.to_bits()).or_insert(Window { rate: 0.0, ..*window });
        sum.rate += window.rate;
    }
    Client { windows: windows.into_values().collect(), ..Client::default() }
}

/// Whether the first line of a table is a client's window instead of names.
pub fn is_client(names: &[String]) -> bool {
    let is_number = |text: &String| text.trim().parse::<f64>().is_ok();
    let [start, rate, cv, family, shape, scale] = names else { return false };
    [start, rate, cv, shape, scale].into_iter().all(is_number) && family_of(family).is_ok()
}

impl Client {
    /// Reads a client's file of windows, and the file of lengths beside it if there is one.
    pub fn read(path: &Path) -> Result<Client> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.split("-trace.csv").next().unwrap_or_default().to_string();
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(source::open(path)?);
        let mut windows: Vec<Window> = Vec::new();
        for (row, line) in reader.records().zip(1..) {
            let window = row.map_err(|cause| cause.to_string()).and_then(|row| window(&row));
            let window = window.map_err(|what| at_line(path, line, what))?;
            if windows.last().is_some_and(|last| last.start >= window.start) {
                return Err(at_line(path, line, "the window does not begin after the one before it".into()));
            }
            windows.push(window);
        }
        let beside = ["", ".gz"].map(|end| path.with_file_name(format!("{name}-dataset.json{end}")));
        let lengths = match beside.iter().find(|beside| beside.is_file()) {
            Some(beside) => lengths(beside)?,
            None => BTreeMap::new(),
        };
        Ok(Client { name, windows, lengths })
    }

    /// The clients of a file, or of a folder in order of the files' names; none where it has no client's file.
    pub fn all(path: &Path) -> Result<Vec<Client>> {
        Client::files(path)?.iter().map(|file| Client::read(file)).collect()
    }

    /// The files of windows at a path.
    pub fn files(path: &Path) -> Result<Vec<PathBuf>> {
        let mut files = folder::files(path)?;
        if path.is_dir() {
            files.retain(|file| file.to_string_lossy().contains("-trace.csv"));
        }
        let mut found = Vec::new();
        for file in files {
            if sniff(&file)? == Form::Table && is_client(&table::names(&file)?) {
                found.push(file);
            }
        }
        Ok(found)
    }

    /// Seconds of a window.
    pub fn width(&self) -> f64 {
        let starts = self.windows.windows(2).map(|pair| pair[1].start - pair[0].start);
        starts.min_by(f64::total_cmp).unwrap_or(WINDOW)
    }

    /// How long prompts and answers are in a window that begins at `start` seconds, by the nearest table that is not
    /// empty and not later; none before the first one.
    pub fn lengths_at(&self, start: f64) -> Option<&Lengths> {
        let until = start.max(0.0) as u64;
        self.lengths.range(..=until).next_back().map(|(_, lengths)| lengths)
    }

    pub fn tally(&self) -> Tally {
        let width = self.width();
        let (mut idle, mut longest) = (0.0, 0.0f64);
        for window in &self.windows {
            idle = if window.rate > 0.0 { 0.0 } else { idle + width };
            longest = longest.max(idle);
        }
        Tally {
            windows: self.windows.len() as u64,
            window_s: width,
            active_windows: self.windows.iter().filter(|window| window.rate > 0.0).count() as u64,
            longest_idle_s: longest,
            peak_rate_rps: self.windows.iter().map(|window| window.rate).fold(0.0, f64::max),
            expected_requests: self.windows.iter().map(|window| window.rate * width).sum(),
        }
    }
}

/// A window from its line.
fn window(row: &csv::StringRecord) -> std::result::Result<Window, String> {
    let number = |nth: usize, what: &str| {
        let text = row.get(nth).unwrap_or_default().trim();
        let number = text.parse().ok().filter(|number| (0.0..1e12).contains(number));
        number.ok_or_else(|| format!("'{text}' in column {} is not {what}", nth + 1))
    };
    if row.len() != 6 {
        let what = "start, rate, coefficient of variation, family, shape and scale";
        return Err(format!("{} columns and not 6: {what}", row.len()));
    }
    Ok(Window {
        start: number(0, "a second")?,
        rate: number(1, "a rate")?,
        cv: number(2, "a coefficient of variation")?,
        family: family_of(&row[3])?,
        shape: number(4, "a shape")?,
        scale: number(5, "a scale")?,
    })
}

fn family_of(text: &str) -> std::result::Result<Option<Family>, String> {
    match text.trim() {
        "" => Ok(None),
        "Gamma" => Ok(Some(Family::Gamma)),
        "Weibull" => Ok(Some(Family::Weibull)),
        other => Err(format!("'{other}' is no family of gaps; there are: Gamma, Weibull")),
    }
}

/// Tables of lengths by the second from which on they hold.
fn lengths(path: &Path) -> Result<BTreeMap<u64, Lengths>> {
    let fail = |what: String| Error::usage(format!("{}: {what}", path.display()));
    let tables: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_reader(source::open(path)?)
        .map_err(|cause| fail(format!("{cause}; a text is expected for each of a window's tables")))?;
    let mut found = BTreeMap::new();
    for (start, tables) in tables {
        let digits = start.strip_suffix(".0").unwrap_or(&start).as_bytes();
        let second = whole(digits).and_then(|second| u64::try_from(second).ok());
        let second = second.ok_or_else(|| fail(format!("'{start}' is not a second")))?;
        let mut lengths = Lengths::new();
        for (name, text) in tables {
            let table = dictionary(&text).map_err(|what| fail(format!("{what} in {name} at {start}")))?;
            lengths.insert(name, table);
        }
        // A window without traffic has empty tables.
        if lengths.values().any(|table| !table.is_empty()) {
            found.insert(second, lengths);
        }
    }
    Ok(found)
}

/// A dictionary of values and their probabilities as Python writes it, which is no JSON: `{40: 0.25, 41: 0.75}`.
fn dictionary(text: &str) -> std::result::Result<Vec<(u32, f64)>, String> {
    let inside = text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    let inside = inside.ok_or_else(|| format!("'{text:.40}' is no dictionary"))?.trim();
    let pair = |pair: &str| {
        let (value, share) = pair.split_once(':')?;
        let value: f64 = value.trim().parse().ok()?;
        let share: f64 = share.trim().parse().ok()?;
        let is_fine = (0.0..=f64::from(u32::MAX)).contains(&value) && (0.0..=1.000_001).contains(&share);
        is_fine.then_some((value as u32, share))
    };
    let pairs = inside.split(',').filter(|text| !text.trim().is_empty());
    let pairs = pairs
        .map(|text| pair(text).ok_or_else(|| format!("'{}' is no value with its probability", text.trim())));
    let mut table = pairs.collect::<std::result::Result<Vec<_>, _>>()?;
    table.sort_by_key(|(value, _)| *value);
    Ok(table)
}

/// Seconds of a window where there is one window only.
const WINDOW: f64 = 600.0;
