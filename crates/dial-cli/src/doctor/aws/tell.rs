//! What the sinks of AWS need of a role, as far as their settings tell; pure.

use super::needs::Home;
use dial_aws::survey::Wanted;
use dial_master::sinks::Rights;
use dial_master::sinks::rights::ACCOUNT;

/// Where the rights of sinks are written down.
const BY_HAND: &str =
    "look at its policies yourself: docs/guides/aws-sinks.md lists what is needed";

/// What could not be judged, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unknown {
    /// What, with the reason.
    pub(super) said: String,
    /// What to do.
    pub(super) fix: &'static str,
}

/// A right that one sink needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Telling {
    /// The sink's name.
    pub(super) sink: String,
    /// ARN of the role that needs it; `None` for the function's own.
    pub(super) role: Option<String>,
    /// The right.
    pub(super) wanted: Wanted,
}

/// What sinks need, and what of it nobody can tell.
pub(super) fn tellings(home: Home<'_>, sinks: &[(String, Rights)]) -> (Vec<Telling>, Vec<Unknown>) {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for (sink, rights) in sinks {
        match &rights.role {
            None => own(home, sink, rights, &mut known, &mut unknown),
            Some(role) if role.contains(ACCOUNT) => {
                unknown.push(because(
                    sink,
                    &format!("{role} is another role for each account"),
                ));
            }
            Some(role) => assumed(home, sink, (role, rights), &mut known, &mut unknown),
        }
    }
    (known, unknown)
}

fn own(
    home: Home<'_>,
    sink: &str,
    rights: &Rights,
    known: &mut Vec<Telling>,
    unknown: &mut Vec<Unknown>,
) {
    match resource(home, rights) {
        Some(resource) => known.push(telling(sink, None, rights.actions.to_vec(), resource)),
        None => unknown.push(because(sink, "its address does not name what AWS calls it")),
    }
}

/// The function needs the role, and the role what the sink does; roles of other accounts cannot be
/// asked about from here.
fn assumed(
    home: Home<'_>,
    sink: &str,
    (role, rights): (&str, &Rights),
    known: &mut Vec<Telling>,
    unknown: &mut Vec<Unknown>,
) {
    known.push(telling(sink, None, vec!["sts:AssumeRole"], role.to_owned()));
    match (home.holds(role), resource(home, rights)) {
        (true, Some(resource)) => {
            let role = Some(role.to_owned());
            known.push(telling(sink, role, rights.actions.to_vec(), resource));
        }
        (true, None) => unknown.push(because(sink, "its address does not name what AWS calls it")),
        (false, _) => unknown.push(because(
            sink,
            &format!("{role} is a role of another account"),
        )),
    }
}

fn resource(home: Home<'_>, rights: &Rights) -> Option<String> {
    let resource = rights.resource.as_ref()?;
    Some(resource.replace(ACCOUNT, home.account()))
}

fn telling(
    sink: &str,
    role: Option<String>,
    actions: Vec<&'static str>,
    resource: String,
) -> Telling {
    Telling {
        sink: sink.to_owned(),
        role,
        wanted: Wanted { actions, resource },
    }
}

fn because(sink: &str, reason: &str) -> Unknown {
    Unknown {
        said: format!("sink {sink}: {reason}"),
        fix: BY_HAND,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/dial-deliver-eu-west-1";

    fn rights(resource: Option<&str>, role: Option<&str>) -> Rights {
        Rights {
            actions: &["sns:Publish"],
            resource: resource.map(str::to_owned),
            role: role.map(str::to_owned),
        }
    }

    #[test]
    fn what_a_sink_needs_is_asked_of_whoever_signs() {
        let home = Home::of(ROLE, "eu-west-1").unwrap();
        let topic = Some("arn:aws:sns:eu-west-1:{account}:dial");
        let whose = |account| format!("arn:aws:iam::{account}:role/tell");
        let (here, there) = (whose("111122223333"), whose("444455556666"));
        let each = whose("{account}");
        let sinks = [
            ("own", rights(topic, None)),
            ("no-arn", rights(None, None)),
            ("here", rights(topic, Some(&here))),
            ("there", rights(topic, Some(&there))),
            ("each", rights(topic, Some(&each))),
        ]
        .map(|(name, rights)| (name.to_owned(), rights));
        insta::assert_debug_snapshot!(tellings(home, &sinks));
    }
}
