//! `cargo xtask check`: every check a change has to pass, each run to its end, failures named last.
//!
//! Cargo steps share the release profile with the wheel, so that dependencies are compiled once.
//! Python steps run `python` of the active environment, with `pyrite` and its extra `dev` installed.

use std::process::Command;
use std::time::Instant;

use crate::tree::Tree;
use crate::{Outcome, generate, layers, report};

/// One check: a title and what to do.
struct Step {
    title: &'static str,
    action: Action,
}

enum Action {
    Here(fn(&Tree) -> Outcome),
    Run(&'static [&'static str]),
}

const STEPS: &[Step] = &[
    Step { title: "layers", action: Action::Here(layers::run) },
    Step { title: "generated files", action: Action::Here(generate::check) },
    Step { title: "op table", action: Action::Here(report::run) },
    Step { title: "rustfmt", action: Action::Run(&["cargo", "fmt", "--all", "--check"]) },
    Step { title: "ruff", action: Action::Run(&["python", "-m", "ruff", "check", "."]) },
    Step { title: "mypy", action: Action::Run(&["python", "-m", "mypy"]) },
    Step {
        title: "stub test",
        action: Action::Run(&[
            "python",
            "-m",
            "mypy.stubtest",
            "pyrite._C",
            "--allowlist",
            "rust/xtask/stubtest.txt",
        ]),
    },
    Step {
        title: "clippy",
        action: Action::Run(&[
            "cargo",
            "clippy",
            "--release",
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ]),
    },
    Step {
        title: "cargo test",
        // One thread: tests of kernels switch the instruction set of the whole process.
        action: Action::Run(&[
            "cargo",
            "test",
            "--release",
            "--workspace",
            "--",
            "--test-threads=1",
        ]),
    },
];

/// Runs all steps; the error names those that failed.
pub fn run(tree: &Tree) -> Outcome {
    let mut failed = Vec::new();
    for step in STEPS {
        println!("\n----- {}", step.title);
        let start = Instant::now();
        let outcome = match step.action {
            Action::Here(check) => check(tree),
            Action::Run(command) => execute(tree, command),
        };
        match outcome {
            Ok(()) => println!("ok   {} ({:.1} s)", step.title, start.elapsed().as_secs_f64()),
            Err(message) => {
                println!("FAIL {}: {message}", step.title);
                failed.push(step.title);
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("check failed: {}", failed.join(", "))) }
}

fn execute(tree: &Tree, command: &[&str]) -> Outcome {
    let (program, arguments) = command.split_first().ok_or("an empty command")?;
    let status = Command::new(program)
        .args(arguments)
        .current_dir(tree.root())
        .status()
        .map_err(|error| format!("{program}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{} ended with {status}", command.join(" ")))
    }
}
