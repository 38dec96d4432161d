//! The sets of rules that are measured: the pack, and public rules beside it.

use crate::corpus::{Corpus, files_below};
use crate::ways;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// A public rule that matches more than one event in so many is measured by itself: nobody who
/// was told of every hundredth call would keep it, and writing findings is not judging events.
const LOUD: f64 = 100.0;

/// What is measured.
pub(crate) struct Sets {
    /// The pack, and with it 57, some 200 and some 800 public rules where `DIAL_CORPUS` has them,
    /// without the loud ones.
    pub(crate) quiet: Vec<RuleSet>,
    /// The pack and the loud ones.
    pub(crate) loud: Option<RuleSet>,
}

/// Rules of the pack and, beside them, of a folder.
pub(crate) struct RuleSet {
    pub(crate) name: String,
    /// Rules in all.
    pub(crate) count: usize,
    /// Public rules, as `dial scan --rules` takes them.
    pub(crate) folder: Option<tempfile::TempDir>,
    /// Every rule as text.
    texts: Vec<String>,
}

/// Tells the loud rules from the others by what they match in the corpus.
pub(crate) fn sets(events: &Corpus) -> Sets {
    let pack = pack();
    let mut quiet = vec![RuleSet {
        name: format!("the pack, {} rules", pack.len()),
        count: pack.len(),
        folder: None,
        texts: pack.clone(),
    }];
    let Some(corpus) = std::env::var_os("DIAL_CORPUS").map(PathBuf::from) else {
        println!("public rules: skipped, DIAL_CORPUS is not set");
        return Sets { quiet, loud: None };
    };
    let public = public(&corpus.join("sigma-aws"));
    let loud = loud(&public, events);
    for count in [57, 200, public.len()] {
        let some = public.get(..count).expect("as many rules").iter();
        let some = some.filter(|rule| !is_of(rule, &loud)).cloned();
        quiet.push(RuleSet::beside(&pack, &some.collect::<Vec<_>>()));
    }
    let public = public.into_iter().filter(|rule| is_of(rule, &loud));
    let public: Vec<String> = public.collect();
    Sets {
        quiet,
        loud: (!public.is_empty()).then(|| RuleSet::beside(&pack, &public)),
    }
}

/// Ids of the rules that match more events than people would want to hear of.
fn loud(rules: &[String], events: &Corpus) -> HashSet<String> {
    let hits = ways::rsigma_by_rule(&events.files, &engine(rules));
    let loud = hits
        .into_iter()
        .filter(|(_, hits)| hits * LOUD > events.events);
    loud.map(|(id, _)| id.to_ascii_lowercase()).collect()
}

fn is_of(rule: &str, ids: &HashSet<String>) -> bool {
    id_of(rule).is_some_and(|id| ids.contains(&id))
}

fn id_of(rule: &str) -> Option<String> {
    let id = rule.lines().find_map(|line| line.strip_prefix("id:"))?;
    Some(id.trim().to_ascii_lowercase())
}

/// The library with these rules, without facts, index or gates of dial's.
fn engine(rules: &[String]) -> rsigma_eval::Engine {
    let mut engine = rsigma_eval::Engine::new();
    let parsed = rules
        .iter()
        .map(|text| rsigma_parser::parse_sigma_yaml(text));
    let rules: Vec<_> = parsed.flatten().flat_map(|read| read.rules).collect();
    assert!(engine.add_rules(&rules).is_empty(), "every rule is built");
    engine
}

impl RuleSet {
    fn beside(pack: &[String], public: &[String]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("public.yml"), public.join("\n---\n")).expect("writable");
        let texts: Vec<String> = pack.iter().chain(public).cloned().collect();
        Self {
            name: format!("the pack and {} public rules", public.len()),
            count: texts.len(),
            folder: Some(folder),
            texts,
        }
    }

    /// The rules as sigma-rust reads them; fields under `fact.` do not match there.
    pub(crate) fn sigma_rust(&self) -> Vec<sigma_rust::Rule> {
        let rules = self
            .texts
            .iter()
            .map(|text| sigma_rust::rule_from_yaml(text));
        rules.filter_map(Result::ok).collect()
    }

    /// The rules in the library that dial stands on.
    pub(crate) fn rsigma(&self) -> rsigma_eval::Engine {
        engine(&self.texts)
    }
}

fn pack() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/dial-detect/rules");
    let paths = files_below(&folder, &["yml"]).into_iter();
    // The audit rules are off unless they are configured.
    let paths = paths.filter(|path| !path.starts_with(folder.join("audit")));
    paths.map(|path| text(&path)).collect()
}

/// `SigmaHQ`'s rules first, then those of one file of many.
///
/// Rules over several events are left out, and the second of two that are the same: dial runs neither.
fn public(folder: &Path) -> Vec<String> {
    let mut rules: Vec<String> = files_below(&folder.join("sigmahq"), &["yml"])
        .iter()
        .map(|path| text(path))
        .collect();
    let more = text(&folder.join("suzaku-aws.yml"));
    let more = more
        .split("\n---\n")
        .filter(|rule| !rule.contains("\ncorrelation:"));
    rules.extend(more.map(str::to_owned));
    let mut ids = HashSet::new();
    rules.retain(|rule| id_of(rule).is_none_or(|id| ids.insert(id)));
    rules
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("readable")
}
