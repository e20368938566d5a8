//! Plots as PNG.

use plotters::prelude::*;

use super::chart::{Chart, SCALE};
use crate::error::{Error, Result};

/// Plotters' bitmaps centre the line of a text without its descenders, in scaled pixels.
const TEXT_RISE: i32 = 5;

/// The chart as a PNG file, its edges smoothed by averaging the scaled pixels.
pub fn write(chart: &Chart) -> Result<Vec<u8>> {
    let (width, height) = chart.size()?;
    let (width, height, scale) = (width as usize, height as usize, SCALE as usize);
    let mut drawn = vec![0; width * height * scale * scale * 3];
    let scaled = ((width * scale) as u32, (height * scale) as u32);
    chart.draw(&BitMapBackend::with_buffer(&mut drawn, scaled).into_drawing_area(), TEXT_RISE)?;
    encode(&halve(&drawn, width), width as u32, height as u32)
}

const _: () = assert!(SCALE == 2, "`halve` averages squares of two by two pixels");

/// An image of half the size, `width` wide, each pixel the mean of four.
fn halve(drawn: &[u8], width: usize) -> Vec<u8> {
    let mut pixels = vec![0; drawn.len() / 4];
    let rows = drawn.chunks_exact(width * 2 * 3 * 2).zip(pixels.chunks_exact_mut(width * 3));
    for (drawn, pixels) in rows {
        let (upper, lower) = drawn.split_at(width * 2 * 3);
        let (upper, lower) = (upper.as_chunks::<6>().0, lower.as_chunks::<6>().0);
        let (pixels, _) = pixels.as_chunks_mut::<3>();
        for ((pixel, up), low) in pixels.iter_mut().zip(upper).zip(lower) {
            let mean = |a: u8, b: u8, c: u8, d: u8| ((a as u16 + b as u16 + c as u16 + d as u16) / 4) as u8;
            *pixel = [
                mean(up[0], up[3], low[0], low[3]),
                mean(up[1], up[4], low[1], low[4]),
                mean(up[2], up[5], low[2], low[5]),
            ];
        }
    }
    pixels
}

fn encode(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>> {
    let failed = |cause: png::EncodingError| Error::failed(format!("could not write a plot as PNG: {cause}"));
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(pixels).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(file)
}
