//! Reads events for a command that judges none of them.

use super::filter::Filter;
use super::sources::{Found, Search, Source};
use crate::exit::problem;
use anyhow::Result;
use dial_aws::Clients;
use dial_detect::envelope::Item;
use dial_detect::envelope::trail::{Limits, Scanner};
use dial_detect::event::Event;
use tokio::runtime::Handle;

/// Hands on every event of these places, in order; returns how many things could not be read,
/// each named on standard error.
pub(crate) fn each_event(paths: &[String], mut each: impl FnMut(&Event)) -> Result<u64> {
    let runtime = crate::runtime()?;
    let mut scanner = Scanner::new(Limits::default());
    let mut problems = 0;
    let search = Search {
        paths,
        filter: &Filter::default(),
        clients: &Clients::new(),
        runtime: runtime.handle(),
    };
    search.run(&mut |found| {
        match found {
            Found::Source(source, _) => {
                let read = read(&source, runtime.handle(), &mut scanner, &mut each);
                for reason in read {
                    problems += 1;
                    problem(&format!("{}: {reason}", source.name()));
                }
            }
            Found::Problem(place, reason) => {
                problems += 1;
                problem(&format!("{place}: {reason}"));
            }
            Found::Skipped(_) | Found::Finished => {}
        }
        true
    });
    Ok(problems)
}

/// What of a source could not be read.
fn read(
    source: &Source,
    runtime: &Handle,
    scanner: &mut Scanner,
    each: &mut impl FnMut(&Event),
) -> Vec<String> {
    let mut reasons = Vec::new();
    let opened = match source.open(runtime) {
        Ok(opened) => opened,
        Err(error) => return vec![format!("cannot be read: {error:#}")],
    };
    let take = |item: Item| match item {
        Ok(event) => each(&event),
        Err(malformed) => reasons.push(format!("bad record: {}", malformed.error)),
    };
    let result = scanner.scan(opened, |_| true, take);
    reasons.extend(result.err().map(|error| error.to_string()));
    reasons
}
