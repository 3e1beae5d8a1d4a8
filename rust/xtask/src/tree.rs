//! The repository on disk: its root, its source files, their text.
//!
//! Paths are relative to the root and use `/` on every system, so that messages and lists read alike.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Outcome;

/// The repository, addressed by root-relative paths.
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    /// The repository this crate was compiled in, or the working directory's when that has moved.
    pub fn find() -> Outcome<Self> {
        let compiled = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let here =
            std::env::current_dir().map_err(|error| format!("working directory: {error}"))?;
        here.ancestors()
            .chain([compiled.as_path()])
            .find(|folder| folder.join("rust/xtask/Cargo.toml").is_file())
            .and_then(|folder| folder.canonicalize().ok())
            .map(|root| Self { root })
            .ok_or_else(|| "run this inside the repository".to_string())
    }

    /// The folder that holds `Cargo.toml` and `pyproject.toml`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The text of a file.
    pub fn read(&self, path: &str) -> Outcome<String> {
        fs::read_to_string(self.root.join(path)).map_err(|error| format!("{path}: {error}"))
    }

    /// Replaces a file's text.
    pub fn write(&self, path: &str, text: &str) -> Outcome {
        fs::write(self.root.join(path), text).map_err(|error| format!("{path}: {error}"))
    }

    /// All files below `folder` whose name ends in `.extension`, sorted.
    pub fn files(&self, folder: &str, extension: &str) -> Outcome<Vec<String>> {
        let mut found = Vec::new();
        let mut pending = vec![self.root.join(folder)];
        while let Some(current) = pending.pop() {
            let entries = fs::read_dir(&current)
                .map_err(|error| format!("{}: {error}", current.display()))?;
            for entry in entries {
                let path = entry.map_err(|error| format!("{folder}: {error}"))?.path();
                let hidden =
                    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
                if path.is_dir() && !hidden {
                    pending.push(path);
                } else if path.extension().is_some_and(|found| found == extension) {
                    found.push(self.relative(&path));
                }
            }
        }
        found.sort();
        Ok(found)
    }

    fn relative(&self, path: &Path) -> String {
        let inside = path.strip_prefix(&self.root).unwrap_or(path);
        inside
            .components()
            .map(|part| part.as_os_str().to_string_lossy())
            .collect::<Vec<_>>()
            .join("/")
    }
}
