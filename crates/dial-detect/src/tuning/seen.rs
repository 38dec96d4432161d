//! One event as the settings look at it; what several of them ask for is found out once.

use crate::event::Event;
use crate::normalise::Call;
use crate::touched::Touched;
use dial_core::finding::Resource;

/// One event, and what enrichment knows of its origin.
pub(crate) struct Seen<'a> {
    pub(crate) event: &'a Event,
    /// `sourceIPAddress`, or the other side of a native finding.
    pub(crate) ip: Option<&'a str>,
    /// Number of the address's network.
    pub(crate) asn: Option<u32>,
    touched: &'a Touched<'a>,
}

impl<'a> Seen<'a> {
    pub(crate) fn new(touched: &'a Touched<'a>, ip: Option<&'a str>, asn: Option<u32>) -> Self {
        Self {
            event: touched.event(),
            ip,
            asn,
            touched,
        }
    }

    pub(crate) fn call(&self) -> Call<'a> {
        Call::of(self.event)
    }

    /// Everything that the event touched.
    pub(crate) fn resources(&self) -> &'a [Resource] {
        self.touched.resources()
    }

    /// ARNs of the caller: its own, and that of the role or user behind its session.
    pub(crate) fn callers(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let caller = self.call().caller();
        [caller.arn, caller.issuer_arn].into_iter().flatten()
    }
}
