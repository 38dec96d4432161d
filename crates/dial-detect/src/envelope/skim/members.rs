//! The members of an object, and those of one member, told from their structure.

use super::cursor::Cursor;
use fearless_simd::{Level, Simd, dispatch};
use serde::de::IgnoredAny;

/// Takes the members of an object.
pub(super) trait Visit<'a> {
    /// One of the object itself; `None` ends it all.
    fn outer(&mut self, member: &Member<'a>) -> Option<()>;

    /// One of the member that is entered, which comes before that.
    fn inner(&mut self, member: &Member<'a>) -> Option<()>;
}

/// A member of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'a> {
    /// Its name as it stands there, escapes and all.
    pub(super) name: &'a [u8],
    /// Its value as it stands there.
    pub(super) value: &'a [u8],
    /// Offset of the value; of one without quotes or brackets, of what is before it.
    pub(super) at: usize,
    /// Whether both are certainly ASCII that stands for itself.
    pub(super) is_plain: bool,
}

/// An object that was gone through.
pub(super) struct Read {
    /// Offset behind it.
    pub(super) end: usize,
    /// Whether it is certainly ASCII that stands for itself.
    pub(super) is_plain: bool,
}

/// Hands over every member of the object that `data` starts with, and, before it, those of its
/// member `entered`.
///
/// `None` where the object does not end, where anything between members is no JSON, or where the
/// visitor says so.
pub(super) fn members<'a>(
    data: &'a [u8],
    entered: &[u8],
    visit: &mut impl Visit<'a>,
) -> Option<Read> {
    dispatch!(Level::new(), simd => whole(Cursor::new(simd, data), &Outer { entered }, visit))
}

#[inline(always)]
fn whole<'a, S: Simd>(
    mut cursor: Cursor<'a, S>,
    outer: &Outer<'_>,
    visit: &mut impl Visit<'a>,
) -> Option<Read> {
    let start = cursor.next()?;
    if start != 0 || cursor.data().first() != Some(&b'{') {
        return None;
    }
    let end = object(&mut cursor, start, outer, visit)?;
    Some(Read {
        end: end + 1,
        is_plain: cursor.is_plain(),
    })
}

/// What is done with an object whose members are read.
trait Layer {
    /// Hands on a member.
    fn tell<'a>(&self, member: &Member<'a>, visit: &mut impl Visit<'a>) -> Option<()>;

    /// Goes through a value whose opening bracket stands at `at`; returns where it closes.
    #[inline(always)]
    fn nested<'a, S: Simd>(
        &self,
        cursor: &mut Cursor<'a, S>,
        _name: &[u8],
        _at: usize,
        _visit: &mut impl Visit<'a>,
    ) -> Option<usize> {
        cursor.close()
    }
}

/// The object itself.
struct Outer<'e> {
    entered: &'e [u8],
}

/// The one member that is entered.
struct Inner;

impl Layer for Outer<'_> {
    #[inline(always)]
    fn tell<'a>(&self, member: &Member<'a>, visit: &mut impl Visit<'a>) -> Option<()> {
        visit.outer(member)
    }

    #[inline(always)]
    fn nested<'a, S: Simd>(
        &self,
        cursor: &mut Cursor<'a, S>,
        name: &[u8],
        at: usize,
        visit: &mut impl Visit<'a>,
    ) -> Option<usize> {
        if name == self.entered && cursor.data().get(at) == Some(&b'{') {
            object(cursor, at, &Inner, visit)
        } else {
            cursor.close()
        }
    }
}

impl Layer for Inner {
    #[inline(always)]
    fn tell<'a>(&self, member: &Member<'a>, visit: &mut impl Visit<'a>) -> Option<()> {
        visit.inner(member)
    }
}

/// Goes through the object whose bracket stands at `from`; returns where it closes.
#[inline(always)]
fn object<'a, S: Simd>(
    cursor: &mut Cursor<'a, S>,
    from: usize,
    layer: &impl Layer,
    visit: &mut impl Visit<'a>,
) -> Option<usize> {
    let data = cursor.data();
    let mut at = cursor.next()?;
    if !is_blank(data, from + 1, at) {
        return None;
    }
    while data.get(at)? == &b'"' {
        let (member, next) = member(cursor, at, layer, visit)?;
        layer.tell(&member, visit)?;
        at = next;
    }
    (data.get(at) == Some(&b'}')).then_some(at)
}

/// The member whose name begins with the quote at `at`, and the quote or bracket behind it.
#[inline(always)]
fn member<'a, S: Simd>(
    cursor: &mut Cursor<'a, S>,
    at: usize,
    layer: &impl Layer,
    visit: &mut impl Visit<'a>,
) -> Option<(Member<'a>, usize)> {
    let data = cursor.data();
    let name_end = cursor.next()?;
    let name = data.get(at + 1..name_end)?;
    let start = cursor.next()?;
    let (at, value, next) = match value_at(data, name_end + 1, start)? {
        Value::Bare(value) => (name_end, value, start),
        Value::Marked => {
            let end = match data.get(start)? {
                b'"' => cursor.next()?,
                b'{' | b'[' => layer.nested(cursor, name, start, visit)?,
                _ => return None,
            };
            let next = cursor.next()?;
            separated(data, end + 1, next)?;
            (start, marked(data.get(start..=end)?)?, next)
        }
    };
    let is_plain = cursor.is_plain();
    let member = Member {
        name,
        value,
        at,
        is_plain,
    };
    Some((member, next))
}

/// What stands behind a name.
enum Value<'a> {
    /// A value that is neither text nor in brackets, with what is around it gone.
    Bare(&'a [u8]),
    /// One that begins with the quote or bracket that was read.
    Marked,
}

/// `from` is behind a name, `to` at the next quote or bracket.
#[inline(always)]
fn value_at(data: &[u8], from: usize, to: usize) -> Option<Value<'_>> {
    match data.get(from..to)? {
        b":" => Some(Value::Marked),
        gap => spaced(gap, *data.get(to)?),
    }
}

/// As [`value_at`], for what stands between the two.
fn spaced(gap: &[u8], behind: u8) -> Option<Value<'_>> {
    let value = gap.trim_ascii().strip_prefix(b":")?.trim_ascii();
    let value = match (value, behind) {
        (b"", _) => return Some(Value::Marked),
        (value, b'"') => value.strip_suffix(b",")?.trim_ascii(),
        (value, b'}') => value,
        _ => return None,
    };
    let is_word = matches!(value, b"null" | b"true" | b"false");
    if !is_word {
        serde_json::from_slice::<IgnoredAny>(value).ok()?;
    }
    Some(Value::Bare(value))
}

/// Whether what stands between a value and the next quote or bracket separates them.
#[inline(always)]
fn separated(data: &[u8], from: usize, to: usize) -> Option<()> {
    let gap = data.get(from..to)?;
    let is_separated = match data.get(to)? {
        b'"' => gap == b"," || gap.trim_ascii() == b",",
        _ => gap.is_empty() || gap.trim_ascii().is_empty(),
    };
    is_separated.then_some(())
}

/// A value that ends as it begins.
#[inline(always)]
fn marked(value: &[u8]) -> Option<&[u8]> {
    matches!(value, [b'"', ..] | [b'{', .., b'}'] | [b'[', .., b']']).then_some(value)
}

fn is_blank(data: &[u8], from: usize, to: usize) -> bool {
    from == to
        || data
            .get(from..to)
            .is_some_and(|gap| gap.trim_ascii().is_empty())
}
