//! Who watches a run: Prometheus by its metrics, and a person by the live view on a terminal.
#![cfg(all(feature = "net", unix))]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn first_light() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/first-light.toml").to_string_lossy().into_owned()
}

fn run(out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(["run", &first_light(), "--no-sweep", "--out"]).arg(out).args(more).stdin(Stdio::null());
    command
}

/// Status line, head and body of a request.
fn ask(addr: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(addr).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket has a timeout");
    write!(stream, "{request} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers in UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
    (head.to_lowercase(), body.into())
}

fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in\n{text}")).parse().expect("a value is a number")
}

#[test]
fn a_run_under_way_tells_prometheus_where_it_stands() {
    let folder = tempfile::tempdir().expect("there is room for results");
    let out = folder.path().join("out");
    let mut child = run(&out, &["--duration", "8s", "--metrics", "127.0.0.1:0"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let told = lines.find_map(|line| {
        let line = line.expect("it is UTF-8");
        line.strip_prefix("metrics at http://").map(|rest| rest.trim_end_matches("/metrics").to_string())
    });
    let addr = told.expect("it says where");
    let offered = |text: &str| value(text, "tollgate_requests_offered_total");
    let begun = Instant::now();
    let (head, first) = loop {
        let (head, text) = ask(&addr, "GET /metrics");
        if !text.is_empty() && offered(&text) > 200.0 {
            break (head, text);
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{text}");
        std::thread::sleep(Duration::from_millis(200));
    };
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    assert!(first.contains("tollgate_info{scenario=\"first-light\","), "{first}");
    let count = value(&first, "tollgate_ttft_seconds_count{class=\"chat\",endpoint=\"azure-ptu\"}");
    let all = "tollgate_ttft_seconds_bucket{class=\"chat\",endpoint=\"azure-ptu\",le=\"+Inf\"}";
    assert!(count > 0.0 && count == value(&first, all));
    assert!(
        value(&first, "tollgate_tokens_total{class=\"chat\",endpoint=\"azure-ptu\",kind=\"output\"}") > 0.0
    );
    std::thread::sleep(Duration::from_millis(600));
    let (_, second) = ask(&addr, "GET /metrics");
    assert!(offered(&second) > offered(&first));
    assert!(ask(&addr, "GET /").0.starts_with("http/1.1 404"));
    assert!(ask(&addr, "POST /metrics").0.starts_with("http/1.1 405"));
    for _ in lines {}
    let code = child.wait().expect("it ends").code();
    assert!(matches!(code, Some(0 | 3 | 99)), "{code:?}");
    assert!(TcpStream::connect(&addr).is_err(), "it listens no longer than the run lasts");
}

#[test]
fn an_address_that_is_taken_is_told_before_anything_is_sent() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = taken.local_addr().expect("it is bound").to_string();
    let folder = tempfile::tempdir().expect("there is room for results");
    let out = folder.path().join("out");
    let output = run(&out, &["--metrics", &addr]).output().expect("the binary runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains(&format!("could not listen on {addr} for --metrics")), "{told}");
    assert!(told.contains("give it another port, or 0"), "{told}");
    assert!(!out.exists());
}

#[test]
fn nothing_is_shown_where_nobody_looks_and_a_view_needs_a_terminal() {
    let folder = tempfile::tempdir().expect("there is room for results");
    let out = folder.path().join("out");
    let output = run(&out, &["--progress", "tui"]).output().expect("the binary runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    let why = if cfg!(feature = "tui") { "on a terminal" } else { "without its feature `tui`" };
    assert!(told.contains(why) && told.contains("--progress line"), "{told}");
    let output = run(&out, &["--duration", "6s"]).output().expect("the binary runs");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[cfg(feature = "tui")]
mod on_a_terminal {
    use std::fs::File;
    use std::os::fd::{FromRawFd, OwnedFd};
    use std::os::unix::process::CommandExt;

    use super::*;

    const ENTER: &str = "\x1b[?1049h";
    const LEAVE: &str = "\x1b[?1049l";

    /// A run on a terminal of its own.
    struct Terminal {
        child: Child,
        screen: File,
        /// Held open, so that its settings can be looked at when the run is over.
        held: OwnedFd,
        seen: String,
        before: Settings,
    }

    type Settings = (libc::tcflag_t, libc::tcflag_t, libc::tcflag_t, libc::tcflag_t);

    fn settings(of: &OwnedFd) -> Settings {
        use std::os::fd::AsRawFd;
        // SAFETY: a termios of zeros is valid, and the call writes to it alone.
        let read = unsafe {
            let mut read: libc::termios = std::mem::zeroed();
            assert_eq!(libc::tcgetattr(of.as_raw_fd(), &raw mut read), 0);
            read
        };
        (read.c_iflag, read.c_oflag, read.c_cflag, read.c_lflag)
    }

    impl Terminal {
        fn run(out: &Path, more: &[&str]) -> Terminal {
            let (mut ours, mut theirs) = (-1, -1);
            let size = libc::winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
            // SAFETY: the call writes to the two numbers, which are descriptors nobody else has.
            let (ours, theirs) = unsafe {
                let none = std::ptr::null_mut();
                let made = libc::openpty(&raw mut ours, &raw mut theirs, none, none.cast(), &raw const size);
                assert_eq!(made, 0, "there is a terminal to have");
                (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs))
            };
            let copy = || Stdio::from(theirs.try_clone().expect("a descriptor is free"));
            let mut command = run(out, more);
            command.stdin(copy()).stdout(copy()).stderr(copy());
            command.env("TERM", "xterm-256color").env("LC_ALL", "C.UTF-8").env_remove("NO_COLOR");
            // SAFETY: both calls may be made between fork and exec.
            unsafe {
                command.pre_exec(|| {
                    libc::setsid();
                    libc::ioctl(0, libc::TIOCSCTTY, 0);
                    Ok(())
                });
            }
            let before = settings(&theirs);
            let child = command.spawn().expect("the binary runs");
            Terminal { child, screen: File::from(ours), held: theirs, seen: String::new(), before }
        }

        /// Reads what is written to the terminal until it has come.
        fn wait_for(&mut self, text: &str) {
            let (begun, mut bytes) = (Instant::now(), [0; 4096]);
            while !self.seen.contains(text) {
                assert!(begun.elapsed() < Duration::from_secs(60), "no {text:?} in {:?}", self.seen);
                let read = self.screen.read(&mut bytes).expect("the terminal is held open");
                self.seen.push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
        }

        fn press(&mut self, keys: &str) {
            self.screen.write_all(keys.as_bytes()).expect("the terminal is held open");
        }

        /// Waits for the end: the exit code, and that the terminal is as it was.
        fn end(mut self) -> i32 {
            self.wait_for(LEAVE);
            // The screen is read to the end, as a full terminal would hold it up.
            let mut screen = self.screen.try_clone().expect("a descriptor is free");
            std::thread::spawn(move || std::io::copy(&mut screen, &mut std::io::sink()));
            let code = self.child.wait().expect("it ends").code().expect("it ends by itself");
            assert_eq!(settings(&self.held), self.before, "the terminal is as it was");
            code
        }
    }

    #[test]
    fn a_run_is_seen_and_its_end_gives_the_terminal_back() {
        let folder = tempfile::tempdir().expect("there is room for results");
        let out = folder.path().join("out");
        let mut terminal = Terminal::run(&out, &["--duration", "7s"]);
        terminal.wait_for(ENTER);
        terminal.wait_for("first-light");
        terminal.wait_for("azure-ptu");
        terminal.press("t");
        terminal.wait_for("E2E of");
        assert!(matches!(terminal.end(), 0 | 3 | 99));
        assert!(out.join("summary.json").is_file());
    }

    #[test]
    fn q_ends_the_arrivals_and_saves_what_there_is() {
        let folder = tempfile::tempdir().expect("there is room for results");
        let out = folder.path().join("out");
        let mut terminal = Terminal::run(&out, &["--duration", "5m"]);
        terminal.wait_for("azure-ptu");
        terminal.press("q");
        terminal.wait_for("what is under way");
        assert_eq!(terminal.end(), 130);
        assert!(out.join("summary.json").is_file());
    }

    #[test]
    fn control_c_twice_leaves_at_once() {
        let folder = tempfile::tempdir().expect("there is room for results");
        let out = folder.path().join("out");
        let mut terminal = Terminal::run(&out, &["--duration", "5m", "--grace", "5m"]);
        terminal.wait_for("azure-ptu");
        terminal.press("\x03\x03");
        assert_eq!(terminal.end(), 130);
        assert!(out.join("requests.csv").is_file());
    }

    #[test]
    fn a_signal_gives_the_terminal_back_as_well() {
        let folder = tempfile::tempdir().expect("there is room for results");
        let out = folder.path().join("out");
        let mut terminal = Terminal::run(&out, &["--duration", "5m"]);
        terminal.wait_for("azure-ptu");
        let pid = libc::pid_t::try_from(terminal.child.id()).expect("a process has a number");
        // SAFETY: it is the number of a child that was not waited for.
        unsafe { libc::kill(pid, libc::SIGTERM) };
        assert_eq!(terminal.end(), 130);
        assert!(out.join("summary.json").is_file());
    }
}
