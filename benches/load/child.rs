//! Programs run beside each other: servers on the first core, clients on the second, and what each has used.

use std::fmt::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tollgate::report::json;
use tollgate::report::summary::Summary;

/// The first core.
pub const SERVER_CORE: usize = 0;
/// The second, or the first where there is no other.
pub fn client_core() -> usize {
    std::thread::available_parallelism().map_or(0, |cores| cores.get() - 1).min(1)
}

/// A program bound to a core, where the system has a way to say so.
pub fn pinned(program: &str, core: usize) -> Command {
    if !has("taskset") {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string(), program]);
    command
}

/// Whether a program is installed.
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// This program once more.
pub fn own(core: usize) -> Command {
    let path = std::env::current_exe().expect("this program has a path");
    pinned(&path.to_string_lossy(), core)
}

pub const TOLLGATE: &str = env!("CARGO_BIN_EXE_tollgate");

/// A scenario of one endpoint and one class.
pub struct Plan<'a> {
    pub arrivals: &'a str,
    /// Such as `fixed`: TTFT and token gap.
    pub latency: (&'a str, &'a str),
    pub tokens: u32,
    pub stream: bool,
    pub duration: &'a str,
}

impl Plan<'_> {
    /// Writes it to a file, for a server at `port`.
    pub fn write(&self, folder: &TempDir, port: u16) -> PathBuf {
        let Plan { arrivals, latency: (ttft, itl), tokens, stream, duration } = self;
        let text = format!(
            "duration = \"{duration}\"\narrivals = {{ {arrivals} }}\n\
             [fidelity]\nsend_lag_p99_max = \"1h\"\nloop_lag_p99_max = \"1h\"\nachieved_min = 0\ncpu_share_max = 1\n\
             [[classes]]\nname = \"c\"\ninput = {{ kind = \"fixed\", tokens = 20 }}\n\
             output = {{ kind = \"fixed\", tokens = {tokens} }}\nstream = {stream}\ntimeout = \"60s\"\n\
             [[endpoints]]\nname = \"e\"\nprovider = \"openai\"\nmodel = \"m\"\nurl = \"http://127.0.0.1:{port}/v1\"\n\
             price = {{ input = \"1\", output = \"2\" }}\n\
             latency = {{ kind = \"fixed\", ttft = \"{ttft}\", itl = \"{itl}\" }}\n"
        );
        let path = folder.path().join("load.toml");
        std::fs::write(&path, text).expect("there is room for a scenario");
        path
    }
}

/// A server, until it is dropped.
pub struct Server {
    child: Child,
    pub port: u16,
}

impl Server {
    /// Our mock of a plan.
    pub fn mock(plan: &Plan<'_>, folder: &TempDir, more: &[&str]) -> Server {
        let port = free_port();
        let scenario = plan.write(folder, port);
        let mut command = pinned(TOLLGATE, SERVER_CORE);
        command.arg("mock").arg(scenario).args(["--listen", &format!("127.0.0.1:{port}")]).args(more);
        Server::start(command, port)
    }

    /// A server of [`super::bare`], by its name: this program once more.
    pub fn bare(name: &str) -> Server {
        let port = free_port();
        let mut command = own(SERVER_CORE);
        command.args([name, &format!("127.0.0.1:{port}")]);
        Server::start(command, port)
    }

    fn start(mut command: Command, port: u16) -> Server {
        let child = command.stdout(Stdio::null()).spawn().expect("the server starts");
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(10), "the server listens");
            std::thread::sleep(Duration::from_millis(10));
        }
        Server { child, port }
    }

    /// Processor seconds so far.
    pub fn cpu(&self) -> f64 {
        cpu_of(self.child.id()).unwrap_or(0.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// What a client has used.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    pub cpu_secs: f64,
    pub rss_max_mib: f64,
}

/// Runs a program to its end: what it printed, and what it used.
pub fn finish(mut command: Command) -> (String, Used) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the client starts");
    let id = child.id() as libc::pid_t;
    // Who prints more than a pipe holds must be read from meanwhile.
    let reader = std::thread::spawn(move || {
        let mut child = child;
        let mut text = String::new();
        for pipe in [child.stdout.take().map(into), child.stderr.take().map(into)].into_iter().flatten() {
            let _ = write!(text, "{}", std::io::read_to_string(pipe).unwrap_or_default());
        }
        text
    });
    // SAFETY: both pointers are to values on this stack frame, and the child is ours and waited for once.
    let used = unsafe {
        let (mut status, mut usage) = (0, std::mem::zeroed::<libc::rusage>());
        libc::wait4(id, &mut status, 0, &mut usage);
        usage
    };
    let secs = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    let cpu_secs = secs(used.ru_utime) + secs(used.ru_stime);
    let text = reader.join().expect("what was printed is read");
    (text, Used { cpu_secs, rss_max_mib: used.ru_maxrss as f64 / 1024.0 })
}

fn into(pipe: impl std::io::Read + Send + 'static) -> Box<dyn std::io::Read + Send> {
    Box::new(pipe)
}

/// A run of a plan against a server.
pub struct Run {
    pub summary: Summary,
    pub used: Used,
    /// Its results.
    pub folder: TempDir,
}

impl Run {
    pub fn of(plan: &Plan<'_>, port: u16, more: &[&str]) -> Run {
        let folder = tempfile::tempdir().expect("there is room for results");
        let scenario = plan.write(&folder, port);
        let mut command = pinned(TOLLGATE, client_core());
        command.arg("run").arg(scenario).args(["--no-sweep", "--quiet", "--out"]);
        command.arg(folder.path().join("out")).args(more);
        let (text, used) = finish(command);
        let summary =
            json::read(&folder.path().join("out")).unwrap_or_else(|error| panic!("{error}: {text}"));
        Run { summary, used, folder }
    }

    /// A figure of the whole run.
    pub fn figure(&self, section: &str, name: &str) -> f64 {
        let figure = self.summary.total(section, name).and_then(|figure| figure.value.as_f64());
        figure.unwrap_or(f64::NAN)
    }

    /// Processor seconds for 1,000 requests.
    pub fn cpu_per_1k(&self) -> f64 {
        self.used.cpu_secs / self.figure("fidelity", "requests") * 1e3
    }
}

/// Processor seconds of a process, where the system tells.
fn cpu_of(id: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    // Fields 14 and 15 of the whole line, in ticks of 10 ms.
    Some((ticks(11)? + ticks(12)?) / 100.0)
}
