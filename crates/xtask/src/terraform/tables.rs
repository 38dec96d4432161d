//! The tables of inputs and outputs in a module's README, from its variables and outputs.

use anyhow::{Context, bail};
use hcl::{Block, Body, Expression};
use std::fmt::Write as _;
use std::path::Path;

/// The tables lie between these lines.
const BEGIN: &str = "<!-- tables: written by cargo xtask terraform --write -->";
const END: &str = "<!-- end of tables -->";

/// Fails where a README's tables are not what the module says.
pub(super) fn check(module: &Path) -> anyhow::Result<()> {
    let (path, old, new) = versions(module)?;
    if old != new {
        bail!(
            "{} is stale; run `cargo xtask terraform --write`",
            path.display()
        );
    }
    Ok(())
}

/// Writes a README's tables.
pub(super) fn write(module: &Path) -> anyhow::Result<()> {
    let (path, old, new) = versions(module)?;
    if old != new {
        std::fs::write(&path, new)?;
        println!("wrote {}", path.display());
    }
    Ok(())
}

/// The README as it is, and as it should be.
fn versions(module: &Path) -> anyhow::Result<(std::path::PathBuf, String, String)> {
    let path = module.join("README.md");
    let old = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let (before, rest) = old
        .split_once(BEGIN)
        .with_context(|| format!("{} lacks {BEGIN}", path.display()))?;
    let (_, after) = rest
        .split_once(END)
        .with_context(|| format!("{} lacks {END}", path.display()))?;
    let inputs = inputs(&read(&module.join("variables.tf"))?);
    let outputs = outputs(&read(&module.join("outputs.tf"))?);
    let new =
        format!("{before}{BEGIN}\n\n## Inputs\n\n{inputs}\n## Outputs\n\n{outputs}\n{END}{after}");
    Ok((path, old, new))
}

fn read(path: &Path) -> anyhow::Result<Body> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    hcl::parse(&text).with_context(|| path.display().to_string())
}

fn inputs(body: &Body) -> String {
    let mut table = "| Name | Type | Default | Description |\n|---|---|---|---|\n".to_owned();
    for (name, block) in named(body, "variable") {
        let kind = source(attribute(block, "type"));
        let default = attribute(block, "default")
            .map_or("required".to_owned(), |d| format!("`{}`", source(Some(d))));
        let _ = writeln!(
            table,
            "| `{name}` | `{kind}` | {default} | {} |",
            description(block)
        );
    }
    table
}

fn outputs(body: &Body) -> String {
    let mut table = "| Name | Description |\n|---|---|\n".to_owned();
    for (name, block) in named(body, "output") {
        let _ = writeln!(table, "| `{name}` | {} |", description(block));
    }
    table
}

/// Blocks of one kind with their labels, in the order of the file.
fn named<'b>(body: &'b Body, kind: &'b str) -> impl Iterator<Item = (&'b str, &'b Block)> {
    body.blocks()
        .filter(move |block| block.identifier() == kind)
        .filter_map(|block| Some((block.labels().first()?.as_str(), block)))
}

fn attribute<'b>(block: &'b Block, name: &str) -> Option<&'b Expression> {
    block
        .body()
        .attributes()
        .find(|attribute| attribute.key() == name)
        .map(hcl::Attribute::expr)
}

/// An expression as source on one line, fit for a cell.
fn source(expression: Option<&Expression>) -> String {
    let text = expression.map(|e| hcl::format::to_string(e).unwrap_or_default());
    let words: Vec<String> = text
        .unwrap_or_default()
        .split_whitespace()
        .map(|word| word.replace('|', "\\|"))
        .collect();
    words.join(" ")
}

fn description(block: &Block) -> String {
    match attribute(block, "description") {
        Some(Expression::String(text)) => text.replace('|', "\\|"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_tell_type_default_and_meaning() {
        let body = hcl::parse(
            "variable \"days\" {\n  description = \"Days | nights.\"\n  type = number\n  default = 30\n}\n\
             variable \"key\" {\n  description = \"The key.\"\n  type = object({ arn = string })\n}\n",
        )
        .unwrap();
        assert_eq!(
            inputs(&body),
            "| Name | Type | Default | Description |\n|---|---|---|---|\n\
             | `days` | `number` | `30` | Days \\| nights. |\n\
             | `key` | `object({ arn = string })` | required | The key. |\n"
        );
    }
}
