//! Generated files: written by `cargo xtask gen`, checked in, verified by `cargo xtask gen --check`.
//!
//! A target is a path and a function from the file's present text to the text it should have, so a
//! target may own a whole file or only the part between two markers.

use crate::tree::Tree;
use crate::{Outcome, layers, stub};

/// One generated file.
struct Target {
    path: &'static str,
    render: fn(&Tree, &str) -> Outcome<String>,
}

/// Everything that `gen` writes. A new generator is a row here and a function.
const TARGETS: &[Target] = &[
    Target { path: "README.md", render: readme },
    Target { path: "pyfrontend/pyrite/_C.pyi", render: type_stub },
];

/// Writes every target that differs, and names it.
pub fn write(tree: &Tree) -> Outcome {
    for (path, text) in stale(tree)? {
        tree.write(path, &text)?;
        println!("gen: wrote {path}");
    }
    Ok(())
}

/// Fails when a target differs from what `write` would leave.
pub fn check(tree: &Tree) -> Outcome {
    let paths: Vec<&str> = stale(tree)?.into_iter().map(|(path, _)| path).collect();
    if paths.is_empty() {
        println!("gen: {} up to date", TARGETS.len());
        return Ok(());
    }
    Err(format!("gen: out of date, run `cargo xtask gen`: {}", paths.join(", ")))
}

fn stale(tree: &Tree) -> Outcome<Vec<(&'static str, String)>> {
    let mut changed = Vec::new();
    for target in TARGETS {
        let present = tree.read(target.path)?;
        let wanted = (target.render)(tree, &present)?;
        if wanted != present {
            changed.push((target.path, wanted));
        }
    }
    Ok(changed)
}

/// README's layer diagram is the printed one.
fn readme(tree: &Tree, present: &str) -> Outcome<String> {
    let diagram = layers::diagram(&layers::read(tree)?);
    replace_between(present, "<!-- layers -->\n```text\n", "```\n<!-- /layers -->", &diagram)
        .map_err(|error| format!("README.md: {error}"))
}

/// What the op table gives the type stub; the rest of the stub is written by hand.
fn type_stub(_: &Tree, present: &str) -> Outcome<String> {
    let parts = [
        ("# <results>\n", "# </results>\n", stub::results()?),
        ("    # <methods>\n", "    # </methods>\n", stub::methods()?),
        ("# <functions>\n", "# </functions>\n", stub::functions()?),
    ];
    let mut text = present.to_string();
    for (start, end, inner) in &parts {
        text = replace_between(&text, start, end, inner)
            .map_err(|error| format!("_C.pyi: {error}"))?;
    }
    Ok(text)
}

fn replace_between(text: &str, start: &str, end: &str, inner: &str) -> Outcome<String> {
    let (head, rest) = text.split_once(start).ok_or_else(|| format!("no marker {start:?}"))?;
    let (_, tail) = rest.split_once(end).ok_or_else(|| format!("no marker {end:?}"))?;
    Ok([head, start, inner, end, tail].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_between_the_markers_changes() {
        assert_eq!(replace_between("a<1>old<2>b", "<1>", "<2>", "new").unwrap(), "a<1>new<2>b");
        assert!(replace_between("a<1>old", "<1>", "<2>", "new").unwrap_err().contains("<2>"));
    }

    #[test]
    fn readme_shows_the_printed_diagram() {
        let tree = Tree::find().unwrap();
        let text = tree.read("README.md").unwrap();
        assert!(
            text.contains(&layers::diagram(&layers::read(&tree).unwrap())),
            "run `cargo xtask gen`"
        );
    }
}
