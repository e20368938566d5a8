//! Quantiles of lengths of one's own: pairs of a share and the tokens below which this share of all is.

use std::path::Path;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};
use crate::number::Share;

/// At least two knots, ascending, from share 0 to share 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Knots {
    points: Vec<(f64, f64)>,
    /// For each of a power of two of equal parts of 0..1: the first point above where the part begins.
    guide: Vec<u32>,
    /// How many.
    parts: f64,
}

impl Knots {
    /// From (share, tokens) pairs; or what is wrong with them.
    pub fn new(points: Vec<(f64, f64)>) -> std::result::Result<Knots, String> {
        let (Some(first), Some(last)) = (points.first(), points.last()) else {
            return Err("knots are at least two: those of share 0 and of share 1".into());
        };
        if first.0 != 0.0 || last.0 != 1.0 {
            return Err(format!("knots go from share 0 to share 1, not from {} to {}", first.0, last.0));
        }
        let is_falling = |pair: &&[(f64, f64)]| pair[1].0 < pair[0].0 || pair[1].1 < pair[0].1;
        if let Some(pair) = points.windows(2).find(is_falling) {
            let ((share, tokens), (next, fewer)) = (pair[0], pair[1]);
            return Err(format!("knots ascend: [{next}, {fewer}] cannot follow [{share}, {tokens}]"));
        }
        let parts = 2 * points.len().next_power_of_two();
        let above =
            |part: usize| points.partition_point(|(share, _)| *share <= part as f64 / parts as f64) as u32;
        Ok(Knots { guide: (0..parts).map(above).collect(), parts: parts as f64, points })
    }

    /// Those of a CSV file with the columns `share` and `tokens`.
    pub fn read(path: &Path) -> Result<Knots> {
        let text = std::fs::read_to_string(path).map_err(|cause| Error::file("read", path, cause))?;
        let mut lines = (1..).zip(text.trim_start_matches('\u{feff}').lines().map(str::trim));
        let at = |line: usize, what: String| Error::usage(format!("{}:{line}: {what}", path.display()));
        let head = lines.next().map_or("", |(_, head)| head);
        if head.replace(' ', "") != "share,tokens" {
            return Err(at(1, format!("the first line is `share,tokens`, not `{head}`")));
        }
        let mut points = Vec::new();
        for (line, text) in lines.filter(|(_, text)| !text.is_empty()) {
            let pair = text.split_once(',').and_then(|(share, tokens)| {
                let (share, tokens) =
                    (share.trim().parse::<Share>().ok()?, tokens.trim().parse::<u32>().ok()?);
                Some((share.get(), f64::from(tokens)))
            });
            let wrong = || at(line, format!("`{text}` is no share and tokens, such as 0.95,7437"));
            points.push(pair.ok_or_else(wrong)?);
        }
        Knots::new(points).map_err(|problem| Error::usage(format!("{}: {problem}", path.display())))
    }

    /// The value below which this share of all is, on the straight lines that join the points.
    pub fn at(&self, share: f64) -> f64 {
        let share = share.clamp(0.0, 1.0 - f64::EPSILON);
        // There are fewer parts than 2³², and a conversion to so few bits is the cheapest.
        let mut above = self.guide[(share * self.parts) as u32 as usize] as usize;
        while self.points[above].0 <= share {
            above += 1;
        }
        let ((low_share, low), (high_share, high)) = (self.points[above - 1], self.points[above]);
        low + (high - low) * (share - low_share) / (high_share - low_share)
    }

    /// (share, tokens), ascending in both.
    pub fn points(&self) -> &[(f64, f64)] {
        &self.points
    }
}

impl<'de> Deserialize<'de> for Knots {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Knots, D::Error> {
        let pairs = Vec::<(Share, u32)>::deserialize(deserializer)?;
        let points = pairs.into_iter().map(|(share, tokens)| (share.get(), f64::from(tokens))).collect();
        Knots::new(points).map_err(D::Error::custom)
    }
}

impl Serialize for Knots {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.points.iter().map(|(share, tokens)| (share, *tokens as u32)))
    }
}

impl JsonSchema for Knots {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Knots".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let share = Share::json_schema(generator);
        let pair = json_schema!({
            "type": "array", "prefixItems": [share, {"type": "integer", "minimum": 0}], "minItems": 2, "maxItems": 2
        });
        json_schema!({"type": "array", "items": pair, "minItems": 2})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knots_that_do_not_ascend_or_reach_the_ends_are_refused() {
        let problem = |points: &[(f64, f64)]| Knots::new(points.to_vec()).unwrap_err();
        assert!(problem(&[]).contains("at least two"));
        assert!(problem(&[(0.0, 1.0), (0.5, 2.0)]).contains("from share 0 to share 1, not from 0 to 0.5"));
        assert!(problem(&[(0.0, 5.0), (1.0, 2.0)]).contains("[1, 2] cannot follow [0, 5]"));
    }

    /// Lumps, shares closer than any part of the guide, and every share around each of them.
    #[test]
    fn a_quantile_lies_on_the_line_between_the_points_around_it() {
        let points = vec![
            (0.0, 1.0),
            (0.0, 2.0),
            (0.3, 5.0),
            (0.3000001, 9.0),
            (0.3000002, 9.0),
            (0.5, 9.0),
            (0.5, 40.0),
            (1.0, 90.0),
        ];
        let knots = Knots::new(points.clone()).unwrap();
        let at = |share: f64| {
            let above = points.iter().position(|(above, _)| *above > share).expect("a share below 1");
            let ((from, low), (to, high)) = (points[above - 1], points[above]);
            low + (high - low) * (share - from) / (to - from)
        };
        let near = |share: f64| [share, share + 1e-9, share - 1e-9, share + 0.05];
        for share in
            points.iter().flat_map(|(share, _)| near(*share)).filter(|share| (0.0..1.0).contains(share))
        {
            assert_eq!(knots.at(share), at(share), "{share}");
        }
        assert!(
            (knots.at(1.0) - 90.0).abs() < 1e-9 && knots.at(-1.0) == 2.0 && knots.at(7.0) == knots.at(1.0)
        );
    }

    #[test]
    fn a_file_of_knots_is_read_and_its_wrong_lines_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lengths.csv");
        std::fs::write(&path, "share,tokens\r\n0,3\r\n50%,120\r\n1,900\r\n").unwrap();
        assert_eq!(Knots::read(&path).unwrap().points(), [(0.0, 3.0), (0.5, 120.0), (1.0, 900.0)]);
        std::fs::write(&path, "share,tokens\n0,3\n0.5;120\n").unwrap();
        let error = Knots::read(&path).unwrap_err().to_string();
        assert!(error.contains("lengths.csv:3: `0.5;120` is no share and tokens"), "{error}");
    }
}
