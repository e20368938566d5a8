//! Rows in columns: names to the left, numbers to the right, columns without a word left out.

use std::fmt::Write as _;

/// Text in columns.
pub struct Grid {
    headings: Vec<&'static str>,
    /// The first columns hold names.
    names: usize,
    rows: Vec<Vec<String>>,
}

impl Grid {
    pub fn new(names: &[&'static str], numbers: &[&'static str]) -> Grid {
        Grid { headings: [names, numbers].concat(), names: names.len(), rows: Vec::new() }
    }

    /// A row has a cell for each heading.
    pub fn push(&mut self, row: Vec<String>) {
        debug_assert_eq!(row.len(), self.headings.len());
        self.rows.push(row);
    }

    /// The headings and the rows, each line ended.
    pub fn text(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells.max().filter(|width| *width > 0).map(|width| width.max(self.headings[column].len()))
        };
        let widths: Vec<Option<usize>> = (0..self.headings.len()).map(width).collect();
        let mut out = String::new();
        let headings: Vec<String> = self.headings.iter().map(|heading| heading.to_string()).collect();
        for row in std::iter::once(&headings).chain(&self.rows) {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let Some(width) = widths[column] else { continue };
                let gap = if line.is_empty() { "" } else { "  " };
                let _ = if column < self.names {
                    write!(line, "{gap}{cell:width$}")
                } else {
                    write!(line, "{gap}{cell:>width$}")
                };
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_left_numbers_right_and_empty_columns_not_at_all() {
        let mut grid = Grid::new(&["model", "scope"], &["input", "output"]);
        grid.push(["gpt-6-sol", "", "2.00", "10.00"].map(String::from).to_vec());
        grid.push(["é", "", "20.00", ""].map(String::from).to_vec());
        assert_eq!(grid.text(), "model      input  output\ngpt-6-sol   2.00   10.00\né          20.00\n");
    }
}
