//! What an event touched, found out once for all who ask.

use crate::event::{Event, Kind};
use crate::normalise::Call;
use crate::{native, resources};
use dial_core::finding::Resource;
use std::cell::OnceCell;

/// One event, and everything that it touched.
pub(crate) struct Touched<'a> {
    event: &'a Event,
    resources: OnceCell<Vec<Resource>>,
}

impl<'a> Touched<'a> {
    /// What it touched is found out when somebody asks.
    pub(crate) fn by(event: &'a Event) -> Self {
        Self {
            event,
            resources: OnceCell::new(),
        }
    }

    /// The event.
    pub(crate) fn event(&self) -> &'a Event {
        self.event
    }

    /// All resources, in the order in which the event names them.
    pub(crate) fn resources(&self) -> &[Resource] {
        self.resources.get_or_init(|| match self.event.kind {
            Kind::CloudTrail => resources::of(&Call::of(self.event)),
            Kind::Native { .. } => native::resources(self.event),
        })
    }
}
