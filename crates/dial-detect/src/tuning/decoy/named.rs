//! One thing by its name or ARN, however a caller spells it.

use super::DecoyKind;

/// Characters that Secrets Manager adds to a name in its ARN, after a hyphen.
const SECRET_SUFFIX: usize = 6;

/// A name and, where an ARN tells it, the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named<'a> {
    pub(super) name: &'a str,
    pub(super) account: Option<&'a str>,
    /// Whether the name is that in the ARN of a secret, with or without the suffix.
    has_suffix: bool,
}

impl<'a> Named<'a> {
    /// Reads a name or an ARN; `None` for an ARN of something else.
    pub(super) fn of(kind: DecoyKind, text: &'a str) -> Option<Self> {
        if text.starts_with("arn:") {
            return Self::of_arn(kind, text);
        }
        let name = match kind {
            DecoyKind::Parameter => parameter(text),
            // `bucket/key`, as the source of a copy is written.
            DecoyKind::Bucket => text.trim_start_matches('/').split('/').next()?,
            _ => text,
        };
        (!name.is_empty()).then_some(Self {
            name,
            account: None,
            has_suffix: false,
        })
    }

    fn of_arn(kind: DecoyKind, arn: &'a str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':').skip(2);
        let (service, _region) = (parts.next()?, parts.next()?);
        let (account, path) = (parts.next()?, parts.next()?);
        let name = match (kind, service) {
            (DecoyKind::User, "iam") => last(path.strip_prefix("user/")?),
            (DecoyKind::Role, "iam") => last(path.strip_prefix("role/")?),
            (DecoyKind::Role, "sts") => path.strip_prefix("assumed-role/")?.split('/').next()?,
            (DecoyKind::Secret, "secretsmanager") => path.strip_prefix("secret:")?,
            (DecoyKind::Bucket, "s3") => path.split('/').next()?,
            (DecoyKind::Parameter, "ssm") => parameter(path.strip_prefix("parameter/")?),
            _ => return None,
        };
        (!name.is_empty()).then_some(Self {
            name,
            account: (!account.is_empty()).then_some(account),
            has_suffix: kind == DecoyKind::Secret,
        })
    }

    /// Whether a text that an event holds means the same thing.
    pub(super) fn is(&self, kind: DecoyKind, text: &str) -> bool {
        let Some(other) = Named::of(kind, text) else {
            return false;
        };
        let same_account = match (self.account, other.account) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        };
        same_account && self.same_name(&other)
    }

    fn same_name(&self, other: &Named<'_>) -> bool {
        let mut ours = self.spellings();
        ours.any(|ours| {
            other
                .spellings()
                .any(|theirs| ours.eq_ignore_ascii_case(theirs))
        })
    }

    fn spellings(&self) -> impl Iterator<Item = &'a str> {
        let bare = self.has_suffix.then(|| without_suffix(self.name)).flatten();
        [Some(self.name), bare].into_iter().flatten()
    }
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Without the first slash, which ARNs leave out, and without version or label.
fn parameter(text: &str) -> &str {
    let text = text.trim_start_matches('/');
    text.split(':').next().unwrap_or(text)
}

fn without_suffix(name: &str) -> Option<&str> {
    let (bare, suffix) = name.rsplit_once('-')?;
    let fits = suffix.len() == SECRET_SUFFIX && suffix.bytes().all(|b| b.is_ascii_alphanumeric());
    fits.then_some(bare)
}

#[cfg(test)]
mod tests {
    use super::DecoyKind::{Bucket, Parameter, Role, Secret, User};
    use super::*;

    #[test]
    fn one_thing_has_many_spellings() {
        let iam = "arn:aws:iam::111122223333";
        let secret = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:pay/db";
        let cases = [
            (User, "sec", "sec", true),
            (User, "sec", "SEC", true),
            (User, "sec", "devsec", false),
            (User, "sec", &format!("{iam}:user/ops/sec"), true),
            (User, "sec", &format!("{iam}:role/sec"), false),
            (User, &format!("{iam}:user/sec"), "sec", true),
            (
                User,
                &format!("{iam}:user/sec"),
                "arn:aws:iam::444455556666:user/sec",
                false,
            ),
            (
                Role,
                "admin",
                "arn:aws:sts::111122223333:assumed-role/admin/x",
                true,
            ),
            (
                Role,
                "admin",
                "arn:aws:sts::111122223333:assumed-role/x/admin",
                false,
            ),
            (Secret, "pay/db", &format!("{secret}-AbCd12"), true),
            (Secret, "pay/db", secret, true),
            (Secret, &format!("{secret}-AbCd12"), "pay/db", true),
            (Secret, &format!("{secret}-AbCd12"), secret, true),
            (Secret, "pay/db", "pay/db-AbCd12", false),
            (Secret, "pay/db", "pay/db2", false),
            (Bucket, "vault", "arn:aws:s3:::vault/key", true),
            (Bucket, "vault", "/vault/key", true),
            (Bucket, "arn:aws:s3:::vault", "vault", true),
            (Bucket, "vault", "arn:aws:s3:::vault-2", false),
            (
                Parameter,
                "/pay/key",
                "arn:aws:ssm:eu-west-1:111122223333:parameter/pay/key",
                true,
            ),
            (Parameter, "/pay/key", "pay/key:3", true),
            (Parameter, "/pay/key", "/pay", false),
        ];
        for (kind, decoy, text, expected) in cases {
            let named = Named::of(kind, decoy).expect("a decoy");
            assert_eq!(named.is(kind, text), expected, "{decoy} {text}");
        }
        for (kind, text) in [(User, ""), (Role, "arn:aws:iam"), (Bucket, "arn:aws:s3:::")] {
            assert_eq!(Named::of(kind, text), None, "{text}");
        }
    }
}
