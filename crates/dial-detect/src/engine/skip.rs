//! Loads what is sound of the operator's rules where one error shall not stop the rest.

use super::pack::Packed;
use super::source::{self, Source};
use super::{Engine, RuleError, RuleSources};

/// Leaves out every document with an error, until the rest loads.
pub(super) fn load(
    wanted: &RuleSources<'_>,
    pack: &[&'static Packed],
    absent: &[&'static str],
) -> Result<Engine, Vec<RuleError>> {
    let (sources, mut refused) = wanted.folder.map(source::readable).unwrap_or_default();
    let mut sources: Vec<Source> = sources.iter().flat_map(documents).collect();
    loop {
        let errors = match Engine::of(&sources, pack.iter().copied(), absent.to_vec()) {
            Ok(mut engine) => {
                engine.left_out.extend(refused);
                return Ok(engine);
            }
            Err(errors) => errors,
        };
        let before = sources.len();
        sources.retain(|source| !errors.iter().any(|error| is_in(error, source)));
        refused.extend(errors);
        if sources.len() == before {
            return Err(refused);
        }
    }
}

/// Each document of a file by itself, on the lines that it has there.
fn documents(of: &Source) -> Vec<Source> {
    let mut documents: Vec<(usize, Vec<&str>)> = vec![(0, Vec::new())];
    for (number, line) in of.text.lines().enumerate() {
        if line == "---" || line.starts_with("--- ") {
            documents.push((number + 1, Vec::new()));
        } else if let Some((_, lines)) = documents.last_mut() {
            lines.push(line);
        }
    }
    let holds_rule = |lines: &[&str]| {
        let said = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
        lines.iter().any(said)
    };
    let several = documents.len() > 1;
    documents.retain(|(_, lines)| !several || holds_rule(lines));
    let numbered = documents.into_iter().enumerate();
    numbered
        .map(|(index, (first, lines))| Source {
            file: of.file.clone(),
            name: match index {
                0 => of.name.clone(),
                _ => format!("{}_{}", of.name, index + 1),
            },
            text: "\n".repeat(first) + &lines.join("\n"),
        })
        .collect()
}

/// Whether an error is about this document; one without a line is about the whole file.
fn is_in(error: &RuleError, source: &Source) -> bool {
    let blank = source
        .text
        .bytes()
        .take_while(|byte| *byte == b'\n')
        .count();
    // What YAML misses, it misses behind the end.
    let last = source.text.lines().count() + 1;
    let lines = blank + 1..=last;
    error.file == source.file && error.line.is_none_or(|line| lines.contains(&line))
}
