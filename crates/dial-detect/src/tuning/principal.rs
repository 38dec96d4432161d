//! Callers by ARN, so that nobody can make himself one of them by a name of his choice.
//!
//! Who assumes a role picks the session's name; who may create roles picks theirs. So an account
//! and a role or user are named to the letter; `*` stands only for a session, or for what AWS
//! adds to the names of roles that nobody else can create.

use super::glob::{fits_exactly, literals};

/// Paths of roles that only AWS creates.
const RESERVED: [&str; 2] = ["aws-reserved/", "aws-service-role/"];
/// Least characters of the name of such a role before its `*`.
const MIN_LITERALS: usize = 4;

/// Whether a text is the ARN of one caller; the error says what to write instead.
pub(crate) fn check(text: &str) -> Result<(), String> {
    match Caller::parse(text)? {
        one if one.is_one() => Ok(()),
        _ => Err(format!(
            "`{text}`: `*` is not taken here; the role's ARN fits all its sessions"
        )),
    }
}

/// The caller, or the callers, that a suppression is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    pattern: String,
}

impl Caller {
    /// Reads an ARN; the error says what to write instead.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, "", account, path] = parts.as_slice() else {
            return Err(format!(
                "`{text}` is no ARN of a role or user: arn:aws:iam::<account>:role/<name>"
            ));
        };
        if partition.contains('*') || dial_core::AccountId::parse(account).is_err() {
            return Err(format!(
                "`{text}`: give the account's twelve digits; in an account of their own, anybody has any name"
            ));
        }
        match (*service, path.split_once('/')) {
            ("iam", None) if *path == "root" => {}
            ("iam", Some(("role", name))) => role(text, name)?,
            ("iam", Some(("user", name))) => user(text, name)?,
            ("sts", Some(("assumed-role", session))) => assumed(text, session)?,
            ("sts", Some(("federated-user", _))) => {
                return Err(format!(
                    "`{text}`: who federates picks this name; give the ARN of the user that does"
                ));
            }
            _ => {
                return Err(format!(
                    "`{text}` is neither role, user, root nor assumed role"
                ));
            }
        }
        Ok(Self {
            pattern: text.to_owned(),
        })
    }

    /// Whether it is one caller and no more.
    pub(super) fn is_one(&self) -> bool {
        !self.pattern.contains('*')
    }

    /// Whether the caller with this ARN is meant; `*` is never a `/` or `:`.
    pub(super) fn is(&self, arn: &str) -> bool {
        let separators = |c: char| c == '/' || c == ':';
        let (mut wanted, mut found) = (self.pattern.split(separators), arn.split(separators));
        loop {
            match (wanted.next(), found.next()) {
                (None, None) => return true,
                (Some(wanted), Some(found)) if fits_exactly(wanted, found) => {}
                _ => return false,
            }
        }
    }
}

fn user(text: &str, name: &str) -> Result<(), String> {
    if name.is_empty() || name.contains('*') {
        return Err(format!("`{text}`: name the user to the letter"));
    }
    Ok(())
}

fn role(text: &str, path: &str) -> Result<(), String> {
    let Some((before, _)) = path.split_once('*') else {
        return user(text, path).map_err(|_| format!("`{text}`: name the role"));
    };
    if !RESERVED.iter().any(|reserved| path.starts_with(reserved)) {
        return Err(format!(
            "`{text}`: name the role to the letter; who may create roles can give one such a name (sessions need no `*`: the role's ARN fits them all)"
        ));
    }
    let (folder, name) = before.rsplit_once('/').unwrap_or(("", before));
    let inside = path.strip_prefix(folder).unwrap_or(path);
    if literals(name) < MIN_LITERALS || inside.trim_start_matches('/').contains('/') {
        return Err(format!(
            "`{text}`: `*` may stand only at the end of the name, after {MIN_LITERALS} characters"
        ));
    }
    Ok(())
}

fn assumed(text: &str, path: &str) -> Result<(), String> {
    match path.split_once('/') {
        Some((role, session)) if !role.contains('*') && !role.is_empty() && !session.is_empty() => {
            Ok(())
        }
        _ => Err(format!(
            "`{text}`: name the role to the letter, then the session: …:assumed-role/<role>/<session>"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "111122223333";

    #[test]
    fn nobody_becomes_another_by_a_name_of_his_choice() {
        let iam = format!("arn:aws:iam::{A}");
        let sts = format!("arn:aws:sts::{A}:assumed-role");
        let sso =
            format!("{iam}:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin");
        let cases = [
            (
                "role",
                format!("{iam}:role/ci"),
                format!("{iam}:role/ci"),
                true,
            ),
            (
                "role in another account",
                format!("{iam}:role/ci"),
                "arn:aws:iam::444455556666:role/ci".into(),
                false,
            ),
            (
                "role with a path",
                format!("{iam}:role/ops/ci"),
                format!("{iam}:role/ci"),
                false,
            ),
            (
                "case",
                format!("{iam}:role/ci"),
                format!("{iam}:role/CI"),
                false,
            ),
            (
                "any session",
                format!("{sts}/ci/*"),
                format!("{sts}/ci/build-7"),
                true,
            ),
            (
                "some sessions",
                format!("{sts}/ci/build-*"),
                format!("{sts}/ci/x"),
                false,
            ),
            (
                "session named like a role",
                format!("{sts}/ci/*"),
                format!("{sts}/evil/ci"),
                false,
            ),
            (
                "session with separators",
                format!("{sts}/ci/*"),
                format!("{sts}/ci/a/b"),
                false,
            ),
            (
                "reserved role",
                format!("{sso}_*"),
                format!("{sso}_0f1e"),
                true,
            ),
            (
                "own role like a reserved one",
                format!("{sso}_*"),
                format!("{iam}:role/AWSReservedSSO_Admin_0f1e"),
                false,
            ),
        ];
        for (name, pattern, arn, expected) in cases {
            let caller = Caller::parse(&pattern).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(caller.is(&arn), expected, "{name}");
        }
    }

    #[test]
    fn what_others_could_choose_is_refused_with_what_to_write() {
        let texts = [
            "",
            "*",
            "ci",
            "cloudformation.amazonaws.com",
            "arn:aws:iam::*:role/ci",
            "arn:*:iam::111122223333:role/ci",
            "arn:aws:iam::111122223333:role/*",
            "arn:aws:iam::111122223333:role/ci-*",
            "arn:aws:iam::111122223333:role/*/ci",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:role/aws-reserved/*",
            "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_x",
            "arn:aws:iam::111122223333:user/*",
            "arn:aws:iam::111122223333:*",
            "arn:aws:sts::111122223333:assumed-role/*/ci",
            "arn:aws:sts::111122223333:assumed-role/ci",
            "arn:aws:sts::111122223333:assumed-role/ci*/x",
            "arn:aws:sts::111122223333:federated-user/dev",
            "arn:aws:s3:::bucket",
        ];
        let messages = texts.map(|text| Caller::parse(text).expect_err(text));
        insta::assert_snapshot!(messages.join("\n"));
    }
}
