//! The files a catalogue is read from: ours, in the binary, and those of a folder.

use std::borrow::Cow;
use std::io::Read as _;
use std::path::Path;

use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// Every file of `scenarios/catalogue/`, by its path below it.
static EMBEDDED: &[(&str, &str)] = &[
    ("anthropic.toml", include_str!("../../scenarios/catalogue/anthropic.toml")),
    ("aws.toml", include_str!("../../scenarios/catalogue/aws.toml")),
    ("azure.toml", include_str!("../../scenarios/catalogue/azure.toml")),
    ("bedrock.toml", include_str!("../../scenarios/catalogue/bedrock.toml")),
    ("foundry.toml", include_str!("../../scenarios/catalogue/foundry.toml")),
    ("links.toml", include_str!("../../scenarios/catalogue/links.toml")),
    ("openai.toml", include_str!("../../scenarios/catalogue/openai.toml")),
    ("vertex.toml", include_str!("../../scenarios/catalogue/vertex.toml")),
    ("zones.toml", include_str!("../../scenarios/catalogue/zones.toml")),
    ("quotas/anthropic.toml", include_str!("../../scenarios/catalogue/quotas/anthropic.toml")),
    ("quotas/azure-tiers.toml", include_str!("../../scenarios/catalogue/quotas/azure-tiers.toml")),
    ("quotas/azure.toml", include_str!("../../scenarios/catalogue/quotas/azure.toml")),
    ("quotas/bedrock.toml", include_str!("../../scenarios/catalogue/quotas/bedrock.toml")),
    ("quotas/foundry.toml", include_str!("../../scenarios/catalogue/quotas/foundry.toml")),
    ("quotas/openai.toml", include_str!("../../scenarios/catalogue/quotas/openai.toml")),
    ("quotas/vertex.toml", include_str!("../../scenarios/catalogue/quotas/vertex.toml")),
    ("workloads/chat.toml", include_str!("../../scenarios/catalogue/workloads/chat.toml")),
    ("workloads/code.toml", include_str!("../../scenarios/catalogue/workloads/code.toml")),
    ("workloads/services.toml", include_str!("../../scenarios/catalogue/workloads/services.toml")),
];

/// The folder of quotas and capacities, below the one of prices.
pub const QUOTAS: &str = "quotas";

/// The folder of workloads, likewise.
pub const WORKLOADS: &str = "workloads";

/// A file larger than this is none of a catalogue's.
const BYTES_MAX: u64 = 64 << 20;

/// A file of a catalogue.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct File {
    /// Its path below the catalogue's folder, such as `openai.toml` or `quotas/azure.toml`.
    pub name: String,
    pub text: Cow<'static, str>,
}

impl File {
    /// Whether it holds prices.
    pub fn is_prices(&self) -> bool {
        !self.name.contains('/')
    }

    /// Whether it is in this folder below the one of prices.
    pub fn is_in(&self, folder: &str) -> bool {
        self.name.split_once('/').is_some_and(|(above, _)| above == folder)
    }

    /// What it says, or the error about its first mistake.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        toml::from_str(&self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            // TOML has days without quotes, which its reader calls maps.
            let message = error.message().replace(
                "invalid type: map, expected a date string",
                "a day stands in quotes, such as \"2026-11-21\"",
            );
            self.error(at, message.trim_end())
        })
    }

    /// The error about what stands at byte `at`.
    pub fn error(&self, at: usize, problem: &str) -> Error {
        Error::usage(format!("{}: {problem}", self.place(at)))
    }

    /// Where byte `at` stands, as the catalogue's messages have it.
    pub fn place(&self, at: usize) -> String {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
        format!("{} of the catalogue, line {line}", self.name)
    }
}

/// Our own files.
pub fn embedded() -> Vec<File> {
    EMBEDDED.iter().map(|(name, text)| File { name: (*name).into(), text: (*text).into() }).collect()
}

/// The `.toml` files of a folder, of its [`QUOTAS`] and its [`WORKLOADS`], in the order of their names.
pub fn read(folder: &Path) -> Result<Vec<File>> {
    let mut files = list(folder, "")?;
    for below in [QUOTAS, WORKLOADS].map(|name| (folder.join(name), name)) {
        if below.0.is_dir() {
            files.extend(list(&below.0, &format!("{}/", below.1))?);
        }
    }
    if files.is_empty() {
        return Err(Error::usage(format!(
            "the catalogue {} has no .toml file; put prices into such as {}",
            folder.display(),
            folder.join("prices.toml").display()
        )));
    }
    Ok(files)
}

fn list(folder: &Path, below: &str) -> Result<Vec<File>> {
    let fail = |path: &Path, cause: std::io::Error| {
        Error::usage(format!("could not read the catalogue {}: {cause}", path.display()))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|cause| fail(folder, cause))? {
        let path = entry.map_err(|cause| fail(folder, cause))?.path();
        if path.is_dir() || path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let mut text = String::new();
        let file = std::fs::File::open(&path).map_err(|cause| fail(&path, cause))?;
        file.take(BYTES_MAX + 1).read_to_string(&mut text).map_err(|cause| fail(&path, cause))?;
        if text.len() as u64 > BYTES_MAX {
            let path = path.display();
            return Err(Error::usage(format!("{path} is larger than 64 MiB; that is no catalogue file")));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        files.push(File { name: format!("{below}{name}"), text: text.into() });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// SHA-256 of names and texts, in hexadecimal.
pub fn hash(files: &[File]) -> String {
    let mut hasher = Sha256::new();
    for part in files.iter().flat_map(|file| [file.name.as_bytes(), file.text.as_bytes()]) {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_our_folder_is_in_the_binary() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/catalogue");
        assert_eq!(read(&folder).unwrap(), embedded());
    }

    #[test]
    fn an_empty_or_missing_folder_is_no_catalogue() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).unwrap_err().to_string().contains("has no .toml file"));
        let missing = folder.path().join("missing");
        assert!(read(&missing).unwrap_err().to_string().starts_with("could not read the catalogue"));
    }

    #[test]
    fn only_what_is_in_the_folder_of_quotas_holds_quotas() {
        let is_quota = |name: &str| File { name: name.into(), text: "".into() }.is_in(QUOTAS);
        assert_eq!(
            [is_quota("quotas/azure.toml"), is_quota("quotas-of-ours.toml"), is_quota("quotas.toml")],
            [true, false, false]
        );
    }

    #[test]
    fn the_hash_knows_where_a_file_ends() {
        let file = |name: &str, text: &str| File { name: name.into(), text: text.to_string().into() };
        assert_ne!(hash(&[file("a", "bc")]), hash(&[file("ab", "c")]));
        assert_eq!(hash(&[]), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
