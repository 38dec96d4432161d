//! Which roles may enrol: names with `{region}` for the region of the key and `*` for anything.

use dial_core::Region;
use serde::Deserialize;

/// Longest name of a role in IAM, and room for `{region}`.
const LONGEST: usize = 72;
const REGION: &str = "{region}";

/// A pattern of role names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct RolePattern(String);

impl TryFrom<String> for RolePattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let rest = text.replace(REGION, "").replace('*', "");
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b);
        if rest.is_empty() || text.len() > LONGEST || !rest.bytes().all(plain) {
            return Err(format!(
                "use a role's name, with {REGION} for the region of the key and * for anything, \
                 such as dial-worker-{REGION}"
            ));
        }
        Ok(Self(text))
    }
}

impl RolePattern {
    /// Whether a role of this name may have a key for this region.
    pub fn admits(&self, role: &str, region: &Region) -> bool {
        let pattern = self.0.replace(REGION, region.as_str());
        let mut parts = pattern.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = role.strip_prefix(first) else {
            return false;
        };
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.ends_with(part);
            }
            let Some(at) = rest.find(part) else {
                return false;
            };
            rest = &rest[at + part.len()..];
        }
        false
    }
}

impl std::fmt::Display for RolePattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_admit_what_they_name() {
        let region = Region::parse("eu-west-1").unwrap();
        let cases = [
            ("dial-worker-{region}", "dial-worker-eu-west-1", true),
            ("dial-worker-{region}", "dial-worker-us-east-1", false),
            ("dial-worker-{region}", "dial-worker-eu-west-1-x", false),
            ("dial-worker-{region}", "x-dial-worker-eu-west-1", false),
            ("dial-worker*", "dial-worker", true),
            ("dial-worker*", "dial-worker-anything", true),
            ("dial-worker*", "my-dial-worker", false),
            ("*-worker-{region}", "dial-worker-eu-west-1", true),
            ("*-worker-{region}", "dial-worker-eu-west-2", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "ac", false),
            ("a*b", "ab", true),
            ("ab*b", "ab", false),
            ("dial", "dial", true),
            ("dial", "Dial", false),
        ];
        for (pattern, role, expected) in cases {
            let pattern = RolePattern::try_from(pattern.to_owned()).unwrap();
            assert_eq!(pattern.admits(role, &region), expected, "{pattern} {role}");
        }
        for bad in ["", "*", "{region}", "a b", "dial/worker", &"a".repeat(80)] {
            assert!(RolePattern::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
