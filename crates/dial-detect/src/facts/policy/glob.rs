//! Wildcards of policies: `*` for any text, `?` for any one character.

/// Whether a pattern covers a text, whatever the case.
pub(super) fn covers(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == b'?' || c.eq_ignore_ascii_case(&text[t]) => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((after, from)) => {
                    retry = Some((after, from + 1));
                    p = after;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

/// Whether a text has a wildcard or a policy variable, so that it may mean more than itself.
pub(super) fn is_open(text: &str) -> bool {
    text.contains(['*', '?']) || text.contains("${")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_what_aws_says() {
        let cases = [
            ("*", "iam:PassRole", true),
            ("*:*", "iam:PassRole", true),
            ("iam:*", "iam:PassRole", true),
            ("IAM:pass*", "iam:PassRole", true),
            ("iam:*Role", "iam:PassRole", true),
            ("i?m:PassRole", "iam:PassRole", true),
            ("iam:PassRole", "iam:PassRole", true),
            ("iam:PassRole?", "iam:PassRole", false),
            ("iam:Get*", "iam:PassRole", false),
            ("s3:*", "iam:PassRole", false),
            ("", "iam:PassRole", false),
            ("*a*b", "aab", true),
            ("*ab*ac", "abacab", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(covers(pattern, text), expected, "{pattern} {text}");
        }
    }
}
