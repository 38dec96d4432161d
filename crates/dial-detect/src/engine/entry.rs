//! One rule of an engine: what decides whether it is asked, and how it is built then.

use super::gate::Gate;
use super::matcher::Matcher;
use super::needs::Needs;
use super::pack::Packed;
use super::rule::RuleInfo;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// One rule.
pub(super) struct Entry {
    pub(super) gate: Gate,
    pub(super) attempts: bool,
    pub(super) product: Option<Cow<'static, str>>,
    pub(super) service: Option<Cow<'static, str>>,
    pub(super) body: Body,
    pub(super) info: OnceLock<RuleInfo>,
    pub(super) needs: OnceLock<Needs>,
    pub(super) matcher: OnceLock<Matcher>,
}

/// Where a rule comes from.
pub(super) enum Body {
    /// The pack: built when first needed.
    Packed(&'static Packed),
    /// An own file: built when loaded, so that its errors are found.
    Own(Box<RuleInfo>, BTreeSet<String>),
}

impl Entry {
    /// Whether events of a service of AWS are for this rule: a log source keeps others away.
    pub(super) fn sees(&self, service: &str) -> bool {
        let fits = |stated: &Option<Cow<'static, str>>, ours: &str| {
            let stated = stated.as_deref();
            stated.is_none_or(|stated| stated.eq_ignore_ascii_case(ours))
        };
        fits(&self.product, "aws") && fits(&self.service, service)
    }

    pub(super) fn id(&self) -> &str {
        match &self.body {
            Body::Packed(packed) => packed.id,
            Body::Own(info, _) => &info.id,
        }
    }

    pub(super) fn name(&self) -> &str {
        match &self.body {
            Body::Packed(packed) => packed.name,
            Body::Own(info, _) => &info.name,
        }
    }

    pub(super) fn info(&self, hash: &str) -> RuleInfo {
        let mut info = match &self.body {
            Body::Packed(packed) => packed.info(),
            Body::Own(info, _) => (**info).clone(),
        };
        if info.version.is_empty() {
            hash.clone_into(&mut info.version);
        }
        info
    }
}
