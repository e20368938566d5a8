//! What holds for every format.

use super::*;
use crate::report::summary::Verb;

#[test]
fn every_format_shows_every_summary() {
    for summary in sample::all() {
        // The page holds every plot as SVG; a PNG is the same drawing and takes long.
        html::write(&Report { summary: &summary, scenario_toml: "" }).unwrap();
        csv::timeseries(&summary).unwrap();
        assert!(!markdown::write(&summary).is_empty());
        assert!(!terminal::view(&summary, None, true).is_empty());
    }
}

#[test]
fn plots_are_the_same_bytes_each_time_and_name_their_axes() {
    let summary = sample::first_light();
    for chart in plot::all(&summary) {
        let svg = svg::write(&chart).unwrap();
        assert_eq!(svg, svg::write(&chart).unwrap());
        assert!(svg.contains(&chart.x.label), "{}: {}", chart.name, chart.x.label);
        for panel in &chart.panels {
            assert!(svg.contains(&panel.y.label), "{}: {}", chart.name, panel.y.label);
        }
        assert!(!svg.contains("no data"), "{}", chart.name);
        assert!(svg.starts_with("<svg width=\"960\" height=\""));
    }
}

#[test]
fn a_png_is_not_blank_and_as_large_as_it_says() {
    for chart in &plot::all(&sample::first_light())[..2] {
        let file = png::write(chart).unwrap();
        let mut reader = ::png::Decoder::new(std::io::Cursor::new(&file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width as i32, info.height as i32), chart.size().unwrap());
        let dark = pixels.chunks(3).filter(|pixel| pixel.iter().all(|part| *part < 100)).count();
        assert!(dark > 500, "{dark} dark pixels");
    }
}

#[test]
fn a_plot_without_data_is_left_out_and_an_endpoint_without_any_is_not_in_the_legend() {
    assert!(plot::all(&sample::empty()).is_empty());
    let is_latency = |chart: &chart::Chart| chart.name.contains("percentiles");
    assert!(!plot::all(&sample::refused()).iter().any(is_latency));
    let mut summary = sample::first_light();
    for curve in summary.sections.iter_mut().flat_map(|section| &mut section.curves) {
        if curve.series == "bedrock-us" {
            curve.points.clear();
        }
    }
    let charts = plot::all(&summary);
    let chart = charts.iter().find(|chart| is_latency(chart)).unwrap();
    let svg = svg::write(chart).unwrap();
    assert!(svg.contains("openai-direct") && !svg.contains("bedrock-us"));
}

#[test]
fn a_latency_that_is_always_the_same_is_a_bar_with_a_width() {
    let mut summary = sample::one_endpoint();
    for curve in summary.sections.iter_mut().flat_map(|section| &mut section.curves) {
        curve.points.truncate(1);
    }
    let chart = plot::all(&summary).into_iter().find(|chart| chart.name == "ttft_histogram").unwrap();
    let [(left, none), (right, count)] = chart.panels[0].series[0].points[..] else { panic!("two edges") };
    assert!(left < right && none == 0.0 && count > 0.0);
}

#[test]
fn a_summary_with_curves_of_nonsense_is_still_drawn() {
    let mut summary = sample::first_light();
    for curve in summary.sections.iter_mut().flat_map(|section| &mut section.curves) {
        curve.points =
            vec![(f64::NAN, 1.0), (-1.0, -1e300), (0.0, 1e300), (1e300, f64::INFINITY), (1e300, 0.0)];
    }
    for chart in plot::all(&summary) {
        assert!(svg::write(&chart).unwrap().ends_with("</svg>\n"));
    }
}

#[test]
fn results_are_written_once_and_rendered_again_to_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let summary = Summary { verb: Verb::Simulate, ..sample::one_endpoint() };
    begin(dir.path(), "seed = 1\n").unwrap();
    let more = || vec![("more.csv".to_string(), b"more".to_vec())];
    write_all(dir.path(), &summary, "seed = 1\n", more()).unwrap();
    let names = [
        "scenario.toml",
        "summary.json",
        "report.html",
        "timeseries.csv",
        "more.csv",
        "plots/throughput.svg",
    ];
    let content = || names.map(|name| std::fs::read(dir.path().join(name)).unwrap());
    let before = content();
    for error in [
        begin(dir.path(), "seed = 2\n").unwrap_err(),
        write_all(dir.path(), &summary, "seed = 2\n", more()).unwrap_err(),
    ] {
        assert!(error.to_string().contains("is there already; choose another folder"), "{error}");
    }
    std::fs::remove_dir_all(dir.path().join("plots")).unwrap();
    std::fs::write(dir.path().join("report.html"), "spoilt").unwrap();
    assert_eq!(render_again(dir.path()).unwrap(), summary);
    assert!(content() == before, "rendered again, a file is different");
}

#[test]
fn what_can_be_written_is_written_whatever_else_cannot() {
    let dir = tempfile::tempdir().unwrap();
    // A folder stands where the page belongs.
    std::fs::create_dir(dir.path().join("report.html")).unwrap();
    let more = vec![("nowhere/\0".to_string(), Vec::new()), ("cost.csv".to_string(), b"cost".to_vec())];
    let error = write_all(dir.path(), &sample::one_endpoint(), "", more).unwrap_err().to_string();
    assert!(error.contains("nowhere"), "the first is told: {error}");
    for name in ["summary.json", "cost.csv", "summary.md", "timeseries.csv", "plots/throughput.png"] {
        assert!(dir.path().join(name).is_file(), "{name}");
    }
}

#[test]
fn results_folders_never_collide_and_stay_within_the_base() {
    let base = tempfile::tempdir().unwrap();
    let utc = "2026-01-02T03:04:05.678Z".parse().unwrap();
    let made = |name| results_dir(base.path(), name, utc).unwrap();
    let shown = |path: PathBuf| path.strip_prefix(base.path()).unwrap().display().to_string();
    assert_eq!(shown(made("first-light")), "first-light/2026-01-02T03-04-05Z");
    assert_eq!(shown(made("first-light")), "first-light/2026-01-02T03-04-05Z-2");
    assert_eq!(shown(made("first-light")), "first-light/2026-01-02T03-04-05Z-3");
    assert_eq!(shown(made("../../etc")), "-..-etc/2026-01-02T03-04-05Z");
    assert_eq!(shown(made("..")), "scenario/2026-01-02T03-04-05Z");
}
