//! What a login may see of the machine: variables, files, commands and the network.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use crate::http::proxy::Proxies;
use crate::http::tls::Roots;
use crate::http::web::Web;

/// One view of the machine, taken once.
#[derive(Clone)]
pub struct Surroundings {
    variables: Arc<BTreeMap<String, String>>,
    pub(super) web: Web,
}

impl Surroundings {
    /// This process's environment, and the network behind its proxies.
    pub fn of_this_process(roots: Roots, proxies: Proxies) -> Surroundings {
        let variables = std::env::vars_os();
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Surroundings::new(variables.filter_map(text).collect(), Web::new(roots, proxies))
    }

    pub(super) fn new(variables: BTreeMap<String, String>, web: Web) -> Surroundings {
        Surroundings { variables: Arc::new(variables), web }
    }

    /// The variable's value without blanks around it; an empty one is not set.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    #[cfg(feature = "cloud-auth")]
    pub(super) fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    pub(super) fn home(&self) -> Option<PathBuf> {
        self.variable(if cfg!(windows) { "USERPROFILE" } else { "HOME" }).map(PathBuf::from)
    }

    /// Whether the switch is on: set to `true` or 1.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.variable(name).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
    }

    /// The file's text, or why there is none.
    pub(super) fn file(&self, path: &Path) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => format!("there is no {}", path.display()),
            _ => format!("{} cannot be read: {cause}", path.display()),
        })
    }

    /// Runs a command of this environment and waits for it, but not longer than [`COMMAND_MAX`].
    /// What it says on its standard error is not ours to show.
    pub(super) async fn run(&self, program: &str, args: &[&str]) -> io::Result<Output> {
        let mut command = tokio::process::Command::new(program);
        command.args(args).env_clear().envs(self.variables.iter());
        command.stdin(Stdio::null()).kill_on_drop(true);
        match tokio::time::timeout(COMMAND_MAX, command.output()).await {
            Ok(output) => output,
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no answer in {} s", COMMAND_MAX.as_secs()),
            )),
        }
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("variables", &self.variables.len()).finish_non_exhaustive()
    }
}

const COMMAND_MAX: Duration = Duration::from_secs(30);
