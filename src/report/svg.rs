//! Plots as SVG.

use plotters::prelude::*;

use super::chart::{Chart, SCALE};
use crate::error::Result;

/// The chart as a document that can also stand inside HTML.
pub fn write(chart: &Chart) -> Result<String> {
    let (width, height) = chart.size()?;
    let mut svg = String::new();
    let scaled = ((width * SCALE) as u32, (height * SCALE) as u32);
    chart.draw(&SVGBackend::with_string(&mut svg, scaled).into_drawing_area(), 0)?;
    // The view box stays in scaled pixels; what is shown is as large as meant, and says what it is.
    let from = format!("<svg width=\"{}\" height=\"{}\"", scaled.0, scaled.1);
    let label = escape(&chart.title);
    let to = format!("<svg width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"{label}\"");
    Ok(svg.replacen(&from, &to, 1))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
