//! How sure a figure is: intervals of means, differences, quantiles and shares, warm-up, and when to stop.

pub mod batches;
mod beta;
pub mod bootstrap;
pub mod change_point;
pub mod coverage;
pub mod interval;
pub mod pairs;
pub mod quantile;
pub mod run_length;
pub mod sample;
pub mod share;
pub mod spread;
pub mod stopping;
pub mod student;
pub mod warmup;

/// The ranks of figures, from 1 on; of equal figures the mean of theirs.
fn ranks(figures: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..figures.len()).collect();
    order.sort_by(|a, b| figures[*a].total_cmp(&figures[*b]));
    let mut ranks = vec![0.0; figures.len()];
    let mut before = 0.0;
    for equal in order.chunk_by(|a, b| figures[*a] == figures[*b]) {
        let count = equal.len() as f64;
        equal.iter().for_each(|at| ranks[*at] = before + (count + 1.0) / 2.0);
        before += count;
    }
    ranks
}

#[cfg(test)]
mod tests {
    #[test]
    fn ranks_of_equal_figures_are_the_mean_of_theirs() {
        assert_eq!(super::ranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
    }
}
