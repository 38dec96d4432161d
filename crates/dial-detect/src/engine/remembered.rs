//! What was found out once for a key, for whoever asks again: read without a lock, since it is
//! asked for every record.

use foldhash::fast::RandomState;
use std::borrow::Cow;
use std::hash::BuildHasher;
use std::sync::OnceLock;

/// Places for keys; whoever invents more only pays for them each time.
const PLACES: usize = 4_096;
/// Places looked at for one key; where others have them all, it is not remembered.
const NEAR: usize = 8;

/// Values by key; what was put in stays.
#[derive(Debug)]
pub(super) struct Remembered<V> {
    /// Made when the first key comes.
    places: OnceLock<Box<[Place<V>]>>,
    /// Seeded, so that nobody can aim many keys at one place.
    hash: RandomState,
}

/// A key and its value.
type Place<V> = OnceLock<Box<(Box<[u8]>, V)>>;

impl<V> Default for Remembered<V> {
    fn default() -> Self {
        Self {
            places: OnceLock::new(),
            hash: RandomState::default(),
        }
    }
}

impl<V: Clone> Remembered<V> {
    /// The value of a key; made where it is not remembered, which is once where there is room.
    pub(super) fn of(&self, key: &[u8], make: impl Fn() -> V) -> Cow<'_, V> {
        let entry = || Box::new((Box::from(key), make()));
        let mut near = self.near(key).map(|place| place.get_or_init(entry));
        let found = near.find(|entry| *entry.0 == *key);
        found.map_or_else(|| Cow::Owned(make()), |entry| Cow::Borrowed(&entry.1))
    }

    /// The places where a key may stand, in the order in which they are taken.
    fn near(&self, key: &[u8]) -> impl Iterator<Item = &Place<V>> {
        let places = self.places.get_or_init(|| {
            let places = std::iter::repeat_with(OnceLock::new);
            places.take(PLACES).collect()
        });
        let hash = self.hash.hash_one(key);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "smaller than the number of places"
        )]
        let place = move |step| (hash.wrapping_add(step) % PLACES as u64) as usize;
        let near = (0..NEAR as u64).map(place);
        near.filter_map(|place| places.get(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_value_is_made_once_for_each_key() {
        let remembered = Remembered::default();
        let keys: Vec<String> = (0..500).map(|number| format!("key {number}")).collect();
        for _ in 0..2 {
            for key in &keys {
                assert_eq!(*remembered.of(key.as_bytes(), || key.clone()), *key);
            }
        }
        for key in &keys {
            remembered.of(key.as_bytes(), || panic!("made again"));
        }
    }

    #[test]
    fn strange_keys_fill_no_memory() {
        let (remembered, times) = (Remembered::default(), Cell::new(0));
        let make = |number: usize| {
            times.set(times.get() + 1);
            number
        };
        for _ in 0..2 {
            for number in 0..3 * PLACES {
                assert_eq!(
                    *remembered.of(&number.to_le_bytes(), || make(number)),
                    number
                );
            }
        }
        let places = remembered.places.get().unwrap();
        let taken = places.iter().filter(|place| place.get().is_some()).count();
        // Whatever was not remembered was made twice.
        assert_eq!(times.get(), 2 * 3 * PLACES - taken);
        assert!(taken > PLACES / 2, "{taken}");
    }
}
