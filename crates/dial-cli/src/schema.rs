//! `dial schema`: the documents that other programs read DIAL by.

use crate::exit::Outcome;
use anyhow::Result;
use clap::{Args, ValueEnum};
use std::io::Write;

pub(crate) const EXAMPLES: &str = "\
Examples:
  dial schema openapi > openapi.json    what a master answers, for client generators
  dial schema finding > finding.json    to check findings that a sink received

A master shows its own at /openapi.json.";

/// Arguments of `dial schema`.
#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// Which document
    #[arg(value_enum)]
    of: Of,
}

/// What there is a document of.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Of {
    /// The HTTP API of the master, as OpenAPI 3.1
    Openapi,
    /// A finding, as JSON Schema 2020-12
    Finding,
}

/// Prints the document.
pub(crate) fn run(args: &Schema) -> Result<Outcome> {
    let document = match args.of {
        Of::Openapi => dial_master::api::document(),
        Of::Finding => dial_core::schema::finding(),
    };
    let mut text = serde_json::to_vec_pretty(&document)?;
    text.push(b'\n');
    std::io::stdout().write_all(&text)?;
    Ok(Outcome::Clean)
}
