//! A chart: titled panels over one axis, drawn by plotters on any of its backends.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::FontStyle;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use serde::{Serialize, Serializer};

use super::axis::Axis;
use super::heat::{self, Block};
use super::ink::{self, BODY, Ink, Mark, TITLE};
use super::show;
use crate::error::{Error, Result};

/// What a chart shows.
#[derive(Clone, Debug, Serialize)]
pub struct Chart {
    /// The file's name without its ending.
    pub name: &'static str,
    pub title: String,
    pub x: Axis,
    /// From top to bottom. Those of one chart have one label for their y axes: the first one's, where all
    /// are alike.
    pub panels: Vec<Panel>,
    /// Whether the series are told apart by a legend, or by the panels' headings.
    pub has_legend: bool,
    /// A line under the chart.
    pub note: String,
}

/// A plotting area.
#[derive(Clone, Debug, Serialize)]
pub struct Panel {
    /// Stands above it; empty for none.
    pub heading: String,
    pub y: Axis,
    /// From back to front.
    pub series: Vec<Series>,
    /// Height in pixels.
    pub height: i32,
}

/// Points and how they are drawn.
#[derive(Clone, Debug, Serialize)]
pub struct Series {
    pub name: String,
    pub ink: Ink,
    /// Ascending in x.
    #[serde(serialize_with = "brief_points")]
    pub points: Vec<(f64, f64)>,
    /// For areas: the lower edge at each point. For cells: how many are in each.
    #[serde(serialize_with = "brief_numbers")]
    pub base: Vec<f64>,
}

/// Backends draw in whole pixels, so everything is drawn larger by this, for finer lines.
pub const SCALE: i32 = 2;

/// Pixels, before scaling.
const WIDTH: i32 = 960;
const MARGIN: i32 = 20;
const TITLE_HEIGHT: i32 = 44;
const LEGEND_ROW: i32 = 24;
const HEADING_HEIGHT: i32 = 26;
const PANEL_GAP: i32 = 20;
const X_LABELS: i32 = 44;
const NOTE_HEIGHT: i32 = 24;
/// Room for the y axis' own label.
const Y_LABEL: i32 = 30;
const SWATCH: i32 = 34;

/// Longer names in the legend lose their middle.
const NAME_MAX: usize = 48;

impl Chart {
    /// Whether there is anything to draw.
    pub fn has_data(&self) -> bool {
        self.panels.iter().flat_map(|panel| &panel.series).any(|series| !series.points.is_empty())
    }

    /// Width and height in pixels, before scaling.
    pub fn size(&self) -> Result<(i32, i32)> {
        let legend = self.legend()?.last().map_or(0, |entry| entry.row + 1) * LEGEND_ROW;
        let heading = |panel: &Panel| if panel.heading.is_empty() { 0 } else { HEADING_HEIGHT };
        let panels: i32 =
            self.panels.iter().map(|panel| panel.height + heading(panel) + PANEL_GAP).sum::<i32>();
        let note = if self.note.is_empty() { 0 } else { NOTE_HEIGHT };
        Ok((WIDTH, TITLE_HEIGHT + MARGIN + legend + panels + X_LABELS + note))
    }

    /// Draws on a backend of [`SCALE`] times [`Chart::size`] that centres text `text_rise` scaled pixels too
    /// high.
    pub fn draw<DB: DrawingBackend>(&self, root: &DrawingArea<DB, Shift>, text_rise: i32) -> Result<()> {
        let paper = Paper { root, text_rise };
        root.fill(&ink::PAPER).map_err(failed)?;
        paper.text(
            &show::shorten(&self.title, 80),
            MARGIN,
            MARGIN + 6,
            TITLE,
            FontStyle::Bold,
            HPos::Left,
        )?;
        let legend = self.legend()?;
        for entry in &legend {
            let top = TITLE_HEIGHT + entry.row * LEGEND_ROW;
            paper.swatch(&entry.ink, entry.left, top + LEGEND_ROW / 2)?;
            let (left, middle) = (entry.left + SWATCH + 8, top + LEGEND_ROW / 2);
            paper.text(&entry.name, left, middle, BODY, FontStyle::Normal, HPos::Left)?;
        }
        let mut top = TITLE_HEIGHT + MARGIN + legend.last().map_or(0, |entry| entry.row + 1) * LEGEND_ROW;
        let left = MARGIN + Y_LABEL + self.tick_width()? + 8;
        let (first, mut bottom) = (top, top);
        for panel in &self.panels {
            if !panel.heading.is_empty() {
                paper.text(
                    &panel.heading,
                    left,
                    top + HEADING_HEIGHT / 2,
                    BODY,
                    FontStyle::Bold,
                    HPos::Left,
                )?;
                top += HEADING_HEIGHT;
            }
            let frame = Frame { left, top, right: WIDTH - MARGIN - 14, bottom: top + panel.height };
            paper.panel(self, panel, frame)?;
            bottom = frame.bottom;
            top = bottom + PANEL_GAP;
        }
        self.labels(&paper, left, first, bottom)?;
        if !self.note.is_empty() {
            let note = show::shorten(&self.note, 120);
            paper.text(&note, left, bottom + X_LABELS + NOTE_HEIGHT, BODY, FontStyle::Normal, HPos::Left)?;
        }
        root.present().map_err(failed)
    }

    /// The x axis' ticks and label, and the y axes' labels.
    fn labels<DB: DrawingBackend>(&self, paper: &Paper<DB>, left: i32, top: i32, bottom: i32) -> Result<()> {
        let right = WIDTH - MARGIN - 14;
        let mut free = 0;
        for (value, label) in &self.x.ticks {
            let at = left + (self.x.place(*value) * f64::from(right - left)) as i32;
            let half = ink::text_width(label, BODY)? / 2;
            let at = at.min(WIDTH - half - 4);
            if at - half > free {
                paper.text(label, at, bottom + 16, BODY, FontStyle::Normal, HPos::Center)?;
                free = at + half + 8;
            }
        }
        let middle = (left + right) / 2;
        paper.text(&self.x.label, middle, bottom + 42, BODY, FontStyle::Normal, HPos::Center)?;
        let is_same = self.panels.windows(2).all(|pair| pair[0].y.label == pair[1].y.label);
        if let (Some(panel), true) = (self.panels.first(), is_same) {
            return paper.rotated(&panel.y.label, MARGIN, (top + bottom) / 2);
        }
        let mut top = top;
        for panel in &self.panels {
            top += if panel.heading.is_empty() { 0 } else { HEADING_HEIGHT };
            paper.rotated(&panel.y.label, MARGIN, top + panel.height / 2)?;
            top += panel.height + PANEL_GAP;
        }
        Ok(())
    }

    /// The width of the widest label at a y axis.
    fn tick_width(&self) -> Result<i32> {
        let mut widest = 0;
        for (_, label) in self.panels.iter().flat_map(|panel| &panel.y.ticks) {
            widest = widest.max(ink::text_width(label, BODY)?);
        }
        Ok(widest)
    }

    /// The legend's entries, row after row, each drawn series' name once.
    fn legend(&self) -> Result<Vec<Entry>> {
        let mut entries: Vec<Entry> = Vec::new();
        let (mut left, mut row) = (MARGIN, 0);
        for series in self.panels.iter().flat_map(|panel| &panel.series) {
            let name = show::shorten(&series.name, NAME_MAX);
            let is_told = entries.iter().any(|entry| entry.name == name);
            if !self.has_legend || is_told || series.points.is_empty() {
                continue;
            }
            let width = SWATCH + 8 + ink::text_width(&name, BODY)? + 24;
            if left > MARGIN && left + width > WIDTH - MARGIN {
                (left, row) = (MARGIN, row + 1);
            }
            entries.push(Entry { name, ink: series.ink, left, row });
            left += width;
        }
        Ok(entries)
    }
}

struct Entry {
    name: String,
    ink: Ink,
    left: i32,
    row: i32,
}

/// A panel's plotting area in pixels, before scaling.
#[derive(Clone, Copy)]
struct Frame {
    left: i32,
    top: i32,
    right: i32,
    bottom: i32,
}

/// A drawing area on which pixels are given before scaling.
struct Paper<'a, DB: DrawingBackend> {
    root: &'a DrawingArea<DB, Shift>,
    text_rise: i32,
}

impl<DB: DrawingBackend> Paper<'_, DB> {
    /// The grid and the y axis' ticks, then the series, then the frame's two axes.
    fn panel(&self, chart: &Chart, panel: &Panel, frame: Frame) -> Result<()> {
        let x = |value: f64| place(&chart.x, value, frame.left, frame.right);
        let y = |value: f64| place(&panel.y, value, frame.bottom, frame.top);
        let (left, right) = (frame.left * SCALE, frame.right * SCALE);
        let (top, bottom) = (frame.top * SCALE, frame.bottom * SCALE);
        for (value, _) in &chart.x.ticks {
            self.line(vec![(x(*value), top), (x(*value), bottom)], ink::GRID)?;
        }
        let mut free = i32::MAX;
        for (value, label) in &panel.y.ticks {
            self.line(vec![(left, y(*value)), (right, y(*value))], ink::GRID)?;
            let middle = y(*value) / SCALE;
            if middle < free {
                self.text(label, frame.left - 8, middle, BODY, FontStyle::Normal, HPos::Right)?;
                free = middle - 16;
            }
        }
        for series in &panel.series {
            if let Mark::Cells { width, ratio, most } = series.ink.mark {
                for Block { from, to, level } in heat::blocks(series, width, ratio, most) {
                    let corners = [(x(from.0), y(to.1)), (x(to.0), y(from.1))];
                    let block = Rectangle::new(corners, heat::RAMP[level].filled());
                    self.root.draw(&block).map_err(failed)?;
                }
                continue;
            }
            let points: Vec<_> = series.points.iter().map(|point| (x(point.0), y(point.1))).collect();
            let base: Vec<_> = series.base.iter().map(|value| y(*value)).collect();
            ink::draw(self.root, &series.ink, &points, &base, bottom).map_err(failed)?;
        }
        self.line(vec![(left, top), (left, bottom), (right, bottom)], ink::FRAME)?;
        if panel.series.iter().all(|series| series.points.is_empty()) {
            let (middle, height) = ((frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2);
            self.text("no data", middle, height, TITLE, FontStyle::Normal, HPos::Center)?;
        }
        Ok(())
    }

    fn swatch(&self, ink: &Ink, left: i32, middle: i32) -> Result<()> {
        let ends = (left * SCALE, (left + SWATCH) * SCALE);
        ink::swatch(self.root, ink, ends, middle * SCALE).map_err(failed)
    }

    fn line(&self, points: Vec<(i32, i32)>, style: ShapeStyle) -> Result<()> {
        self.root.draw(&PathElement::new(points, style)).map_err(failed)
    }

    /// Text on a line whose middle is at `y`.
    fn text(&self, text: &str, x: i32, y: i32, size: i32, style: FontStyle, anchor: HPos) -> Result<()> {
        let font = ink::font(size, style)?.color(&ink::TEXT).pos(Pos::new(anchor, VPos::Center));
        self.root.draw_text(text, &font, (x * SCALE, y * SCALE + self.text_rise)).map_err(failed)
    }

    /// Text that reads upwards, in the middle of a height.
    fn rotated(&self, text: &str, x: i32, middle: i32) -> Result<()> {
        let font = ink::font(BODY, FontStyle::Normal)?.transform(FontTransform::Rotate270);
        let font = font.color(&ink::TEXT).pos(Pos::new(HPos::Center, VPos::Center));
        self.root.draw_text(text, &font, (x * SCALE, middle * SCALE)).map_err(failed)
    }
}

/// Numbers to twelve digits: dollars of a large bill to the cent.
fn brief(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return 0.0;
    }
    format!("{number:.11e}").parse().unwrap_or(number)
}

fn brief_points<S: Serializer>(points: &[(f64, f64)], serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_seq(points.iter().map(|(x, y)| (brief(*x), brief(*y))))
}

fn brief_numbers<S: Serializer>(numbers: &[f64], serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_seq(numbers.iter().map(|number| brief(*number)))
}

/// A value's place between two pixels, scaled.
fn place(axis: &Axis, value: f64, from: i32, to: i32) -> i32 {
    libm::round(f64::from(from * SCALE) + axis.place(value) * f64::from((to - from) * SCALE)) as i32
}

fn failed(cause: impl std::fmt::Display) -> Error {
    Error::failed(format!("could not draw a plot: {cause}"))
}
