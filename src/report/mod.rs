//! How findings are shown: each form is one file, and all of them can be made again from `summary.json`.

mod axis;
pub mod canvas;
pub mod csv;
pub mod format;
pub mod hdr;
pub mod html;
pub mod json;
pub mod markdown;
pub mod plot;
pub mod summary;
pub mod terminal;

use std::fs;
use std::path::{Path, PathBuf};

pub use summary::Summary;

use crate::error::{Error, Result};

/// A file of a results folder, made from the summary and the scenario's text alone.
type Form = (&'static str, fn(&Summary, &str) -> Result<Vec<u8>>);

/// Every such file. To add a report form: one file, its `mod` above and its line here.
const FORMS: [Form; 5] = [
    ("cost.csv", |summary, _| csv::cost(summary)),
    ("report.html", html::page),
    ("summary.json", |summary, _| json::write(summary)),
    ("summary.md", |summary, _| Ok(markdown::page(summary).into_bytes())),
    ("timeseries.csv", |summary, _| csv::timeseries(summary)),
];

/// Writes everything that follows from the summary into `folder`, and says which files it wrote.
pub fn write_all(folder: &Path, summary: &Summary, scenario: &str) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    let mut write = |path: PathBuf, bytes: &[u8]| {
        fs::write(&path, bytes).map_err(|cause| Error::file("write", &path, cause))?;
        written.push(path);
        Ok::<(), Error>(())
    };
    for (name, form) in FORMS {
        write(folder.join(name), &form(summary, scenario)?)?;
    }
    let plots = folder.join("plots");
    fs::create_dir_all(&plots).map_err(|cause| Error::file("create", &plots, cause))?;
    for plot in plot::PLOTS {
        write(plots.join(format!("{}.svg", plot.name)), canvas::svg(plot, summary)?.as_bytes())?;
        write(plots.join(format!("{}.png", plot.name)), &canvas::png(plot, summary)?)?;
    }
    write(folder.join("scenario.toml"), scenario.as_bytes())?;
    Ok(written)
}

/// Makes every report of a results folder again from its `summary.json` and `scenario.toml`.
pub fn render_again(folder: &Path) -> Result<Summary> {
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).map_err(|cause| {
            let hint = "give the folder that run or simulate wrote, such as results/NAME/TIME";
            Error::failed(format!("could not read {}: {cause}; {hint}", path.display()))
        })
    };
    let summary = json::read(&read("summary.json")?).map_err(|why| {
        Error::failed(format!("{} is not a summary: {why}", folder.join("summary.json").display()))
    })?;
    write_all(folder, &summary, &read("scenario.toml")?)?;
    Ok(summary)
}

/// Makes a new results folder: `base/name/time`, with a number added where that exists.
pub fn results_dir(base: &Path, name: &str, time: &str) -> Result<PathBuf> {
    let parent = base.join(name);
    fs::create_dir_all(&parent).map_err(|cause| Error::file("create", &parent, cause))?;
    for attempt in 1..1000 {
        let folder = parent.join(if attempt == 1 { time.into() } else { format!("{time}-{attempt}") });
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(cause) => return Err(Error::file("create", &folder, cause)),
        }
    }
    Err(Error::failed(format!("{} holds a thousand results of {time}; move some away", parent.display())))
}

/// Uses `folder` for results, which must not hold anything yet.
pub fn empty_dir(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|cause| Error::file("create", folder, cause))?;
    let mut entries = fs::read_dir(folder).map_err(|cause| Error::file("read", folder, cause))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(Error::failed(format!(
            "{} is not empty, and results are never overwritten; give --out another folder",
            folder.display()
        ))),
    }
}
