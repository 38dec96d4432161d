//! Where nobody looks: workers in trouble, accounts without one, and what rules need to fire at all.

use super::fleet::Post;
use super::words;
use dial_core::catalogue::{Catalogue, Requirement};
use dial_core::store::{Query, Status, Summary};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The rule that fires where rules are not fed by the patterns that are deployed.
const DRIFT: &str = "worker_pattern_drift";
/// How far back its findings are looked for.
const RECENT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Most findings of it that are shown.
pub(super) const DRIFTS: usize = 5;
/// Most lines of one kind.
const MOST: usize = 10;

/// One blind spot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    /// Class and word of the badge.
    pub(super) class: &'static str,
    pub(super) word: &'static str,
    pub(super) what: String,
    pub(super) about: String,
    pub(super) link: String,
}

/// One thing that rules need to fire.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) what: String,
    /// What to do about it.
    pub(super) advice: &'static str,
    pub(super) rules: usize,
    /// The rules that need it.
    pub(super) link: String,
}

/// The findings of late that tell of rules without events.
pub(super) fn drifts(now: Timestamp) -> Query {
    Query {
        rule: vec![DRIFT.to_owned()],
        status: vec![Status::Open, Status::Acknowledged],
        since: now.checked_sub(RECENT).ok(),
        ..Query::default()
    }
}

/// All that is known: what nobody watches first.
pub(super) fn spots<'a>(
    posts: &[Post],
    accounts: impl Iterator<Item = &'a String>,
    drifts: &[Summary],
    catalogue: &Catalogue,
) -> Vec<Spot> {
    let troubled = posts.iter().filter(|post| post.is_troubled);
    let troubled = cut(troubled.map(of_worker), "/workers");
    let unwatched = cut(unwatched(posts, accounts), "/workers");
    let global = cut(without_us_east_1(posts, catalogue), "/workers");
    let drifts = drifts.iter().map(of_drift);
    [troubled, unwatched, global, drifts.collect()].concat()
}

/// The first of many, and how many more.
fn cut(spots: impl Iterator<Item = Spot>, link: &str) -> Vec<Spot> {
    let mut spots: Vec<Spot> = spots.collect();
    if spots.len() > MOST {
        let word = spots[0].word;
        let class = spots[0].class;
        let more = spots.split_off(MOST).len();
        spots.push(Spot {
            class,
            word,
            what: format!("{more} more"),
            about: String::new(),
            link: link.to_owned(),
        });
    }
    spots
}

fn of_worker(post: &Post) -> Spot {
    let heard = post.heard.as_ref();
    Spot {
        class: post.class,
        word: post.word,
        what: post.worker.clone(),
        about: heard.map_or(String::new(), |heard| format!("heard {}", heard.ago)),
        link: "/workers".to_owned(),
    }
}

/// Accounts that findings tell of and that have no worker: their events come from trail files or
/// from a delegated administrator, if they come.
fn unwatched<'a>(
    posts: &[Post],
    accounts: impl Iterator<Item = &'a String>,
) -> impl Iterator<Item = Spot> {
    let watched: BTreeSet<&str> = posts.iter().map(Post::account).collect();
    let accounts = accounts.filter(move |account| !watched.contains(account.as_str()));
    accounts.map(|account| Spot {
        class: "silent",
        word: "No worker",
        what: words::one_line(account),
        about: "has findings, but no worker was heard there".to_owned(),
        link: format!(
            "/findings?account={}",
            form_urlencoded::byte_serialize(account.as_bytes()).collect::<String>()
        ),
    })
}

/// Accounts whose workers all are in other regions than the one that global services are recorded
/// in; China and `GovCloud` record theirs elsewhere.
fn without_us_east_1(posts: &[Post], catalogue: &Catalogue) -> impl Iterator<Item = Spot> {
    let mut regions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for post in posts.iter().filter(|post| !post.class.contains("silent")) {
        regions
            .entry(post.account())
            .or_default()
            .insert(post.region());
    }
    let rules = rules_needing(catalogue, &Requirement::UsEast1);
    let other = |region: &&str| region.starts_with("cn-") || region.starts_with("us-gov-");
    let link = Need::of(&Requirement::UsEast1).link;
    regions
        .into_iter()
        .filter(move |(_, regions)| {
            rules > 0 && !regions.contains("us-east-1") && !regions.iter().any(other)
        })
        .map(move |(account, _)| Spot {
            class: "old_rules",
            word: "No us-east-1",
            what: words::one_line(account),
            about: format!(
                "{rules} rule{} for global services, recorded there only",
                if rules == 1 { "" } else { "s" }
            ),
            link: link.clone(),
        })
}

fn of_drift(finding: &Summary) -> Spot {
    Spot {
        class: "old_rules",
        word: "Pattern drift",
        what: format!(
            "{}/{}",
            words::one_line(&finding.account.id),
            words::one_line(&finding.region)
        ),
        about: words::one_line(&finding.title),
        link: format!("/findings/{}", finding.id),
    }
}

fn rules_needing(catalogue: &Catalogue, requirement: &Requirement) -> usize {
    let cards = catalogue.rules.iter();
    cards
        .filter(|card| card.requires.contains(requirement))
        .count()
}

/// What rules need beside a trail with management events; what most of them need first.
pub(super) fn needs(catalogue: &Catalogue) -> Vec<Need> {
    let all: BTreeSet<&Requirement> = catalogue
        .rules
        .iter()
        .flat_map(|card| &card.requires)
        .filter(|one| **one != Requirement::ManagementEvents)
        .collect();
    let mut needs: Vec<Need> = all
        .into_iter()
        .map(|one| Need {
            rules: rules_needing(catalogue, one),
            ..Need::of(one)
        })
        .collect();
    needs.sort_by(|a, b| (b.rules, &a.what).cmp(&(a.rules, &b.what)));
    needs
}

impl Need {
    /// In words; of how many rules is not known here.
    pub(super) fn of(requirement: &Requirement) -> Self {
        let what = requirement.to_string();
        let value: String = form_urlencoded::byte_serialize(what.as_bytes()).collect();
        let advice = match requirement {
            Requirement::ManagementEvents => "on in every trail unless it was taken out",
            Requirement::ReadEvents => "the worker module makes these EventBridge rules",
            Requirement::UsEast1 => "global services are recorded there only",
            Requirement::DataEvents { .. } => "the trail selects them; AWS charges for each",
            Requirement::Service { .. } => "switched on in each account and region",
            Requirement::TrailFiles => "no pattern can tell these events from others",
            Requirement::Setting { .. } => "below [worker.detect]",
        };
        Self {
            what: words::one_line(&what),
            advice,
            rules: 0,
            link: format!("/rules?needs={value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dial_core::Severity;
    use dial_core::catalogue::RuleCard;

    fn post(worker: &str, class: &'static str) -> Post {
        Post {
            worker: worker.to_owned(),
            class,
            word: "Word",
            is_troubled: class != "ok",
            heard: None,
            version: String::new(),
            rules: String::new(),
            patterns: String::new(),
            clock: String::new(),
            events: 0,
            findings: 0,
            dead_letters: 0,
            errors: 0,
        }
    }

    fn card(name: &str, requires: &[Requirement]) -> RuleCard {
        RuleCard {
            id: String::new(),
            name: name.to_owned(),
            title: String::new(),
            description: String::new(),
            level: Severity::High,
            pack: "core".to_owned(),
            version: String::new(),
            attack: Vec::new(),
            falsepositives: Vec::new(),
            references: Vec::new(),
            requires: requires.to_vec(),
            tests: 2,
        }
    }

    fn catalogue() -> Catalogue {
        let global = [Requirement::ManagementEvents, Requirement::UsEast1];
        let rules = vec![
            card("a", &global),
            card("b", &global),
            card("c", &[Requirement::TrailFiles]),
        ];
        Catalogue {
            rules,
            ..Catalogue::default()
        }
    }

    /// Name, workers, accounts of findings, and what is said.
    type Case<'c> = (&'c str, &'c [Post], &'c [&'c str], &'c [&'c str]);

    #[test]
    fn what_nobody_watches_is_said() {
        let cases: [Case<'_>; 6] = [
            ("nothing", &[], &[], &[]),
            (
                "well",
                &[
                    post("111122223333/us-east-1", "ok"),
                    post("111122223333/eu-west-1", "ok"),
                ],
                &["111122223333"],
                &[],
            ),
            (
                "no us-east-1",
                &[post("111122223333/eu-west-1", "ok")],
                &[],
                &["No us-east-1 111122223333"],
            ),
            (
                "the one of us-east-1 is silent",
                &[
                    post("111122223333/us-east-1", "silent"),
                    post("111122223333/eu-west-1", "ok"),
                ],
                &[],
                &["Word 111122223333/us-east-1", "No us-east-1 111122223333"],
            ),
            ("China", &[post("111122223333/cn-north-1", "ok")], &[], &[]),
            (
                "no worker",
                &[],
                &["444455556666"],
                &["No worker 444455556666"],
            ),
        ];
        for (name, posts, accounts, expected) in cases {
            let accounts: Vec<String> = accounts.iter().map(ToString::to_string).collect();
            let spots = spots(posts, accounts.iter(), &[], &catalogue());
            let shown: Vec<String> = spots
                .iter()
                .map(|spot| format!("{} {}", spot.word, spot.what))
                .collect();
            assert_eq!(shown, expected, "{name}");
        }
    }

    #[test]
    fn many_of_a_kind_are_counted() {
        let posts: Vec<Post> = (0..25)
            .map(|n| post(&format!("{n:012}/us-east-1"), "silent"))
            .collect();
        let spots = spots(&posts, [].iter(), &[], &catalogue());
        assert_eq!(spots.len(), MOST + 1);
        assert_eq!(spots[MOST].what, "15 more");
    }

    #[test]
    fn needs_are_counted_by_rules() {
        let needs = needs(&catalogue());
        let shown: Vec<_> = needs.iter().map(|need| (need.rules, &*need.what)).collect();
        let expected = [
            (2, "a worker in us-east-1"),
            (1, "trail files, or --every-record"),
        ];
        assert_eq!(shown, expected);
        assert_eq!(needs[0].link, "/rules?needs=a+worker+in+us-east-1");
    }
}
