//! What rows on disk hold of a play: all of its figures, and after a crash those of its last instants on disk.

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::Path;
use std::rc::Rc;

use tollgate::collectors::Collectors;
use tollgate::collectors::log::{FILE, Log};
use tollgate::machines;
use tollgate::recover::{self, Replayed, replay};
use tollgate::scenario::Scenario;
use tollgate::section::Section;
use tollgate::simulate::{Flow, simulate};
use tollgate::time::Instant;

/// Every kind of row: refusals by several limits, retries, hedges, spills, outages, sheds, timeouts, tiers and caches.
const SCENARIOS: [(&str, &str); 6] = [
    ("first-light", "40s"),
    ("spillover", "2m"),
    ("prompt-cache", "2h"),
    ("region-outage", "10m"),
    ("agent-sessions", "9h"),
    ("multi-cloud", "30s"),
];

#[test]
fn the_rows_of_a_whole_play_bring_its_figures_again() {
    for (name, duration) in SCENARIOS {
        let played = Played::new(name, duration);
        assert!(played.requests > 100, "{name} has only {} requests", played.requests);
        for ended in [Some(played.requests), None] {
            let (found, replayed) = played.again(ended);
            // Where nobody said how many there are, the last may lack attempts.
            let left_out = u64::from(ended.is_none());
            assert_eq!(
                (replayed.requests, replayed.left_out),
                (played.requests - left_out, left_out),
                "{name}"
            );
            if left_out == 0 {
                let (expected, found) = (told(played.sections.clone()), told(found));
                for (expected, found) in expected.iter().zip(&found) {
                    assert_eq!(expected, found, "{name}");
                }
            }
        }
    }
}

#[test]
fn of_a_file_cut_off_anywhere_the_requests_that_had_ended_are_whole() {
    let played = Played::new("first-light", "12s");
    let rows = std::fs::read_to_string(&played.path).expect("rows were written");
    let (header, rows) = rows.split_once('\n').expect("there is a header");
    // From a first attempt on: some ten requests, a few of them with several rows.
    let start = rows[..rows.len() - 3000].rfind(",first,").and_then(|place| rows[..place].rfind('\n'));
    let tail = &rows[start.expect("there are rows before") + 1..];
    let requests = tail.matches(",first,").count() as u64;
    let setup = machines::setup(&played.scenario, true);
    let mut last = 0;
    for cut in 0..=tail.len() {
        std::fs::write(&played.path, format!("{header}\n{}", &tail[..cut])).expect("rows can be written");
        let again =
            |ended| replay(&setup, &played.path, ended, |_| {}).unwrap_or_else(|error| panic!("{error}"));
        let all = again(None);
        assert!((last..=last + 1).contains(&all.requests), "{cut}");
        last = all.requests;
        assert_eq!(again(Some(last / 2)).requests, last / 2, "no more than are known to be whole");
    }
    assert_eq!(last, requests - 1, "only the last is lost");
}

#[test]
fn rows_of_another_scenario_or_with_holes_are_an_error_that_says_where() {
    let played = Played::new("first-light", "12s");
    let rows = std::fs::read_to_string(&played.path).expect("rows were written");
    let retried = rows.lines().position(|row| row.contains(",1,") && row.contains(",retry,"));
    let retried = retried.expect("some request is tried again");
    let without: Vec<&str> =
        rows.lines().enumerate().filter(|(nth, _)| *nth + 1 != retried).map(|(_, row)| row).collect();
    let class = &played.scenario.classes[0].name;
    for (text, why) in [
        (without.join("\n") + "\n", format!("line {retried}: attempt 1 of request")),
        (rows.replace(&format!(",{class},"), ",nobody,"), "class 'nobody' is not in the scenario".into()),
        (rows.replace(",done,true,", ",dome,true,"), "end is 'dome', which it never is".into()),
        (rows.replacen("intended_s", "intended", 1), "intended_s".into()),
    ] {
        std::fs::write(&played.path, text).expect("rows can be written");
        let setup = machines::setup(&played.scenario, true);
        let error = replay(&setup, &played.path, None, |_| {}).expect_err(&why).to_string();
        assert!(error.contains(&why) && error.contains(FILE), "{error}");
    }
}

#[test]
fn rows_reach_the_file_in_whole_requests_and_after_a_failure_none_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/first-light.toml");
    let mut scenario = Scenario::load(&path).unwrap_or_else(|error| panic!("{error}"));
    scenario.duration = "12s".parse().expect("a span");
    for room in [usize::MAX, 250_000] {
        let disk = Disk { pieces: Rc::default(), room };
        let mut log = Log::new(&machines::setup(&scenario, true), disk.clone());
        let (mut nth, mut is_fine) = (0, true);
        let played = simulate(&scenario, |outcome| {
            log.collect(outcome);
            nth += 1;
            if nth % 300 == 0 {
                is_fine = log.flush();
            }
            Flow::Continue
        });
        played.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((is_fine, log.failure().is_none()), (room == usize::MAX, room == usize::MAX));
        assert_eq!(log.finish().is_ok(), room == usize::MAX);
        let pieces = disk.pieces.borrow();
        assert!(pieces.len() > 2, "{}", pieces.len());
        let written: usize = pieces.iter().map(Vec::len).sum();
        assert!(written <= room && (room == usize::MAX || written + (1 << 17) > room), "{written} of {room}");
        for piece in pieces.iter() {
            let text = std::str::from_utf8(piece).expect("rows are text");
            let first = text.split(',').nth(5).expect("a row has an attempt");
            assert!(text.ends_with('\n') && ["0", "", "attempt"].contains(&first), "{}", &text[..80]);
        }
    }
}

/// A disk with so much room, and what was written to it at a time.
#[derive(Clone)]
struct Disk {
    pieces: Rc<RefCell<Vec<Vec<u8>>>>,
    room: usize,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.room = self.room.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        self.pieces.borrow_mut().push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A simulation with its rows on disk.
struct Played {
    scenario: Scenario,
    sections: Vec<Section>,
    requests: u64,
    stopped: Instant,
    path: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

impl Played {
    fn new(name: &str, duration: &str) -> Played {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/{name}.toml"));
        let mut scenario = Scenario::load(&path).unwrap_or_else(|error| panic!("{error}"));
        scenario.duration = duration.parse().expect("a span");
        let setup = machines::setup(&scenario, true);
        let folder = tempfile::tempdir().expect("there is room for rows");
        let path = folder.path().join(FILE);
        let mut collectors = Collectors::new(&setup);
        let mut log = Log::new(&setup, std::fs::File::create(&path).expect("a new file"));
        let mut requests = 0;
        let played = simulate(&scenario, |outcome| {
            collectors.collect(outcome);
            log.collect(outcome);
            requests += 1;
            Flow::Continue
        });
        let stopped = played.unwrap_or_else(|error| panic!("{error}")).stopped;
        log.finish().expect("rows were written");
        let sections = collectors.finish(stopped);
        Played { scenario, sections, requests, stopped, path, _folder: folder }
    }

    fn again(&self, ended: Option<u64>) -> (Vec<Section>, Replayed) {
        let setup = recover::setup(machines::setup(&self.scenario, true));
        let mut collectors = Collectors::new(&setup);
        let replayed = replay(&setup, &self.path, ended, |outcome| collectors.collect(outcome));
        (collectors.finish(self.stopped), replayed.unwrap_or_else(|error| panic!("{error}")))
    }
}

/// What rows can tell: all but what was said of faults, the gaps between chunks and the use of quotas.
fn told(mut sections: Vec<Section>) -> Vec<Section> {
    for scope in sections.iter_mut().flat_map(|section| &mut section.scopes) {
        let is_told = |name: &str| !name.ends_with("_said") && !name.starts_with("chunk_gap");
        scope.figures.retain(|figure| is_told(&figure.name));
    }
    for section in &mut sections {
        section.curves.retain(|curve| curve.name != "quota_utilisation");
    }
    sections
}
