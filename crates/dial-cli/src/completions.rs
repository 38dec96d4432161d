//! `dial completions` and `dial man`: what shells and `man` read, made from the commands themselves.

use crate::cli::Cli;
use crate::exit::Outcome;
use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;
use std::io::Write;

/// Writes the completion script of a shell.
pub(crate) fn completions(shell: Shell) -> Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "dial", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(Outcome::Clean)
}

/// Writes the manual page, of the whole or of one command.
pub(crate) fn man(path: &[String]) -> Result<Outcome> {
    let mut command = Cli::command();
    command.build();
    for name in path {
        let below = command.find_subcommand(name).cloned();
        command = below.ok_or_else(|| anyhow::anyhow!("dial has no command `{name}`"))?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    std::io::stdout().write_all(&page)?;
    Ok(Outcome::Clean)
}
