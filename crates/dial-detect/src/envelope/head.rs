//! The top-level strings of a record in one pass, everything below skipped unparsed.

use super::EnvelopeError;
use super::loose::{self, Key, Loose, Text};
use crate::event::{Head, Part, Parts};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// A head and what the identity of its event depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Top<'a> {
    pub(super) head: Head<'a>,
    pub(super) event_id: Option<Cow<'a, str>>,
    pub(super) event_time: Option<Cow<'a, str>>,
    pub(super) region: Option<Cow<'a, str>>,
    /// The members of `detail`, for an envelope.
    pub(super) detail: Option<Box<Top<'a>>>,
    /// Whether there is a member `detail-type`, of whatever type: an envelope.
    pub(super) has_detail_type: bool,
    /// Whether there is a member `Records`.
    pub(super) has_records: bool,
    /// A member that stands there twice.
    duplicate: Option<&'static str>,
}

impl<'a> Top<'a> {
    /// Reads a record or an envelope; the text must hold nothing else.
    pub(super) fn read(text: &'a str) -> Result<Self, EnvelopeError> {
        let top: Self = serde_json::from_str(text).map_err(super::json::not_json)?;
        match top.twice() {
            Some(name) => Err(EnvelopeError::Duplicate(name)),
            None => Ok(top),
        }
    }

    /// A deciding member that stands there twice, here or in `detail`.
    pub(super) fn twice(&self) -> Option<&'static str> {
        let below = self.detail.as_ref().and_then(|detail| detail.duplicate);
        self.duplicate.or(below)
    }

    /// The head to decide on: that of `detail`, under the envelope's names.
    pub(super) fn into_head(self) -> Head<'a> {
        match self.detail {
            Some(detail) if self.head.detail_type.is_some() => Head {
                detail_type: self.head.detail_type,
                source: self.head.source,
                text: self.head.text,
                ..detail.head
            },
            _ => self.head,
        }
    }
}

impl<'de> Deserialize<'de> for Top<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Outer;
        impl<'de> Visitor<'de> for Outer {
            type Value = Top<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a record")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                Top::members(map, false)
            }
        }
        deserializer.deserialize_map(Outer)
    }
}

impl<'de> Top<'de> {
    fn members<A: MapAccess<'de>>(mut map: A, is_detail: bool) -> Result<Self, A::Error> {
        let mut top = Self::default();
        top.head.succeeded = true;
        let mut seen = 0_u32;
        let mut has_dotted = false;
        while let Some(name) = map.next_key::<Name>()? {
            has_dotted |= name == Name::Dotted;
            // A `detail` below `detail` is skipped, so that nesting costs no stack.
            let is_passed = match name {
                Name::Other | Name::Dotted | Name::Response | Name::Additional => true,
                Name::Detail => is_detail,
                _ => false,
            };
            if is_passed {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let bit = 1 << name as u32;
            // Of these the last one counts, as for whoever parses the whole.
            let is_free = matches!(name, Name::UserAgent | Name::Request);
            if seen & bit != 0 && !is_free {
                top.duplicate = Some(name.text());
            }
            seen |= bit;
            top.has_detail_type |= name == Name::DetailType;
            top.take(name, &mut map)?;
        }
        if has_dotted {
            top.head.forget_below();
        }
        Ok(top)
    }

    /// Where the text of a member goes; `None` for what is no text.
    fn slot(&mut self, name: Name) -> Option<&mut Option<Cow<'de, str>>> {
        Some(match name {
            Name::EventId => &mut self.event_id,
            Name::EventTime => &mut self.event_time,
            Name::Region => &mut self.region,
            name => return self.head.slot(name),
        })
    }

    fn take<A: MapAccess<'de>>(&mut self, name: Name, map: &mut A) -> Result<(), A::Error> {
        match name {
            Name::UserIdentity => {
                let identity: Identity<'de> = map.next_value()?;
                self.head.user_identity_type = identity.kind;
                self.head.user_identity_account = identity.account;
            }
            Name::Request => {
                let request: &'de RawValue = map.next_value()?;
                self.head.parts.request = Part::Json(request.get().as_bytes());
            }
            Name::Detail => self.detail = map.next_value::<Detail<'de>>()?.0,
            name => {
                if let Some(slot) = self.slot(name) {
                    *slot = map.next_value::<Text<'de>>()?.0;
                } else {
                    self.has_records |= name == Name::Records;
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

impl<'a> Head<'a> {
    /// Where the text of a member goes; `None` for what is no text of a head.
    pub(super) fn slot(&mut self, name: Name) -> Option<&mut Option<Cow<'a, str>>> {
        Some(match name {
            Name::Event => &mut self.event_name,
            Name::EventSource => &mut self.event_source,
            Name::ErrorCode => {
                self.succeeded = false;
                &mut self.error_code
            }
            Name::UserAgent => &mut self.user_agent,
            Name::DetailType => &mut self.detail_type,
            Name::Source => &mut self.source,
            Name::Recipient => &mut self.recipient_account,
            _ => return None,
        })
    }

    /// A name that spells a path wins over that path: nothing below is certain.
    pub(super) fn forget_below(&mut self) {
        self.user_identity_type = None;
        self.parts = Parts::default();
    }
}

/// The members that a head is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Event,
    EventSource,
    ErrorCode,
    DetailType,
    Source,
    EventId,
    EventTime,
    Region,
    Recipient,
    UserIdentity,
    UserAgent,
    Request,
    Response,
    Additional,
    Detail,
    Records,
    /// A name that spells a path.
    Dotted,
    Other,
}

impl Name {
    /// The name as it stands there, without escapes.
    pub(super) fn of(text: &[u8]) -> Self {
        match text {
            b"eventName" => Self::Event,
            b"eventSource" => Self::EventSource,
            b"errorCode" => Self::ErrorCode,
            b"detail-type" => Self::DetailType,
            b"source" => Self::Source,
            b"eventID" => Self::EventId,
            b"eventTime" => Self::EventTime,
            b"awsRegion" => Self::Region,
            b"recipientAccountId" => Self::Recipient,
            b"userIdentity" => Self::UserIdentity,
            b"userAgent" => Self::UserAgent,
            b"requestParameters" => Self::Request,
            b"responseElements" => Self::Response,
            b"additionalEventData" => Self::Additional,
            b"detail" => Self::Detail,
            b"Records" => Self::Records,
            // What else most records have, so that it is not searched for a dot.
            b"errorMessage" | b"eventCategory" | b"eventType" | b"eventVersion"
            | b"managementEvent" | b"readOnly" | b"requestID" | b"resources"
            | b"sourceIPAddress" | b"tlsDetails" => Self::Other,
            _ if text.contains(&b'.') => Self::Dotted,
            _ => Self::Other,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Event => "eventName",
            Self::EventSource => "eventSource",
            Self::ErrorCode => "errorCode",
            Self::DetailType => "detail-type",
            Self::Source => "source",
            Self::EventId => "eventID",
            Self::EventTime => "eventTime",
            Self::Region => "awsRegion",
            Self::Recipient => "recipientAccountId",
            Self::UserIdentity => "userIdentity",
            Self::UserAgent => "userAgent",
            Self::Request => "requestParameters",
            Self::Response => "responseElements",
            Self::Additional => "additionalEventData",
            Self::Detail => "detail",
            Self::Records => "Records",
            Self::Dotted | Self::Other => "another",
        }
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl Visitor<'_> for Names {
            type Value = Name;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_str<E>(self, text: &str) -> Result<Name, E> {
                Ok(Name::of(text.as_bytes()))
            }
        }
        deserializer.deserialize_identifier(Names)
    }
}

/// The members of `detail`.
#[derive(Default)]
struct Detail<'a>(Option<Box<Top<'a>>>);

impl<'de> Loose<'de> for Detail<'de> {
    fn of_map<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        Top::members(map, true).map(|top| Self(Some(Box::new(top))))
    }
}

impl<'de> Deserialize<'de> for Detail<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        loose::read(deserializer)
    }
}

/// `type` and `accountId` of `userIdentity`.
#[derive(Default)]
struct Identity<'a> {
    kind: Option<Cow<'a, str>>,
    account: Option<Cow<'a, str>>,
}

impl<'de> Loose<'de> for Identity<'de> {
    fn of_map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut identity = Self::default();
        while let Some(Key(key)) = map.next_key()? {
            match key.as_ref() {
                "type" => identity.kind = map.next_value::<Text<'de>>()?.0,
                "accountId" => identity.account = map.next_value::<Text<'de>>()?.0,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(identity)
    }
}

impl<'de> Deserialize<'de> for Identity<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        loose::read(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_taken_whatever_their_order_or_spelling() {
        let text = r#"{ "userIdentity": {"x": [{}], "type": "Root", "accountId": "111122223333"},
            "event\u004eame": "Put\u0041", "errorCode": null, "eventSource": {"a": [1, "b"]},
            "eventID": 7, "awsRegion": "eu-west-1", "detail": {"eventName": "ignored"} }"#;
        let top = Top::read(text).unwrap();
        assert_eq!(top.head.event_name.as_deref(), Some("PutA"));
        assert_eq!(top.head.user_identity_type.as_deref(), Some("Root"));
        assert_eq!(
            top.head.user_identity_account.as_deref(),
            Some("111122223333")
        );
        assert!(matches!(top.region, Some(Cow::Borrowed("eu-west-1"))));
        assert_eq!((&top.head.event_source, &top.event_id), (&None, &None));
        assert_eq!(top.into_head().event_name.as_deref(), Some("PutA"));
    }

    #[test]
    fn an_envelope_shows_the_head_of_its_detail() {
        let text = r#"{"detail": {"eventName": "A", "detail": {"eventName": "B"}},
            "detail-type": "AWS API Call via CloudTrail", "source": "aws.iam"}"#;
        let head = Top::read(text).unwrap().into_head();
        assert_eq!(head.event_name.as_deref(), Some("A"));
        assert_eq!(head.source.as_deref(), Some("aws.iam"));
        assert!(head.is_cloudtrail());
        for detail in ["1", "-1", "1.5", "null", "true", "\"x\"", "[{}]"] {
            let text = format!(r#"{{"detail-type": "x", "detail": {detail}}}"#);
            assert!(!Top::read(&text).unwrap().into_head().is_cloudtrail());
        }
    }

    #[test]
    fn what_decides_must_not_stand_there_twice() {
        let cases = [
            (r#"{"eventName":"A","eventName":"B"}"#, Some("eventName")),
            (
                r#"{"detail":{"errorCode":"A","errorCode":null}}"#,
                Some("errorCode"),
            ),
            (r#"{"userAgent":"A","userAgent":"B"}"#, None),
        ];
        for (text, expected) in cases {
            let expected = expected.map_or(Ok(()), |name| Err(EnvelopeError::Duplicate(name)));
            assert_eq!(Top::read(text).map(|_| ()), expected, "{text}");
        }
    }
}
