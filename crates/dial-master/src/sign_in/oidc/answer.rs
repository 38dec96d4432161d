//! What a browser brings back from the provider: parameters of the callback's address.

use crate::message::text::inert;

/// Longest parameter that is read, bytes; codes and states are shorter.
const MAX: usize = 4_096;
/// Longest word of a provider that the log repeats, characters.
const MAX_SAID: usize = 120;

/// What came back; each parameter counts only if it is there once.
#[derive(Default)]
pub(crate) struct Answer {
    /// Which sign-in it belongs to.
    pub(super) state: Option<String>,
    /// What the provider gives tokens for.
    pub(super) code: Option<String>,
    /// Who answered (RFC 9207).
    pub(super) issuer: Option<String>,
    /// Why there is no code, harmless to repeat.
    pub(super) error: Option<String>,
}

impl Answer {
    /// Reads the query of the callback.
    pub(crate) fn parse(query: &str) -> Self {
        let once = |name: &str| {
            let pairs = form_urlencoded::parse(query.as_bytes());
            let mut values = pairs.filter(|(have, _)| have == name);
            match (values.next(), values.next()) {
                (Some((_, value)), None) if (1..=MAX).contains(&value.len()) => {
                    Some(value.into_owned())
                }
                _ => None,
            }
        };
        let said = |name: &str| once(name).map(|text| inert(&text, MAX_SAID));
        let error = said("error").map(|error| match said("error_description") {
            Some(more) => format!("{error}: {more}"),
            None => error,
        });
        Self {
            state: once("state"),
            code: once("code"),
            issuer: once("iss"),
            error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_counts_once() {
        let long = format!("state={}", "a".repeat(MAX + 1));
        let cases = [
            ("nothing", "", [None; 4]),
            (
                "a code",
                "code=c%2B1&state=s&iss=https%3A%2F%2Flogin.example.org",
                [
                    Some("s"),
                    Some("c+1"),
                    Some("https://login.example.org"),
                    None,
                ],
            ),
            (
                "an error",
                "state=s&error=access_denied&error_description=no%0D%0Away%00",
                [Some("s"), None, None, Some("access_denied: no way")],
            ),
            (
                "twice",
                "state=a&state=b&code=c",
                [None, Some("c"), None, None],
            ),
            ("empty", "state=&code", [None; 4]),
            ("too long", &long, [None; 4]),
        ];
        for (name, query, expected) in cases {
            let Answer {
                state,
                code,
                issuer,
                error,
            } = Answer::parse(query);
            let read = [state, code, issuer, error];
            assert_eq!(read.each_ref().map(Option::as_deref), expected, "{name}");
        }
    }
}
