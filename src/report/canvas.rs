//! Where plots are drawn: SVG text and PNG pixels, with a font of our own, so that any machine draws the same.

use std::sync::Once;

use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use super::plot::Plot;
use super::summary::Summary;
use crate::error::{Error, Result};

/// Width and height of every plot, in pixels.
const SIZE: (u32, u32) = (1200, 600);

/// The plot as an SVG document.
pub fn svg(plot: Plot, summary: &Summary) -> Result<String> {
    register_fonts();
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        draw(plot, summary, &root)?;
    }
    Ok(text)
}

/// The plot as a PNG image.
pub fn png(plot: Plot, summary: &Summary) -> Result<Vec<u8>> {
    register_fonts();
    let mut pixels = vec![0; SIZE.0 as usize * SIZE.1 as usize * 3];
    {
        let root = BitMapBackend::with_buffer(&mut pixels, SIZE).into_drawing_area();
        draw(plot, summary, &root)?;
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIZE.0, SIZE.1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
    written.map_err(|cause| failed(plot, &cause))?;
    Ok(bytes)
}

fn draw<DB: DrawingBackend>(
    plot: Plot,
    summary: &Summary,
    root: &DrawingArea<DB, plotters::coord::Shift>,
) -> Result<()> {
    plot.draw(summary, root).and_then(|()| root.present()).map_err(|cause| failed(plot, &cause))
}

fn failed(plot: Plot, cause: &dyn std::fmt::Display) -> Error {
    Error::failed(format!("the plot '{}' cannot be drawn: {cause}", plot.name))
}

/// Plotters looks for no system fonts; unregistered, any text would fail.
fn register_fonts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (style, bytes) in
            [(FontStyle::Normal, dejavu::sans::regular()), (FontStyle::Bold, dejavu::sans::bold())]
        {
            let registered = register_font("sans-serif", style, bytes);
            assert!(registered.is_ok(), "the embedded font is a font");
        }
    });
}
