//! Resource and trust policies: who outside gets in.

use super::condition::{Limit, limits};
use super::principal::{Party, account_of, parties};
use super::statement::{Flag, Statement, allowing};
use super::web_identity::{checks_subject, is_web_identity};
use crate::facts::Known;
use crate::text::{is_account, shown};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Action verbs that only read.
const READS: [&str; 11] = [
    "get",
    "list",
    "head",
    "describe",
    "batchget",
    "batchcheck",
    "query",
    "scan",
    "search",
    "lookup",
    "eshttpget",
];

/// What a resource policy gives to others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent claims, one fact each"
)]
pub struct Access {
    /// Anyone may do something.
    pub public: bool,
    /// A principal of an account outside the known ones may do something.
    pub external: bool,
    /// The public, or else the external, may do more than read.
    pub writes: bool,
    /// The public, or else the external, may do everything of some service.
    pub admin: bool,
    /// The accounts behind `external`.
    pub accounts: BTreeSet<String>,
    /// An outside identity provider's users are let in without a check of who they are.
    pub any_subject: bool,
    /// The statements behind all that.
    pub statements: Vec<Flag>,
}

/// Judges every statement; `None` for a policy without any.
///
/// Public: `Allow`, for `*` in any form or `NotPrincipal`, with no condition that narrows.
pub fn access(policy: &Map<String, Value>, known: &Known) -> Option<Access> {
    let judged: Vec<Judged> = allowing(policy)?
        .iter()
        .filter_map(|statement| judge(statement, known))
        .collect();
    let public = judged.iter().any(|j| j.outside.anyone);
    let worst = || judged.iter().filter(|j| j.outside.anyone == public);
    Some(Access {
        public,
        external: judged.iter().any(|j| j.outside.is_external()),
        writes: worst().any(|j| j.writes),
        admin: worst().any(|j| j.admin),
        any_subject: judged.iter().any(|j| j.outside.any_subject.is_some()),
        accounts: judged
            .iter()
            .flat_map(|j| j.outside.accounts.clone())
            .collect(),
        statements: judged.into_iter().map(|j| j.flag).collect(),
    })
}

struct Judged {
    outside: Outsiders,
    writes: bool,
    admin: bool,
    flag: Flag,
}

/// Who is let in, in the order in which a reader should hear of it.
#[derive(Default)]
struct Outsiders {
    anyone: bool,
    any_subject: Option<String>,
    accounts: BTreeSet<String>,
    others: BTreeSet<String>,
}

fn judge(statement: &Statement<'_>, known: &Known) -> Option<Judged> {
    let limits = limits(statement.field("Condition"));
    if limits.iter().any(|limit| inside(limit, known)) {
        return None;
    }
    let mut outside = Outsiders::default();
    for party in parties(statement) {
        outside.add(party, &limits, statement, known);
    }
    outside.is_anybody().then(|| {
        let who = outside.in_words();
        let what = statement.actions_in_words();
        Judged {
            outside,
            writes: writes(statement),
            admin: all_actions(statement),
            flag: statement.flag(format!("lets {who} do {what}")),
        }
    })
}

impl Outsiders {
    fn add(&mut self, party: Party<'_>, limits: &[Limit], of: &Statement<'_>, known: &Known) {
        match party {
            Party::Anyone if limits.is_empty() => self.anyone = true,
            Party::Anyone | Party::Service(_) => self.add_limited(limits, known),
            Party::Account(account, text) if !known.has(account) => {
                self.accounts.insert(account.to_owned());
                self.others.insert(shown(text));
            }
            Party::Canonical(id) if !known.has(id) => {
                self.others.insert(format!("canonical user {}", shown(id)));
            }
            Party::Federated(provider) => self.add_provider(provider, of, known),
            Party::Account(..) | Party::Canonical(_) | Party::Other => {}
        }
    }

    /// Anyone, but only from certain accounts, of which some are not ours.
    fn add_limited(&mut self, limits: &[Limit], known: &Known) {
        let accounts = limits.iter().filter_map(|limit| match limit {
            Limit::Accounts(accounts) => Some(accounts),
            Limit::Fixed => None,
        });
        let outside = accounts.flatten().filter(|account| !known.has(account));
        self.accounts.extend(outside.cloned());
    }

    fn is_external(&self) -> bool {
        !self.accounts.is_empty() || !self.others.is_empty()
    }

    fn is_anybody(&self) -> bool {
        self.anyone || self.is_external() || self.any_subject.is_some()
    }

    fn add_provider(&mut self, provider: &str, of: &Statement<'_>, known: &Known) {
        let account = account_of(provider).filter(|a| is_account(a));
        if let Some(account) = account.filter(|a| !known.has(a)) {
            self.accounts.insert(account.to_owned());
            self.others.insert(shown(provider));
        }
        if is_web_identity(provider) && !checks_subject(of.field("Condition")) {
            self.any_subject = Some(shown(provider));
        }
    }

    fn in_words(&self) -> String {
        if self.anyone {
            return "anyone".to_owned();
        }
        if let Some(provider) = &self.any_subject {
            return format!("every user of {provider}");
        }
        let (what, named) = if self.others.is_empty() {
            ("account", &self.accounts)
        } else {
            ("principal", &self.others)
        };
        let mut words: Vec<&str> = named.iter().map(String::as_str).take(5).collect();
        if named.len() > words.len() {
            words.push("others");
        }
        format!("outside {what} {}", words.join(", "))
    }
}

/// Whether a limit keeps everyone but the known accounts out.
fn inside(limit: &Limit, known: &Known) -> bool {
    match limit {
        Limit::Accounts(accounts) => accounts.iter().all(|account| known.has(account)),
        Limit::Fixed => false,
    }
}

fn writes(statement: &Statement<'_>) -> bool {
    let reads = |action: &&str| {
        let verb = action.rsplit(':').next().unwrap_or("").to_ascii_lowercase();
        let fixed = verb.split(['*', '?']).next().unwrap_or("");
        READS.iter().any(|read| fixed.starts_with(read))
    };
    statement.field("NotAction").is_some() || !statement.texts("Action").iter().all(reads)
}

/// `*`, `s3:*` and the like, or `NotAction`.
fn all_actions(statement: &Statement<'_>) -> bool {
    let actions = statement.texts("Action");
    let all = |action: &&str| action.rsplit(':').next() == Some("*");
    statement.field("NotAction").is_some() || actions.iter().any(all)
}
