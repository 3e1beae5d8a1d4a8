//! `cargo xtask gen --report`: what each op still lacks.
//!
//! A row without documentation or with an empty sample domain, an op without a sample in
//! `tests/op_samples`, and a derivative that is owed: a source line that says `vjp: todo`.

use crate::Outcome;
use crate::tree::Tree;
use ops::table::{registry, row};

/// What stands in a source where a derivative is owed.
const OWED: &str = concat!("vjp: ", "todo");

/// Prints every lack by op; fails when a derivative is owed.
pub fn run(tree: &Tree) -> Outcome {
    let samples = samples(tree)?;
    let mut lacking = 0;
    for entry in registry() {
        for lack in lacks(entry, &samples) {
            println!("{}: {lack}", entry.name);
            lacking += 1;
        }
    }
    let owed = owed(tree)?;
    for place in &owed {
        println!("{place}: {OWED}");
    }
    println!("report: {} ops, {lacking} lacks, {} derivatives owed", registry().len(), owed.len());
    if owed.is_empty() { Ok(()) } else { Err(format!("{} derivatives are owed", owed.len())) }
}

fn lacks(entry: &ops::table::Entry, samples: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    if entry.overloads.iter().any(|(op, _)| op.doc.trim().is_empty()) {
        found.push("no documentation");
    }
    let original = entry.overloads.first().map_or(entry.name, |(_, schema)| schema.name);
    match row(original) {
        Some(row) if row.sample.0 >= row.sample.1 => found.push("an empty sample domain"),
        None if !samples.contains(&format!("\"{original}\":")) => found.push("no sample"),
        _ => {}
    }
    found
}

/// The text of all files with samples.
fn samples(tree: &Tree) -> Outcome<String> {
    tree.files("tests/op_samples", "py")?.iter().map(|path| tree.read(path)).collect()
}

/// Where a derivative is owed.
fn owed(tree: &Tree) -> Outcome<Vec<String>> {
    let mut places = Vec::new();
    for path in tree.files("rust/ops/src", "rs")? {
        let text = tree.read(&path)?;
        let lines = (1..).zip(text.lines()).filter(|(_, line)| line.contains(OWED));
        places.extend(lines.map(|(number, _)| format!("{path}:{number}")));
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_derivative_is_owed() {
        run(&Tree::find().unwrap()).unwrap();
    }

    #[test]
    fn an_op_without_a_sample_is_named() {
        let entry = registry().iter().find(|entry| entry.name == "cat").unwrap();
        assert_eq!(lacks(entry, ""), ["no sample"]);
        assert!(lacks(entry, "    \"cat\": lambda").is_empty());
    }
}
