//! Tables of medians, in Markdown.

/// The middle of some figures.
pub fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The value below which this share of all is, of figures in any order.
pub fn quantile(figures: &[f64], share: f64) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    let place = (share * figures.len() as f64).ceil() as usize;
    figures.get(place.max(1) - 1).copied().unwrap_or(f64::NAN)
}

/// Prints a title, column heads and rows.
pub fn print(title: &str, heads: &[&str], rows: &[Vec<String>]) {
    println!("\n{title}\n\n| {} |", heads.join(" | "));
    println!("|{}", "---|--:|".replacen("--:|", &"--:|".repeat(heads.len() - 1), 1));
    rows.iter().for_each(|row| println!("| {} |", row.join(" | ")));
}
