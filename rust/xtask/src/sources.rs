//! Rules about single source files: where numpy may be imported and where `unsafe` may stand.
//!
//! Both lists are short on purpose. A new entry belongs to a file whose job is interop, collating
//! or file input and output (numpy), or to a crate that owns raw memory (`unsafe`).

use crate::Outcome;
use crate::tree::Tree;

/// Files under `pyfrontend/pyrite` that may import numpy, always inside a function: `import pyrite` loads none.
const MAY_IMPORT_NUMPY: &[&str] =
    &["serialization.py", "utils/data/collate.py", "utils/data/worker.py"];

/// Crates that may hold `unsafe`; all others say `#![forbid(unsafe_code)]`.
const MAY_BE_UNSAFE: &[&str] = &["cpu", "gpu", "comm", "binding", "io"];

/// Each broken rule as `path:line: what is wrong`.
pub fn broken_rules(tree: &Tree) -> Outcome<Vec<String>> {
    let mut broken = Vec::new();
    for path in tree.files("pyfrontend/pyrite", "py")? {
        if MAY_IMPORT_NUMPY.iter().all(|allowed| path != format!("pyfrontend/pyrite/{allowed}")) {
            let lines = numpy_imports(&tree.read(&path)?);
            broken.extend(
                lines.iter().map(|line| format!("{path}:{line}: numpy is not for this file")),
            );
        }
    }
    for path in tree.files("rust", "rs")? {
        if MAY_BE_UNSAFE.iter().all(|room| !path.starts_with(&format!("rust/{room}/"))) {
            let lines = unsafe_tokens(&tree.read(&path)?);
            broken.extend(
                lines.iter().map(|line| format!("{path}:{line}: `unsafe` is not for this crate")),
            );
        }
    }
    Ok(broken)
}

/// Line numbers of numpy imports that run, those below `if TYPE_CHECKING:` left out.
fn numpy_imports(text: &str) -> Vec<usize> {
    let mut typing_block: Option<usize> = None;
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        if !code.is_empty() && typing_block.is_some_and(|block| indent <= block) {
            typing_block = None;
        }
        if matches!(code.trim_end(), "if TYPE_CHECKING:" | "if typing.TYPE_CHECKING:") {
            typing_block = Some(indent);
        }
        let mut words = code.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        let imports =
            matches!(words.next(), Some("import" | "from")) && words.next() == Some("numpy");
        if imports && typing_block.is_none() {
            found.push(number);
        }
    }
    found
}

/// Line numbers of the keyword as code: comments and what stands between quotes on one line left out.
fn unsafe_tokens(text: &str) -> Vec<usize> {
    let holds = |line: &str| {
        let code = line.split("//").next().unwrap_or(line);
        code.split('"')
            .step_by(2)
            .flat_map(|outside| {
                outside.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
            })
            .any(|word| word == "unsafe")
    };
    (1..).zip(text.lines()).filter(|(_, line)| holds(line)).map(|(number, _)| number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numpy_is_found_wherever_it_runs() {
        let text = "import os\nimport numpy as np\ndef f():\n    from numpy.linalg import inv\n";
        assert_eq!(numpy_imports(text), [2, 4]);
    }

    #[test]
    fn numpy_for_the_type_checker_is_free() {
        let text = "if TYPE_CHECKING:\n    import numpy as np\n\nimport numpy\nimport numpydoc\n";
        assert_eq!(numpy_imports(text), [4]);
    }

    #[test]
    fn the_keyword_counts_only_as_code() {
        let text =
            "#![forbid(unsafe_code)]\n// unsafe\nunsafe { read() }\nlet word = \"unsafe\";\n";
        assert_eq!(unsafe_tokens(text), [3]);
    }
}
