//! `cargo xtask size`: how long files and functions are, against the house numbers.
//!
//! A report, not a gate: the caps are soft, and a long table is no long function. Function lengths
//! come from indentation, which rustfmt and Python make reliable.

use crate::Outcome;
use crate::tree::Tree;

const FILE_CAP: usize = 500;
const FUNCTION_CAP: usize = 60;

/// A file or a function with its number of lines.
struct Piece {
    lines: usize,
    place: String,
}

/// Prints the longest files and functions and how many are over the caps.
pub fn run(tree: &Tree, rows: usize) -> Outcome {
    let mut files = Vec::new();
    let mut functions = Vec::new();
    for (folder, extension) in [("rust", "rs"), ("pyfrontend", "py"), ("shaders", "wgsl")] {
        for path in tree.files(folder, extension)? {
            let text = tree.read(&path)?;
            functions.extend(function_lengths(&text, &path));
            files.push(Piece { lines: text.lines().count(), place: path });
        }
    }
    report("files", files, FILE_CAP, rows);
    report("functions", functions, FUNCTION_CAP, rows);
    Ok(())
}

fn report(title: &str, mut pieces: Vec<Piece>, cap: usize, rows: usize) {
    pieces.sort_by(|left, right| {
        right.lines.cmp(&left.lines).then_with(|| left.place.cmp(&right.place))
    });
    let total: usize = pieces.iter().map(|piece| piece.lines).sum();
    let over = pieces.iter().filter(|piece| piece.lines > cap).count();
    println!("{title}: {} with {total} lines, {over} over {cap}", pieces.len());
    for piece in pieces.iter().take(rows) {
        println!("{:>6}  {}", piece.lines, piece.place);
    }
}

/// Each function's lines, from its `fn` or `def` to the last line that is indented deeper.
fn function_lengths(text: &str, path: &str) -> Vec<Piece> {
    let lines: Vec<&str> = text.lines().collect();
    let starts =
        lines.iter().enumerate().filter_map(|(number, line)| Some((number, function_name(line)?)));
    starts
        .map(|(start, name)| Piece {
            lines: body_length(&lines[start..]),
            place: format!("{path}:{} {name}", start + 1),
        })
        .collect()
}

fn function_name(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().take_while(|word| !word.starts_with("//"));
    words.find(|word| matches!(*word, "fn" | "def"))?;
    let word = words.next()?;
    let name = word.split(['(', '<', '[', ':']).next()?;
    let before = line.split(word).next()?;
    let only_modifiers =
        before.chars().all(|letter| letter.is_alphabetic() || " ()_\"".contains(letter));
    (only_modifiers && !name.is_empty()).then_some(name)
}

fn body_length(lines: &[&str]) -> usize {
    let indent = indentation(lines[0]);
    let mut last = 0;
    for (offset, line) in
        lines.iter().enumerate().skip(1).filter(|(_, line)| !line.trim().is_empty())
    {
        let closes = line.trim_start().starts_with(['}', ')']);
        let deeper = indentation(line) > indent;
        if !deeper && !closes {
            break;
        }
        last = offset;
        if !deeper && line.trim() == "}" {
            break;
        }
    }
    last + 1
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(text: &str) -> Vec<(usize, String)> {
        function_lengths(text, "f").into_iter().map(|piece| (piece.lines, piece.place)).collect()
    }

    #[test]
    fn rust_functions_end_at_their_brace() {
        let text = "pub fn a(\n    x: u8,\n) -> u8 {\n    x\n}\n\nfn b() {}\n";
        assert_eq!(lengths(text), [(5, "f:1 a".to_string()), (1, "f:7 b".to_string())]);
    }

    #[test]
    fn python_functions_end_where_the_indentation_does() {
        let text = "def a(\n    x,\n):\n    y = x\n\n    return y\n\n\nclass B:\n    def c(self):\n        pass\n";
        assert_eq!(lengths(text), [(6, "f:1 a".to_string()), (2, "f:10 c".to_string())]);
    }

    #[test]
    fn prose_and_types_are_no_functions() {
        assert_eq!(lengths("// fn in a comment\nlet f: fn(u8) = g;\n"), []);
    }
}
