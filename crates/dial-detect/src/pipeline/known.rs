//! What is known of an event beside its record: facts, enrichment, and what the operator says.

use super::{Judged, Pipeline};
use crate::derived::{self, Surroundings};
use crate::engine::Needs;
use crate::enrich::Enrichment;
use crate::event::Event;
use crate::explain::clip;
use crate::facts::{self, Extractor, Facts};
use crate::normalise::{Call, lookup};
use crate::touched::Touched;
use crate::tuning::Seen as Tuned;
use crate::{isolate, native};
use dial_core::finding::Source;
use serde_json::Value;

/// Longest text of a finding's source, bytes.
const MAX_TEXT: usize = 1024;
/// Derived names that only enrichment fills.
const ENRICHED: [&str; 5] = ["account", "address", "asn", "geo", "reputation"];

/// What is known of an event beside its record.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) facts: Facts,
    pub(super) around: Around,
    /// What rules see of both, and of what the operator says.
    pub(super) derived: Value,
}

/// What enrichment found.
#[derive(Debug, Default)]
pub(super) struct Around {
    pub(super) source: Source,
    pub(super) account_name: Option<String>,
    pub(super) incomplete: Vec<String>,
}

impl Around {
    fn fields<'a>(&'a self, pipeline: &Pipeline, event: &'a Event) -> Surroundings<'a> {
        Surroundings {
            geo: self.source.geo.as_ref(),
            asn: self.source.asn.as_ref(),
            reputation: &self.source.reputation,
            account: &event.account,
            account_name: self.account_name.as_deref(),
            production: pipeline.is_production(event),
        }
    }

    fn tuned<'a>(&'a self, touched: &'a Touched<'a>) -> Tuned<'a> {
        let asn = self.source.asn.as_ref().map(|asn| asn.number);
        Tuned::new(touched, source_ip(touched.event()), asn)
    }
}

/// Where the event came from: an address, or the name of a service.
pub(super) fn source_ip(event: &Event) -> Option<&str> {
    native::source_ip(event).or_else(|| lookup::text(&event.record, "sourceIPAddress"))
}

impl Pipeline {
    /// What these rules need to know of an event beside its record.
    pub(super) fn known(&self, touched: &Touched<'_>, needs: &Needs, judged: &mut Judged) -> Known {
        let event = touched.event();
        let facts = self.facts(event, |extractor| needs.extractor(extractor), judged);
        let around = needs.any_of(&ENRICHED).then(|| self.around(event, judged));
        let around = around.unwrap_or_default();
        self.derive(touched, facts, around, |root| needs.any_of(&[root]), judged)
    }

    /// All that can be known of it.
    pub(super) fn everything(&self, touched: &Touched<'_>, judged: &mut Judged) -> Known {
        self.completed(Known::default(), touched, &Needs::default(), judged)
    }

    /// The same, with what rules needed found out already.
    pub(super) fn completed(
        &self,
        known: Known,
        touched: &Touched<'_>,
        needs: &Needs,
        judged: &mut Judged,
    ) -> Known {
        let event = touched.event();
        let call = Call::of(event);
        let facts = if facts::asked(&call).all(|extractor| needs.extractor(extractor)) {
            known.facts
        } else {
            self.facts(event, |_| true, judged)
        };
        let around = if needs.any_of(&ENRICHED) {
            known.around
        } else {
            self.around(event, judged)
        };
        self.derive(touched, facts, around, |_| true, judged)
    }

    /// What rules see of it, below the wanted names.
    fn derive(
        &self,
        touched: &Touched<'_>,
        facts: Facts,
        around: Around,
        is_wanted: impl Fn(&str) -> bool,
        judged: &mut Judged,
    ) -> Known {
        let mut derived = derived::fields(&facts, &around.fields(self, touched.event()));
        let seen = around.tuned(touched);
        let tuned = isolate::run(|| self.tuning.add_to(&mut derived, &seen, is_wanted));
        judged.or_default(None, tuned);
        Known {
            facts,
            around,
            derived,
        }
    }

    fn facts(
        &self,
        event: &Event,
        is_wanted: impl Fn(&'static Extractor) -> bool,
        judged: &mut Judged,
    ) -> Facts {
        let known = facts::Known {
            accounts: &self.settings.known_accounts,
            own: &event.account,
        };
        let facts = isolate::run(|| {
            #[cfg(feature = "fault-injection")]
            fault::inject(event);
            facts::extract_wanted(&Call::of(event), &known, is_wanted)
        });
        judged.or_default(None, facts)
    }

    fn around(&self, event: &Event, judged: &mut Judged) -> Around {
        let around = isolate::run(|| self.surroundings(event));
        judged.or_default(None, around)
    }

    fn surroundings(&self, event: &Event) -> Around {
        let text = |path| lookup::text(&event.record, path);
        let ip = source_ip(event);
        let Enrichment {
            geo,
            asn,
            reputation,
            account_name,
            incomplete,
        } = self.enricher.run(ip, &event.account);
        let bounded = |text: &str| clip(text, MAX_TEXT);
        Around {
            source: Source {
                ip: ip.map(bounded),
                user_agent: text("userAgent").map(bounded),
                geo,
                asn,
                reputation,
            },
            account_name,
            incomplete,
        }
    }
}

#[cfg(feature = "fault-injection")]
mod fault {
    //! Breaks on demand, so that tests can see that nothing else does.

    use crate::event::Event;

    /// Panics where `requestParameters.dialFault` is `panic`.
    pub(super) fn inject(event: &Event) {
        let wanted = event.record.pointer("/requestParameters/dialFault");
        let wanted = wanted.and_then(serde_json::Value::as_str);
        assert!(wanted != Some("panic"), "injected fault");
    }
}
