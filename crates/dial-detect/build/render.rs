//! Writes the compiled pack as Rust: statics cost nothing at start.

use super::Compiled;
use crate::gate::Gate;
use rsigma_ir::IrRule;
use std::fmt::Write as _;

/// The source of `pack.rs`.
pub(super) fn pack(rules: &[Compiled]) -> Result<String, Box<dyn std::error::Error>> {
    let mut out = String::new();
    writeln!(out, "pub(super) static PACK: &[Packed] = &[")?;
    for compiled in rules {
        let (info, rule, outline) = (&compiled.info, &compiled.rule, &compiled.outline);
        writeln!(
            out,
            "Packed {{ id: {:?}, name: {:?}, title: {:?}, pack: Pack::{:?}, digest: {:?}, attempts: {:?}, product: {:?}, service: {:?}, key: {}, gate: {}, reads: &{:?}, info: {:?}, rule: {:?} }},",
            info.id,
            info.name,
            info.title,
            info.pack,
            compiled.digest,
            info.takes_attempts(),
            rule.logsource.product,
            rule.logsource.service,
            key(compiled),
            gate(&outline.gate),
            outline.reads.iter().collect::<Vec<_>>(),
            serde_json::to_string(info)?,
            sorted(rule)?,
        )?;
    }
    writeln!(out, "];")?;
    Ok(out)
}

/// JSON whose members stand in order: a rule keeps its detections in none, and two builds must
/// write the same.
fn sorted(rule: &IrRule) -> serde_json::Result<String> {
    let mut value = serde_json::to_value(rule)?;
    value.sort_all_objects();
    Ok(value.to_string())
}

fn key(compiled: &Compiled) -> String {
    let Some((member, values)) = &compiled.outline.key else {
        return "None".to_owned();
    };
    let values: Vec<&String> = values.iter().collect();
    format!("Some((Member::{member:?}, &{values:?}))")
}

fn gate(of: &Gate) -> String {
    let parts = |parts: &[Gate]| {
        let parts: Vec<String> = parts.iter().map(gate).collect();
        format!("Cow::Borrowed(&[{}])", parts.join(", "))
    };
    match of {
        Gate::Unknown => "Gate::Unknown".to_owned(),
        Gate::All(below) => format!("Gate::All({})", parts(below)),
        Gate::Any(below) => format!("Gate::Any({})", parts(below)),
        Gate::None(below) => format!("Gate::None({})", parts(below)),
        Gate::Text(member, fit, text) => {
            format!("Gate::Text(Member::{member:?}, Fit::{fit:?}, Cow::Borrowed({text:?}))")
        }
        Gate::Exists(member, expected) => format!("Gate::Exists(Member::{member:?}, {expected})"),
        Gate::Derived(name, holds) => format!("Gate::Derived(Cow::Borrowed({name:?}), {holds})"),
        Gate::Holds(place, text) => {
            format!("Gate::Holds(Place::{place:?}, Cow::Borrowed({text:?}))")
        }
        Gate::Is(name, wanted) => format!("Gate::Is(Cow::Borrowed({name:?}), {wanted})"),
    }
}
