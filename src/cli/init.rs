//! `tollgate init`: a scenario to start from, that runs as it is.

use std::path::PathBuf;

use tollgate::error::{Error, ExitCode, Result};

use super::output;

/// Write a commented scenario to start from
#[derive(clap::Args)]
#[command(after_help = "Example: tollgate init my-traffic.toml && tollgate simulate my-traffic.toml")]
pub struct Args {
    /// The file to write
    #[arg(default_value = "tollgate.toml")]
    file: PathBuf,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
}

pub fn execute(args: Args) -> Result<ExitCode> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    if args.force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let written = options
        .open(&args.file)
        .and_then(|mut file| std::io::Write::write_all(&mut file, TEMPLATE.as_bytes()));
    match written {
        Ok(()) => {}
        Err(_) if args.file.is_dir() => {
            let file = args.file.display();
            return Err(Error::failed(format!("{file} is a folder; name the file to write in it")));
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let file = args.file.display();
            return Err(Error::failed(format!(
                "{file} is there already; name another file, or add --force to replace it"
            )));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let file = args.file.display();
            return Err(Error::failed(format!("{file} is in a folder that is not there; make it first")));
        }
        Err(cause) => return Err(Error::file("write", &args.file, cause)),
    }
    let file = args.file.display();
    output::say(&format!("wrote {file}; next: tollgate check {file}, then tollgate simulate {file}\n"))?;
    Ok(ExitCode::Fine)
}

const TEMPLATE: &str = include_str!("init.toml");

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate::client::arrivals::AnyArrivals;
    use tollgate::client::lengths::AnyLength;
    use tollgate::client::routers::AnyRouter;

    #[test]
    fn the_template_names_every_kind_there_is_to_choose_from() {
        for kinds in [AnyArrivals::KINDS, AnyLength::KINDS, AnyRouter::KINDS] {
            assert!(TEMPLATE.contains(&format!(": {}.", kinds.join(", "))), "{kinds:?}");
        }
    }
}
