//! The layers of the house: which crate may use which.
//!
//! The edges come from each crate's `Cargo.toml` (through `cargo metadata`), so the printed diagram
//! is the truth; `HOUSE` is the law. Adding an edge means editing `HOUSE`, where a reviewer sees it.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::tree::Tree;
use crate::{Outcome, sources};

/// One crate of the house and what it may know.
struct Room {
    /// Folder under `rust/`.
    name: &'static str,
    /// Label in the diagram.
    level: &'static str,
    /// What the crate holds, in the diagram's words.
    holds: &'static str,
    /// The crates it may depend on.
    may_use: &'static [&'static str],
}

/// The tools, then the layers from the top to the bottom.
const HOUSE: &[Room] = &[
    room("xtask", "--", "checks and generated files", &["ops"]),
    // `cpu` only for foreign memory, the number of threads and counters.
    room(
        "binding",
        "L5",
        "PyO3: convert, release the GIL, map errors",
        &["ops", "tape", "array", "cpu", "base", "io", "comm"],
    ),
    // `cpu` only for the macros that expand a row's kernels.
    room("ops", "L4", "the op table: check, compute, record", &["tape", "array", "base", "cpu"]),
    room("tape", "L3", "Tensor = Array + history; the engine", &["array", "base"]),
    room("array", "L2", "storage, layout, dtype; device dispatch", &["cpu", "gpu", "base"]),
    room("gpu", "L1", "kernels on GPU buffers", &["base"]),
    room("cpu", "L1", "kernels on slices", &["base"]),
    room("comm", "L1", "sockets and shared memory", &["base"]),
    room("io", "L1", "files: .pt, zip, safetensors", &["base"]),
    room("base", "L0", "dtypes, shapes, errors, random draws", &[]),
];

const fn room(
    name: &'static str,
    level: &'static str,
    holds: &'static str,
    may_use: &'static [&'static str],
) -> Room {
    Room { name, level, holds, may_use }
}

/// Crate folder -> the workspace's crate folders it depends on.
type Graph = BTreeMap<String, Vec<String>>;

/// Prints the diagram and reports every broken rule of the layers and of the source files.
pub fn run(tree: &Tree) -> Outcome {
    let graph = read(tree)?;
    print!("{}", diagram(&graph));
    let mut broken = unlisted(&graph);
    broken.extend(sources::broken_rules(tree)?);
    if broken.is_empty() { Ok(()) } else { Err(format!("layers:\n  {}", broken.join("\n  "))) }
}

/// The dependency graph that the manifests declare (normal, build and development alike).
pub fn read(tree: &Tree) -> Outcome<Graph> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1"])
        .current_dir(tree.root())
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata: no packages")?;
    Ok(packages
        .iter()
        .filter_map(|package| Some((folder_of(&package["manifest_path"], 2)?, edges(package))))
        .collect())
}

fn edges(package: &Value) -> Vec<String> {
    let dependencies = package["dependencies"].as_array().map_or(&[][..], Vec::as_slice);
    let mut names: Vec<String> =
        dependencies.iter().filter_map(|dependency| folder_of(&dependency["path"], 1)).collect();
    names.sort_by_key(|name| position(name));
    names.dedup();
    names
}

/// The path's component `from_end` places from its end (1 is the last), `\` and `/` alike.
fn folder_of(path: &Value, from_end: usize) -> Option<String> {
    path.as_str()?.rsplit(['/', '\\']).nth(from_end - 1).map(str::to_string)
}

fn position(name: &str) -> usize {
    HOUSE.iter().position(|room| room.name == name).unwrap_or(HOUSE.len())
}

fn unlisted(graph: &Graph) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, uses) in graph {
        match HOUSE.iter().find(|room| room.name == name) {
            None => broken.push(format!("rust/{name} is not listed in rust/xtask/src/layers.rs")),
            Some(room) => broken.extend(
                uses.iter()
                    .filter(|used| !room.may_use.contains(&used.as_str()))
                    .map(|used| format!("rust/{name} may not depend on rust/{used}")),
            ),
        }
    }
    broken
}

/// The diagram that README shows: a line per crate that exists, the highest layer first, tools last.
pub fn diagram(graph: &Graph) -> String {
    let mut text = line("L6", "pyfrontend", "the Python package pyrite", "binding, as pyrite._C");
    let (tools, layers) = HOUSE.split_at(1);
    for room in layers.iter().chain(tools).filter(|room| graph.contains_key(room.name)) {
        text += &line(room.level, room.name, room.holds, &graph[room.name].join(", "));
    }
    text
}

fn line(level: &str, name: &str, holds: &str, uses: &str) -> String {
    let arrow = if uses.is_empty() { String::new() } else { format!(" -> {uses}") };
    format!("{}\n", format!("{level}  {name:<10}  {holds:<43}{arrow}").trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &[&str])]) -> Graph {
        edges
            .iter()
            .map(|(name, uses)| {
                ((*name).to_string(), uses.iter().map(|used| (*used).to_string()).collect())
            })
            .collect()
    }

    #[test]
    fn an_unlisted_edge_is_reported() {
        let broken = unlisted(&graph(&[("tape", &["ops"]), ("base", &[]), ("array", &["base"])]));
        assert_eq!(broken, ["rust/tape may not depend on rust/ops"]);
    }

    #[test]
    fn a_crate_nobody_listed_is_reported() {
        let broken = unlisted(&graph(&[("attic", &["base"])]));
        assert_eq!(broken, ["rust/attic is not listed in rust/xtask/src/layers.rs"]);
    }

    #[test]
    fn the_diagram_goes_down_the_layers() {
        let text =
            diagram(&graph(&[("base", &[]), ("cpu", &["base"]), ("array", &["cpu", "base"])]));
        let levels: Vec<&str> = text.lines().map(|line| &line[..2]).collect();
        assert_eq!(levels, ["L6", "L2", "L1", "L0"]);
        assert!(text.contains("device dispatch") && text.contains("-> cpu, base\n"));
    }

    #[test]
    fn the_house_has_no_cycle() {
        for (place, room) in HOUSE.iter().enumerate() {
            for used in room.may_use {
                assert!(position(used) > place, "{} -> {used} points upwards", room.name);
            }
        }
    }

    #[test]
    fn this_repository_keeps_the_rules() {
        let tree = Tree::find().unwrap();
        assert_eq!(unlisted(&read(&tree).unwrap()), Vec::<String>::new());
    }
}
