//! Finds the one event that a command is about: in a file, a trail file or standard input.

use anyhow::{Context, Result, bail};
use clap::Args;
use dial_detect::envelope::trail::{Limits, Scanner};
use dial_detect::event::Event;
use std::io::Read;

/// Ids that an error lists.
const MAX_LISTED: usize = 10;

/// Where the event is.
#[derive(Debug, Args)]
pub(crate) struct Wanted {
    /// The event, where a trail file holds several: its `eventID`
    #[arg(long, value_name = "ID")]
    pub(super) event_id: Option<String>,
}

/// Reads the event; `-` is standard input.
pub(super) fn read(path: &str, wanted: &Wanted) -> Result<Event> {
    let source: Box<dyn Read> = match path {
        "-" => Box::new(std::io::stdin()),
        path => Box::new(std::fs::File::open(path).with_context(|| path.to_owned())?),
    };
    let mut found: Option<Event> = None;
    let mut others: Vec<String> = Vec::new();
    let mut bad: Option<String> = None;
    let take = |item: Result<Event, dial_detect::envelope::Malformed>| match item {
        Ok(event) if wanted.event_id.as_ref().is_some_and(|id| *id != event.id) => {
            remember(&mut others, event.id);
        }
        Ok(event) if found.is_none() => found = Some(event),
        Ok(event) => remember(&mut others, event.id),
        Err(malformed) => bad = Some(malformed.error.to_string()),
    };
    let scanned = Scanner::new(Limits::default()).scan(source, |_| true, take);
    scanned.map_err(|error| anyhow::anyhow!("{path}: {error}"))?;
    match (found, &wanted.event_id) {
        (Some(event), Some(_)) => Ok(event),
        (Some(event), None) if others.is_empty() => Ok(event),
        (Some(event), None) => {
            others.insert(0, event.id);
            let ids = others.join("\n  ");
            bail!("{path} holds several events; choose one with --event-id:\n  {ids}")
        }
        (None, Some(id)) => bail!("{path} holds no event with the id {id}"),
        (None, None) => match bad {
            Some(error) => bail!("{path}: {error}"),
            None => bail!("{path} holds no event"),
        },
    }
}

fn remember(ids: &mut Vec<String>, id: String) {
    if ids.len() < MAX_LISTED {
        ids.push(id);
    }
}
