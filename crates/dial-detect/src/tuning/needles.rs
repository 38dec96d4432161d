//! Texts of which one must stand in a record that touches one of DIAL's own parts or a decoy: most
//! records hold none, and need not be parsed to know it.

use crate::event::Unparsed;
use crate::find::holds;
use crate::settings::Settings;
use regex::bytes::Regex;

/// Paths that only a touched part or decoy fills.
const OWN: [&str; 2] = ["own.touched", "own.part"];
/// Name below which everything is about a touched decoy.
const DECOY: &str = "decoy.";

/// Most texts that are looked for one after the other; more are looked for at once.
const FEW: usize = 4;

/// The texts, ready to be looked for, whatever their case.
#[derive(Debug, Default)]
pub(super) struct Needles {
    own: Option<Texts>,
    decoys: Option<Texts>,
}

/// Texts of which one must stand there.
#[derive(Debug)]
enum Texts {
    Few(Vec<String>),
    Many(Regex),
}

impl Texts {
    /// `None` where a text is too short to say anything, or there is none.
    fn of<'t>(texts: impl Iterator<Item = &'t str>) -> Option<Self> {
        let pieces: Vec<String> = texts.map(piece).collect::<Option<_>>()?;
        match pieces.len() {
            0 => None,
            1..=FEW => Some(Self::Few(pieces)),
            _ => {
                let escaped: Vec<String> =
                    pieces.iter().map(|piece| regex::escape(piece)).collect();
                let regex = Regex::new(&format!("(?i-u){}", escaped.join("|")));
                regex.ok().map(Self::Many)
            }
        }
    }

    fn lack(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Few(pieces) => !pieces.iter().any(|piece| holds(bytes, piece.as_bytes())),
            Self::Many(regex) => !regex.is_match(bytes),
        }
    }
}

impl Needles {
    pub(super) fn of(settings: &Settings) -> Self {
        let own = &settings.own;
        let parts = own.arns.iter().map(String::as_str);
        let prefix = (!own.prefix.is_empty()).then_some(own.prefix.as_str());
        let decoys = settings.decoys.iter().map(|decoy| decoy.name.as_str());
        Self {
            own: Texts::of(parts.chain(prefix)),
            decoys: Texts::of(decoys),
        }
    }

    /// Whether nothing in a record can fill a derived field of this path.
    pub(super) fn lack(&self, path: &str, record: &Unparsed<'_>) -> bool {
        let needles = match path {
            path if OWN.contains(&path) => &self.own,
            path if path.starts_with(DECOY) => &self.decoys,
            _ => return false,
        };
        let is_missing = |needles: &Texts| needles.lack(record.bytes());
        // An escape may stand for any letter.
        needles.as_ref().is_some_and(is_missing) && record.spells_letters()
    }
}

/// The longest piece that every spelling of a name or ARN holds as it is: separators may be
/// escaped, left out, or put together from other fields; a suffix of a secret may be missing.
fn piece(text: &str) -> Option<String> {
    let name = text.rsplit([':', '/']).next()?;
    let is_secret = text.contains(":secret:");
    let name = match name.rsplit_once('-') {
        Some((bare, _)) if is_secret => bare,
        _ => name,
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let pieces = name.split(|c| !is_plain(c));
    let longest = pieces.max_by_key(|piece| piece.len())?;
    (longest.len() >= 3).then(|| longest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_named_is_not_touched() {
        let settings: Settings = serde_json::from_value(json!({
            "own": { "arns": ["arn:aws:kms:eu-west-1:111122223333:key/1a2b3c"] },
            "decoys": [
                { "kind": "user", "name": "backup-admin" },
                { "kind": "secret", "name": "pay/db-root" },
            ],
        }))
        .unwrap();
        let needles = Needles::of(&settings);
        let cases = [
            ("nothing", r#"{"a":"b"}"#, "own.touched", true),
            ("prefix", r#"{"a":"x/DIAL-worker"}"#, "own.touched", false),
            ("key", r#"{"a":"key/1A2B3C"}"#, "own.part", false),
            ("escaped", r#"{"a":"d\u0069al-"}"#, "own.touched", false),
            ("who deploys", "{}", "own.deployer", false),
            ("decoy", r#"{"a":"Backup-Admin"}"#, "decoy.touched", false),
            (
                "secret",
                r#"{"a":"pay\/db-root-AbCdEf"}"#,
                "decoy.name",
                false,
            ),
            ("no decoy", r#"{"a":"admin"}"#, "decoy.kind", true),
        ];
        for (name, record, path, expected) in cases {
            assert_eq!(
                needles.lack(path, &Unparsed::new(record.as_bytes())),
                expected,
                "{name}"
            );
        }
        let many: Vec<_> = ["alpha", "beta.x", "gamma", "delta", "omega"]
            .iter()
            .map(|name| json!({ "kind": "user", "name": name }))
            .collect();
        let many: Settings = serde_json::from_value(json!({ "decoys": many })).unwrap();
        let many = Needles::of(&many);
        for (record, expected) in [("{}", true), ("Beta.X", false), ("beta-x", true)] {
            let lacks = many.lack("decoy.touched", &Unparsed::new(record.as_bytes()));
            assert_eq!(lacks, expected, "{record}");
        }
        let short: Settings = serde_json::from_value(json!({
            "own": { "prefix": "", "arns": ["arn:aws:kms:eu-west-1:111122223333:key/a"] },
        }))
        .unwrap();
        assert!(
            !Needles::of(&short).lack("own.touched", &Unparsed::new(b"{}")),
            "says nothing"
        );
    }
}
