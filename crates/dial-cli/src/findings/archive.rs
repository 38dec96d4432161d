//! `dial findings show --archive`: a finding that the store has forgotten.
//!
//! The archive has one object for each shard and hour of expiry; the shard is known from the id, so
//! an eighth of it is looked through, the newest hour first.

use anyhow::{Context, Result, bail};
use dial_aws::{Clients, open_bucket};
use dial_core::store::shard;
use dial_core::{FindingId, gzip};
use dial_master::archive::FOLDER;
use serde::Deserialize;
use serde_json::Value;

/// Largest object that is read, bytes.
const MAX_OBJECT: usize = 256 * 1024 * 1024;
/// Largest once inflated, bytes.
const MAX_INFLATED: usize = 1024 * 1024 * 1024;

/// The archived line of a finding.
///
/// `expired` narrows the search to the year, month, day or hour in which the store forgot it:
/// `2027`, `2027-06`, `2027-06-05`.
pub(super) async fn find(place: &str, id: &FindingId, expired: Option<&str>) -> Result<Value> {
    let bucket = open_bucket(place, &Clients::new())
        .with_context(|| format!("archive {place} cannot be opened"))?;
    let prefix = prefix(expired)?;
    let ending = format!("-{}.jsonl.gz", shard(id));
    let mut keys = bucket.list(&prefix).await?;
    keys.retain(|key| key.ends_with(&ending));
    for key in keys.iter().rev() {
        let Some(object) = bucket.get(key, MAX_OBJECT).await? else {
            continue;
        };
        let lines = gzip::inflate(&object, MAX_INFLATED).with_context(|| key.clone())?;
        if let Some(line) = line_of(&lines, id) {
            return serde_json::from_slice(line).with_context(|| format!("{key} is corrupt"));
        }
    }
    bail!(
        "finding {id} is in none of {} objects below {place}/{prefix}",
        keys.len()
    )
}

/// Folders of the archive are years, months and days.
fn prefix(expired: Option<&str>) -> Result<String> {
    let Some(expired) = expired else {
        return Ok(format!("{FOLDER}/"));
    };
    let parts: Vec<&str> = expired.split('-').collect();
    let digits =
        |part: &str, count| part.len() == count && part.bytes().all(|b| b.is_ascii_digit());
    let fits = match parts.as_slice() {
        [year] => digits(year, 4),
        [year, rest @ ..] => {
            digits(year, 4) && rest.len() <= 2 && rest.iter().all(|p| digits(p, 2))
        }
        [] => false,
    };
    if !fits {
        bail!("--expired is a year, month or day, such as 2027-06, not `{expired}`");
    }
    Ok(format!("{FOLDER}/{}/", parts.join("/")))
}

/// The line of a finding; others are passed over unread.
fn line_of<'a>(lines: &'a [u8], id: &FindingId) -> Option<&'a [u8]> {
    #[derive(Deserialize)]
    struct Line {
        finding: IdOnly,
    }
    #[derive(Deserialize)]
    struct IdOnly {
        id: FindingId,
    }
    let wanted = id.as_str().as_bytes();
    let mut lines = lines.split(|byte| *byte == b'\n');
    lines.find(|line| {
        // Cheap first: few lines hold the id at all, and not each as its own.
        line.windows(wanted.len()).any(|part| part == wanted)
            && serde_json::from_slice(line).is_ok_and(|line: Line| line.finding.id == *id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_expiry_is_a_folder() {
        let cases = [
            (None, Some("archive/")),
            (Some("2027"), Some("archive/2027/")),
            (Some("2027-06"), Some("archive/2027/06/")),
            (Some("2027-06-05"), Some("archive/2027/06/05/")),
            (Some("2027-6"), None),
            (Some("2027-06-05-01"), None),
            (Some("../x"), None),
            (Some(""), None),
        ];
        for (expired, expected) in cases {
            let found = prefix(expired).ok();
            assert_eq!(found.as_deref(), expected, "{expired:?}");
        }
    }

    #[test]
    fn a_line_is_that_of_its_own_finding() {
        let id = |letter: &str| FindingId::parse(&format!("f-{}", letter.repeat(26))).unwrap();
        let line = |own: &FindingId, named: &FindingId| {
            format!(r#"{{"finding":{{"id":"{own}","title":"as {named}"}}}}"#)
        };
        let (a, b, c) = (id("a"), id("b"), id("c"));
        let lines = format!("{}\n{}\nno json {a}\n", line(&b, &a), line(&a, &b));
        let found = |id| line_of(lines.as_bytes(), id).map(String::from_utf8_lossy);
        assert_eq!(found(&a), Some(line(&a, &b).into()));
        assert_eq!(found(&b), Some(line(&b, &a).into()));
        assert_eq!(found(&c), None);
    }
}
