//! Finds the rules that a record can match by what its head shows; the others are not touched.

use super::known::{Known, Member};
use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Longer values, which no service has, are copied to be compared.
const SHORT: usize = 96;
/// The golden ratio of 64 bits, made odd: spreads what it is multiplied with.
const ODD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Rules by the values that they need of one member each.
#[derive(Debug, Default)]
pub(super) struct Index {
    by_name: ByValue,
    by_identity: ByValue,
    by_source: ByValue,
    /// Rules that need no certain value of any member.
    always: Vec<usize>,
}

/// Rules by value, in lower case.
#[derive(Debug, Default)]
struct ByValue(HashMap<Cow<'static, str>, Vec<usize>, BuildHasherDefault<Quick>>);

/// A hash in one multiplication for eight bytes. Whoever writes the rules chooses what is in the
/// table, so there is nobody to be safe from.
#[derive(Debug, Default)]
struct Quick(u64);

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(ODD);
        }
    }

    fn finish(&self) -> u64 {
        // The table looks at the lowest and at the highest bits.
        self.0 ^ self.0 >> 32
    }
}

impl Index {
    /// Adds a rule; without a key it must look at every record.
    pub(super) fn add<V: Into<Cow<'static, str>>>(
        &mut self,
        rule: usize,
        key: Option<(Member, impl IntoIterator<Item = V>)>,
    ) {
        let (map, values) = match key {
            Some((Member::EventName, values)) => (&mut self.by_name, values),
            Some((Member::IdentityType, values)) => (&mut self.by_identity, values),
            Some((Member::EventSource, values)) => (&mut self.by_source, values),
            Some((Member::ErrorCode | Member::UserAgent | Member::AccountId, _)) | None => {
                return self.always.push(rule);
            }
        };
        for value in values {
            map.0.entry(value.into()).or_default().push(rule);
        }
    }

    /// Rules that need no event name: they make every record a candidate, or many.
    pub(super) fn unnamed(&self) -> Vec<usize> {
        let keyed = self.by_identity.all().chain(self.by_source.all());
        sorted(self.always.iter().copied().chain(keyed))
    }

    /// Every rule that may match a record of this name, and some that may not; one may come
    /// several times.
    pub(super) fn candidates(&self, name: &str, known: &Known<'_>) -> impl Iterator<Item = usize> {
        let plain = known.plain_name.filter(|plain| *plain != name);
        let plain = plain.map_or(&[][..], |plain| self.by_name.of(plain));
        let named = self.by_name.of(name).iter().chain(plain);
        let keyed = self.by_identity.may(known.identity_type);
        let keyed = keyed.chain(self.by_source.may(known.source));
        named.chain(&self.always).copied().chain(keyed)
    }
}

impl ByValue {
    fn all(&self) -> impl Iterator<Item = usize> {
        self.0.values().flatten().copied()
    }

    /// Rules that need this value, whatever its case.
    fn of(&self, value: &str) -> &[usize] {
        if self.0.is_empty() {
            return &[];
        }
        let mut short = [0; SHORT];
        let rules = match lower(value, &mut short) {
            Some(lower) => self.0.get(lower),
            None => self.0.get(value.to_lowercase().as_str()),
        };
        rules.map_or(&[], Vec::as_slice)
    }

    /// Rules that need this value; of a value that is not known, all.
    fn may(&self, value: Option<&str>) -> impl Iterator<Item = usize> {
        let certain = value.map_or(&[][..], |value| self.of(value));
        let unknown = value.is_none().then(|| self.all());
        certain.iter().copied().chain(unknown.into_iter().flatten())
    }
}

/// The value in lower case, where that is simple.
fn lower<'b>(value: &str, buffer: &'b mut [u8; SHORT]) -> Option<&'b str> {
    let lower = buffer.get_mut(..value.len()).filter(|_| value.is_ascii())?;
    lower.copy_from_slice(value.as_bytes());
    lower.make_ascii_lowercase();
    std::str::from_utf8(lower).ok()
}

/// In order, each once.
pub(super) fn sorted(rules: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut rules: Vec<usize> = rules.collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}
