//! How lines, areas and text of charts look: colours, dashes, markers and the font.

use std::sync::OnceLock;

use plotters::coord::Shift;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::*;
use plotters::style::{FontDesc, FontStyle, register_font};
use serde::{Serialize, Serializer};

use super::chart::SCALE;
use super::heat;
use crate::error::{Error, Result};

/// How a series is drawn.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ink {
    #[serde(serialize_with = "hexadecimal")]
    pub colour: RGBColor,
    #[serde(flatten)]
    pub mark: Mark,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "mark")]
pub enum Mark {
    /// Filled down to the series' base.
    Area,
    /// Steps that end at each point, filled down to the axis.
    Bars,
    /// Cells of a heat map whose lower left corners are the points and whose counts are the base: so wide, and so many
    /// times as high above as below. The darkest holds `most`.
    Cells { width: f64, ratio: f64, most: f64 },
    /// A line of some width in pixels, with a marker now and then.
    Line { width: u32, dash: Dash, marker: Marker },
}

#[derive(Clone, Copy, Debug)]
pub enum Dash {
    Chain,
    Dashed,
    Dotted,
    Solid,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Marker {
    Circle,
    Cross,
    Diamond,
    None,
    Square,
    Triangle,
}

/// The hues of Okabe and Ito, which colour-blind readers can tell apart, each as dark as it takes to stand out 3:1 from
/// white paper and as light as it takes from dark; a grey last.
pub const PALETTE: [RGBColor; 8] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xCF, 0x7F, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xC8, 0x44, 0x2A),
    RGBColor(0xC2, 0x60, 0x9A),
    RGBColor(0x3A, 0x96, 0xD0),
    RGBColor(0x97, 0x86, 0x00),
    RGBColor(0x80, 0x80, 0x80),
];
pub const BLACK: RGBColor = RGBColor(0x11, 0x11, 0x11);
pub const GREY: RGBColor = RGBColor(0x8C, 0x8C, 0x8C);
pub const PAPER: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);
pub const TEXT: RGBColor = RGBColor(0x22, 0x22, 0x22);

pub const GRID: ShapeStyle =
    ShapeStyle { color: RGBAColor(0xE4, 0xE4, 0xE4, 1.0), filled: false, stroke_width: SCALE as u32 };
pub const FRAME: ShapeStyle =
    ShapeStyle { color: RGBAColor(0x66, 0x66, 0x66, 1.0), filled: false, stroke_width: SCALE as u32 };

/// Sizes of text in pixels, before scaling.
pub const BODY: i32 = 17;
pub const TITLE: i32 = 22;

/// As SVG names it, so that a viewer without the first family takes the next.
const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// So many points are all marked.
const MARKED_MAX: usize = 16;

/// Pixels between two markers of a line, before scaling.
const MARKER_GAP: f64 = 90.0;

impl Dash {
    /// The lengths of its dashes and gaps in pixels, by turns; none of a whole line.
    fn pattern(self) -> &'static [f64] {
        match self {
            Dash::Chain => &[9.0, 4.0, 2.5, 4.0],
            Dash::Dashed => &[9.0, 5.0],
            Dash::Dotted => &[2.5, 4.0],
            Dash::Solid => &[],
        }
    }
}

impl Ink {
    /// The line of the series at `index`: no two of the first forty have the same colour, dash and marker.
    pub fn line(index: usize) -> Ink {
        let markers = [Marker::Circle, Marker::Square, Marker::Triangle, Marker::Diamond, Marker::Cross];
        let dash = [Dash::Solid, Dash::Dashed, Dash::Chain, Dash::Dotted][index % 4];
        let mark = Mark::Line { width: 2, dash, marker: markers[index % markers.len()] };
        Ink { colour: PALETTE[index % PALETTE.len()], mark }
    }

    pub fn filled(index: usize, mark: Mark) -> Ink {
        Ink { colour: PALETTE[index % PALETTE.len()], mark }
    }
}

impl Serialize for Dash {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.pattern().serialize(serializer)
    }
}

/// As SVG has it.
fn hexadecimal<S: Serializer>(colour: &RGBColor, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2))
}

/// The font at a size in pixels before scaling. It is part of the program, so a machine needs none.
pub fn font(size: i32, style: FontStyle) -> Result<FontDesc<'static>> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let is_registered = REGISTERED.get_or_init(|| {
        register_font(FAMILY, FontStyle::Normal, dejavu::sans::regular()).is_ok()
            && register_font(FAMILY, FontStyle::Bold, dejavu::sans::bold()).is_ok()
    });
    if !is_registered {
        return Err(Error::failed("could not draw a plot: the font in the program is unreadable"));
    }
    Ok(FontDesc::new(FontFamily::Name(FAMILY), f64::from(size * SCALE), style))
}

/// The width of a text in pixels, before scaling.
pub fn text_width(text: &str, size: i32) -> Result<i32> {
    let measured = font(size, FontStyle::Normal)?.box_size(text);
    let (width, _) = measured.map_err(|cause| Error::failed(format!("could not draw a plot: {cause}")))?;
    Ok(width as i32 / SCALE + 1)
}

/// Draws a legend's sample of a series within scaled pixels: `left` to `right`, around `middle`.
pub fn swatch<DB: DrawingBackend>(
    root: &DrawingArea<DB, Shift>,
    ink: &Ink,
    (left, right): (i32, i32),
    middle: i32,
) -> Drawn<DB> {
    match ink.mark {
        Mark::Area | Mark::Bars => {
            let half = 6 * SCALE;
            root.draw(&Rectangle::new([(left, middle - half), (right, middle + half)], ink.colour.filled()))
        }
        Mark::Cells { .. } => (0..).zip(heat::RAMP).try_for_each(|(nth, colour)| {
            let edge = |nth: i32| left + (right - left) * nth / heat::RAMP.len() as i32;
            let (half, ends) = (6 * SCALE, (edge(nth), edge(nth + 1)));
            let block = [(ends.0, middle - half), (ends.1, middle + half)];
            root.draw(&Rectangle::new(block, colour.filled()))
        }),
        Mark::Line { width, dash, marker } => {
            let plain = Mark::Line { width, dash, marker: Marker::None };
            draw(root, &Ink { mark: plain, ..*ink }, &[(left, middle), (right, middle)], &[], middle)?;
            draw_marker(root, marker, ((left + right) / 2, middle), ink.colour)
        }
    }
}

type Drawn<DB> = std::result::Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// Draws a series at scaled pixels; areas go down to `base`, bars to `bottom`. Cells are not drawn here: they are no
/// points.
pub fn draw<DB: DrawingBackend>(
    root: &DrawingArea<DB, Shift>,
    ink: &Ink,
    points: &[(i32, i32)],
    base: &[i32],
    bottom: i32,
) -> Drawn<DB> {
    if points.is_empty() {
        return Ok(());
    }
    match ink.mark {
        Mark::Area => {
            let lower = points.iter().zip(base).map(|(point, base)| (point.0, *base));
            let outline: Vec<_> = points.iter().copied().chain(lower.rev()).collect();
            root.draw(&Polygon::new(outline, ink.colour.filled()))?;
            stroke(root, points, PAPER.stroke_width(SCALE as u32))
        }
        Mark::Cells { .. } => Ok(()),
        Mark::Bars => {
            let steps = steps(points, bottom);
            root.draw(&Polygon::new(steps.clone(), ink.colour.mix(0.45).filled()))?;
            stroke(root, &steps, ink.colour.stroke_width(SCALE as u32))
        }
        Mark::Line { width, dash, marker } => {
            let style = ink.colour.stroke_width(width * SCALE as u32);
            match dash.pattern() {
                [] => stroke(root, points, style)?,
                pattern => dashed(points, pattern).iter().try_for_each(|dash| stroke(root, dash, style))?,
            }
            markers(points).into_iter().try_for_each(|at| draw_marker(root, marker, at, ink.colour))
        }
    }
}

/// The outline of bars of which each reaches from the point before it to its own; the first is as wide
/// as the second.
fn steps(points: &[(i32, i32)], bottom: i32) -> Vec<(i32, i32)> {
    let width = points.windows(2).next().map_or(8 * SCALE, |pair| pair[1].0 - pair[0].0);
    let mut left = points.first().map_or(0, |first| first.0 - width);
    let mut outline = vec![(left, bottom)];
    for (right, top) in points {
        outline.extend([(left, *top), (*right, *top)]);
        left = *right;
    }
    outline.push((left, bottom));
    outline
}

/// A line through all points.
fn stroke<DB: DrawingBackend>(
    root: &DrawingArea<DB, Shift>,
    points: &[(i32, i32)],
    style: ShapeStyle,
) -> Drawn<DB> {
    root.draw(&PathElement::new(points.to_vec(), style))
}

/// Cuts a line into dashes and gaps: by turns so many pixels each, before scaling.
fn dashed(points: &[(i32, i32)], pattern: &[f64]) -> Vec<Vec<(i32, i32)>> {
    let mut lengths = pattern.iter().map(|length| length * f64::from(SCALE)).cycle();
    let mut next = || lengths.next().unwrap_or(f64::INFINITY);
    let mut dashes = Vec::new();
    let mut dash: Vec<(i32, i32)> = points.first().copied().into_iter().collect();
    let (mut is_on, mut left) = (true, next());
    for pair in points.windows(2) {
        let (dx, dy) = (f64::from(pair[1].0 - pair[0].0), f64::from(pair[1].1 - pair[0].1));
        let length = libm::hypot(dx, dy);
        let mut done = 0.0;
        while length - done > left {
            done += left;
            let at = (done / length * dx, done / length * dy);
            let at = (pair[0].0 + libm::round(at.0) as i32, pair[0].1 + libm::round(at.1) as i32);
            dash.push(at);
            if is_on {
                dashes.push(std::mem::take(&mut dash));
            } else {
                dash = vec![at];
            }
            is_on = !is_on;
            left = next();
        }
        left -= length - done;
        if is_on {
            dash.push(pair[1]);
        }
    }
    if is_on && dash.len() > 1 {
        dashes.push(dash);
    }
    dashes
}

/// The points that get a marker: all of a few, else the first and then each that is far enough along.
fn markers(points: &[(i32, i32)]) -> Vec<(i32, i32)> {
    if points.len() <= MARKED_MAX {
        return points.to_vec();
    }
    let mut marked: Vec<(i32, i32)> = Vec::new();
    for point in points {
        let far = |last: &(i32, i32)| {
            let (dx, dy) = (f64::from(point.0 - last.0), f64::from(point.1 - last.1));
            libm::hypot(dx, dy) >= MARKER_GAP * f64::from(SCALE)
        };
        if marked.last().is_none_or(far) {
            marked.push(*point);
        }
    }
    marked
}

fn draw_marker<DB: DrawingBackend>(
    root: &DrawingArea<DB, Shift>,
    marker: Marker,
    (x, y): (i32, i32),
    colour: RGBColor,
) -> Drawn<DB> {
    let r = 4 * SCALE;
    match marker {
        Marker::Circle => root.draw(&Circle::new((x, y), r, colour.filled())),
        Marker::Cross => {
            let style = colour.stroke_width(2 * SCALE as u32);
            root.draw(&PathElement::new(vec![(x - r, y - r), (x + r, y + r)], style))?;
            root.draw(&PathElement::new(vec![(x - r, y + r), (x + r, y - r)], style))
        }
        Marker::Diamond => {
            let r = r * 5 / 4;
            root.draw(&Polygon::new(vec![(x, y - r), (x + r, y), (x, y + r), (x - r, y)], colour.filled()))
        }
        Marker::None => Ok(()),
        Marker::Square => root.draw(&Rectangle::new([(x - r, y - r), (x + r, y + r)], colour.filled())),
        Marker::Triangle => {
            let r = r * 5 / 4;
            root.draw(&Polygon::new(vec![(x, y - r), (x + r, y + r), (x - r, y + r)], colour.filled()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As WCAG 2 defines it.
    fn contrast(one: RGBColor, other: RGBColor) -> f64 {
        let luminance = |RGBColor(red, green, blue)| {
            let linear = |part: u8| match f64::from(part) / 255.0 {
                part if part <= 0.04045 => part / 12.92,
                part => libm::pow((part + 0.055) / 1.055, 2.4),
            };
            0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
        };
        let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
        one.max(other) / one.min(other)
    }

    #[test]
    fn every_colour_of_a_line_stands_out_from_light_and_from_dark_paper() {
        for colour in PALETTE.into_iter().chain([GREY]) {
            for paper in [PAPER, RGBColor(0x15, 0x17, 0x1A)] {
                let contrast = contrast(colour, paper);
                assert!(contrast >= 3.0, "{colour:?} on {paper:?}: {contrast}");
            }
        }
    }

    #[test]
    fn no_two_of_the_first_lines_look_alike() {
        let looks: std::collections::BTreeSet<String> =
            (0..40).map(|nth| format!("{:?}", Ink::line(nth))).collect();
        assert_eq!(looks.len(), 40);
    }

    #[test]
    fn a_line_is_cut_into_dashes_and_gaps_by_turns() {
        let across = [(0, 0), (10 * SCALE, 0), (20 * SCALE, 0)];
        let lengths: Vec<i32> = dashed(&across, Dash::Chain.pattern())
            .iter()
            .map(|dash| (dash[dash.len() - 1].0 - dash[0].0) / SCALE)
            .collect();
        assert_eq!(lengths, [9, 2, 0], "9, 4 of nothing, 2.5, 4 of nothing, and what is left");
    }
}
