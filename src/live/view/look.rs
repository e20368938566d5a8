//! How a terminal can show it: with colours or without, in Unicode or in ASCII.

use ratatui::buffer::Buffer;
use ratatui::style::Color;

#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub is_coloured: bool,
    pub is_unicode: bool,
}

impl Default for Look {
    fn default() -> Look {
        Look { is_coloured: true, is_unicode: true }
    }
}

impl Look {
    /// Takes what the terminal cannot show out of what was drawn.
    pub(super) fn apply(self, buffer: &mut Buffer) {
        for cell in &mut buffer.content {
            if !self.is_coloured {
                cell.set_fg(Color::Reset).set_bg(Color::Reset);
            }
            if !self.is_unicode && !cell.symbol().is_ascii() {
                let symbol = ascii(cell.symbol());
                cell.set_symbol(symbol);
            }
        }
    }
}

/// What stands for a symbol on a terminal that has only ASCII.
fn ascii(symbol: &str) -> &'static str {
    match symbol {
        FULL => "#",
        EMPTY => ".",
        "─" | "·" | "–" => "-",
        "≤" => "<",
        "µ" => "u",
        "×" => "x",
        "…" => "~",
        _ => "?",
    }
}

/// A bar that is full to a share, in so many columns: what is full, and what is not.
pub(super) fn bar(share: f64, columns: usize) -> (String, String) {
    let full = libm::round(share.clamp(0.0, 1.0) * columns as f64) as usize;
    (FULL.repeat(full), EMPTY.repeat(columns - full))
}

pub(super) const FULL: &str = "█";
pub(super) const EMPTY: &str = "░";
