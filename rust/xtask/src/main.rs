//! `cargo xtask`: one command for people and continuous integration.
//!
//! Outside the layers: it reads the repository and never becomes part of the wheel. Every command
//! prints what it looked at and ends with status 1 when a rule is broken.

mod check;
mod generate;
mod layers;
mod report;
mod size;
mod sources;
mod stub;
mod tree;

use std::process::ExitCode;

use tree::Tree;

/// A command's outcome; the text says which rule was broken and where.
type Outcome<T = ()> = Result<T, String>;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  check          every check below, then fmt, clippy, ruff, mypy, the stub test and cargo test
  layers         print the layer diagram; fail on an edge, or a use of numpy or raw memory, not listed
  size [N]       the N longest files and functions (20), and what is over the house numbers
  gen            write the generated files
  gen --check    fail when a generated file differs from what `gen` would write
  gen --report   what each op lacks: documentation, samples; fail on a derivative that is owed";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Outcome {
    let tree = Tree::find()?;
    match arguments {
        ["check"] => check::run(&tree),
        ["layers"] => layers::run(&tree),
        ["size"] => size::run(&tree, 20),
        ["size", rows] => {
            let rows =
                rows.parse().map_err(|_| format!("size: {rows:?} is not a number of rows"))?;
            size::run(&tree, rows)
        }
        ["gen"] => generate::write(&tree),
        ["gen", "--check"] => generate::check(&tree),
        ["gen", "--report"] => report::run(&tree),
        _ => Err(format!("unknown command\n{USAGE}")),
    }
}
