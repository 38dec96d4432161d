//! What every page has around its content.

use super::assets::VERSION;
use super::visitor::Visitor;
use dial_core::store::token::Scope;

/// Heading, navigation and who looks.
#[derive(Debug)]
pub(super) struct Frame {
    /// Title of the page.
    pub(super) title: String,
    /// First part of its path; which entry of the navigation is lit.
    pub(super) here: &'static str,
    /// Version of the assets.
    pub(super) version: &'static str,
    /// Name of the visitor.
    pub(super) who: String,
    /// Role of the visitor.
    pub(super) role: &'static str,
    /// Whether they may change findings and silences.
    pub(super) may_change: bool,
    /// Whether they signed in, and so may sign out.
    pub(super) signed_in: bool,
    /// What every form carries.
    pub(super) form_token: String,
}

impl Frame {
    pub(super) fn new(visitor: &Visitor, here: &'static str, title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            here,
            version: &VERSION,
            who: visitor.caller.name.clone(),
            role: visitor.caller.scope.as_str(),
            may_change: visitor.caller.may(Scope::Analyst),
            signed_in: visitor.session.is_some(),
            form_token: visitor.form_token.clone(),
        }
    }

    /// `page` for the lit entry of the navigation; the attribute that tells screen readers.
    pub(super) fn current(&self, entry: &str) -> &'static str {
        if self.here == entry { "page" } else { "false" }
    }
}
