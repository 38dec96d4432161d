//! Names with `*` in them.

/// Whether a text fits a pattern, whatever the case of its letters; `*` is any text.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    with(pattern, text, u8::eq_ignore_ascii_case)
}

/// Whether a text fits a pattern, letter for letter; `*` is any text.
pub(super) fn fits_exactly(pattern: &str, text: &str) -> bool {
    with(pattern, text, u8::eq)
}

fn with(pattern: &str, text: &str, same: fn(&u8, &u8) -> bool) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut from) = (0, 0);
    // Where the last `*` stands, and how far it reaches so far.
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(from) {
        match (pattern.get(at), star) {
            (Some(b'*'), _) => {
                star = Some((at, from));
                at += 1;
            }
            (Some(wanted), _) if same(wanted, byte) => {
                at += 1;
                from += 1;
            }
            (_, Some((star_at, reached))) => {
                star = Some((star_at, reached + 1));
                at = star_at + 1;
                from = reached + 1;
            }
            (_, None) => return false,
        }
    }
    pattern.iter().skip(at).all(|byte| *byte == b'*')
}

/// How many characters of a pattern stand for themselves.
pub(super) fn literals(pattern: &str) -> usize {
    pattern.chars().filter(|c| *c != '*').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_star_is_any_text() {
        let cases = [
            ("prod", "prod", true),
            ("prod", "PROD", true),
            ("prod", "prod2", false),
            ("prod*", "prod", true),
            ("prod*", "prod/x/y", true),
            ("*prod", "my-prod", true),
            ("*prod", "my-prod-2", false),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1c2b", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("**a**", "a", true),
            ("a*a", "a", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn it_says_what_a_regular_expression_says(pattern in "[ab*]{0,8}", text in "[abB]{0,10}") {
            let same = format!("(?i)^{}$", pattern.replace('*', ".*"));
            let expected = regex::Regex::new(&same).unwrap().is_match(&text);
            prop_assert_eq!(fits(&pattern, &text), expected);
        }
    }
}
