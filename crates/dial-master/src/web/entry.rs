//! Where a visit goes on after signing in: a place of ours, never of somebody else's.

/// Longest address, bytes; a search with every filter is shorter.
const MAX: usize = 2_048;

/// The path and query that a browser asked for, if it is one of ours; else the first page.
pub(super) fn place(asked: &str) -> &str {
    let local = asked.starts_with('/') && !asked.starts_with("//");
    // Browsers read a backslash as a slash.
    let plain = asked.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if local && plain && asked.len() <= MAX {
        asked
    } else {
        "/"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_of_ours_are_gone_to() {
        for (asked, expected) in [
            ("/findings?q=a%20b", "/findings?q=a%20b"),
            ("/", "/"),
            ("", "/"),
            ("findings", "/"),
            ("//attacker.example/", "/"),
            ("/\\attacker.example/", "/"),
            ("https://attacker.example/", "/"),
            ("javascript:alert(1)", "/"),
            ("/a\r\nset-cookie: x", "/"),
        ] {
            assert_eq!(place(asked), expected, "{asked}");
        }
    }
}
