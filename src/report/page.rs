//! What every page has in common: how it looks, its charts, and the script that makes them interactive.
//!
//! A page is one file and asks nobody for anything: its policy allows no request and no script but ours.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use minijinja::{Environment, Value};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::chart::Chart;
use super::{heat, html, svg};
use crate::error::{Error, Result};

/// How every page looks.
const STYLE: &str = include_str!("style.css");

/// Draws the charts again from their data.
const SCRIPT: &str = concat!(
    "(() => {\n'use strict';\n",
    include_str!("page/scale.js"),
    include_str!("page/marks.js"),
    include_str!("page/board.js"),
    include_str!("page/cursor.js"),
    include_str!("page/page.js"),
    "})();\n"
);

/// What pages are made of beside their own template.
const PARTS: [(&str, &str); 3] = [
    ("foot.html", include_str!("page/foot.html")),
    ("head.html", include_str!("page/head.html")),
    ("plots.html", include_str!("page/plots.html")),
];

/// The charts of a page: for print, and for the script.
#[derive(Clone, Debug, Serialize)]
pub struct Drawings {
    /// Names and SVG.
    figures: Vec<(&'static str, String)>,
    /// JSON that no name in it can end.
    data: String,
}

impl Drawings {
    pub fn of(charts: &[Chart]) -> Result<Drawings> {
        let figures = charts.iter().map(|chart| Ok((chart.name, svg::write(chart)?)));
        Ok(Drawings { figures: figures.collect::<Result<_>>()?, data: data(charts)? })
    }
}

/// The page that a template makes of what it is given. It includes the parts by their names.
pub fn render(template: &str, given: impl Into<Value>) -> Result<String> {
    let failed =
        |cause: minijinja::Error| Error::failed(format!("could not write {}: {cause:#}", html::FILE));
    let mut environment = Environment::new();
    for (name, part) in PARTS {
        environment.add_template(name, part).map_err(failed)?;
    }
    environment.add_template(html::FILE, template).map_err(failed)?;
    environment.add_global("policy", policy());
    environment.add_global("script", SCRIPT);
    environment.add_global("style", STYLE);
    environment.get_template(html::FILE).map_err(failed)?.render(given).map_err(failed)
}

/// No request, no frame, no form, and no script but the one with this hash.
fn policy() -> String {
    let hash = BASE64_STANDARD.encode(Sha256::digest(SCRIPT));
    format!(
        "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'"
    )
}

fn data(charts: &[Chart]) -> Result<String> {
    #[derive(Serialize)]
    struct Data<'a> {
        charts: &'a [Chart],
        ramp: Vec<String>,
    }
    let ramp = heat::RAMP.map(|colour| format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2));
    let json = serde_json::to_string(&Data { charts, ramp: ramp.to_vec() });
    let json = json.map_err(|cause| Error::failed(format!("could not write {}: {cause}", html::FILE)))?;
    // Within strings only: JSON has these nowhere else.
    Ok(json.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e"))
}

#[cfg(test)]
mod tests {
    use minijinja::value::Serde;

    use super::*;
    use crate::report::{plot, sample};

    #[test]
    fn no_name_ends_the_data_and_the_data_says_it_unchanged() {
        let mut summary = sample::hostile();
        summary.scenario = "</script><!-- <script> ]]> & \u{2028}".into();
        let charts = plot::all(&summary);
        let data = data(&charts).unwrap();
        assert!(!data.contains(['<', '>', '&']));
        let read: serde_json::Value = serde_json::from_str(&data).unwrap();
        assert_eq!(read["charts"].as_array().unwrap().len(), charts.len());
        for (chart, read) in charts.iter().zip(read["charts"].as_array().unwrap()) {
            assert_eq!(read["name"], chart.name);
            assert_eq!(read["title"], chart.title.as_str());
            assert_eq!(
                read["panels"][0]["series"][0]["points"].as_array().unwrap().len(),
                chart.panels[0].series[0].points.len()
            );
        }
    }

    #[test]
    fn the_policy_allows_the_script_as_it_stands_in_the_page() {
        let page = render(
            "{% include \"head.html\" %}{% include \"foot.html\" %}",
            minijinja::context! { plots => Serde(Drawings::of(&[]).unwrap()) },
        )
        .unwrap();
        let (_, script) = page.rsplit_once("<script>").unwrap();
        let (script, _) = script.split_once("</script>").unwrap();
        let hash = BASE64_STANDARD.encode(Sha256::digest(script));
        assert!(page.contains(&format!("script-src 'sha256-{hash}'\">")), "{}", &page[..600]);
    }

    #[test]
    fn dark_paper_has_a_colour_for_each_of_the_heat_map() {
        for colour in data(&[]).unwrap().split('"').filter(|part| part.starts_with('#')) {
            assert!(STYLE.contains(&format!("[fill=\"{colour}\"]")), "{colour}");
        }
    }
}
