//! Who made a call: `userIdentity` in its many forms.

use super::lookup;
use dial_core::finding::Principal;
use serde_json::Value;

/// The caller; every part is optional in CloudTrail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Caller<'a> {
    /// `type`, such as `AssumedRole`; some records have none.
    pub kind: Option<&'a str>,
    /// `arn`; services have none.
    pub arn: Option<&'a str>,
    /// `accountId`; `anonymous` where nobody signed the call.
    pub account: Option<&'a str>,
    /// `userName`.
    pub user_name: Option<&'a str>,
    /// `accessKeyId`.
    pub access_key_id: Option<&'a str>,
    /// `invokedBy`: the service that made the call.
    pub invoked_by: Option<&'a str>,
    /// ARN of the role behind a session.
    pub issuer_arn: Option<&'a str>,
    /// `sessionContext.attributes.mfaAuthenticated`.
    pub mfa: Option<bool>,
    /// Whether the credentials came from an EC2 instance's role (`ec2RoleDelivery`).
    pub from_instance: bool,
}

impl<'a> Caller<'a> {
    /// Reads `userIdentity`.
    pub fn of(identity: Option<&'a Value>) -> Self {
        let Some(identity) = identity else {
            return Self::default();
        };
        let text = |path| lookup::text(identity, path).filter(|text| !text.is_empty());
        Self {
            kind: text("type"),
            arn: text("arn"),
            account: text("accountId"),
            user_name: text("userName"),
            access_key_id: text("accessKeyId"),
            invoked_by: text("invokedBy"),
            issuer_arn: text("sessionContext.sessionIssuer.arn"),
            mfa: lookup::flag(identity, "sessionContext.attributes.mfaAuthenticated"),
            from_instance: text("sessionContext.ec2RoleDelivery").is_some(),
        }
    }

    /// Whether the account's root user made the call.
    pub fn is_root(&self) -> bool {
        self.kind == Some("Root")
    }

    /// What the caller chose as session name: the last part of an assumed role's ARN.
    pub fn session_name(&self) -> Option<&'a str> {
        let (_, session) = self.arn?.split_once(":assumed-role/")?;
        session.rsplit_once('/').map(|(_, name)| name)
    }

    /// Name for people: user, `role/session`, service.
    pub fn name(&self) -> Option<&'a str> {
        let session = self.arn.and_then(|arn| arn.split_once(":assumed-role/"));
        let root = self.is_root().then_some("root");
        root.or(self.user_name)
            .or(session.map(|(_, session)| session))
            .or(self
                .arn
                .and_then(|arn| arn.rsplit_once('/'))
                .map(|(_, name)| name))
            .or(self.invoked_by)
    }

    /// The caller as a finding shows it.
    pub fn principal(&self) -> Principal {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Principal {
            kind: owned(self.kind),
            arn: owned(self.arn),
            name: owned(self.name()),
            account: owned(self.account),
            access_key_id: owned(self.access_key_id),
            mfa: self.mfa,
            session_issuer: owned(self.issuer_arn),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn callers_are_named_as_people_know_them() {
        let role = "arn:aws:sts::111122223333:assumed-role/deploy/build-7";
        let cases = [
            (
                "user",
                json!({"type": "IAMUser", "userName": "clerk"}),
                Some("clerk"),
            ),
            (
                "session",
                json!({"type": "AssumedRole", "arn": role}),
                Some("deploy/build-7"),
            ),
            (
                "root",
                json!({"type": "Root", "userName": "company"}),
                Some("root"),
            ),
            (
                "user by ARN",
                json!({"arn": "arn:aws:iam::111122223333:user/ops/dev"}),
                Some("dev"),
            ),
            (
                "service",
                json!({"type": "AWSService", "invokedBy": "rds.amazonaws.com"}),
                Some("rds.amazonaws.com"),
            ),
            ("nothing", json!({"accountId": "111122223333"}), None),
            ("no object", json!("clerk"), None),
        ];
        for (name, identity, expected) in cases {
            assert_eq!(Caller::of(Some(&identity)).name(), expected, "{name}");
        }
        assert_eq!(
            Caller::of(Some(&json!({"arn": role}))).session_name(),
            Some("build-7")
        );
    }

    #[test]
    fn mfa_is_read_from_its_text() {
        let session =
            |mfa: Value| json!({"sessionContext": {"attributes": {"mfaAuthenticated": mfa}}});
        for (mfa, expected) in [
            (json!("true"), Some(true)),
            (json!("false"), Some(false)),
            (json!(true), Some(true)),
            (json!("perhaps"), None),
        ] {
            let identity = session(mfa);
            assert_eq!(Caller::of(Some(&identity)).mfa, expected, "{identity}");
        }
    }
}
