//! Small documents beside the findings, such as tokens and workers: read and replaced whole.
//!
//! A store implements [`Documents`] and has every topic that is built on it.

use super::StoreError;
use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Times that a change is tried anew because somebody else changed the document meanwhile.
const TRIES: usize = 8;

/// A document that is to replace another one, or to be new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// What kind of document it is: a short word in capitals.
    pub kind: &'static str,
    /// Its id within the kind.
    pub id: String,
    /// The text that it replaces; `None` where there must be none.
    pub before: Option<String>,
    /// The new text.
    pub after: String,
    /// From when on the store may forget it.
    pub forgotten_at: Timestamp,
    /// The present, for a store that forgets by itself.
    pub now: Timestamp,
}

/// Where documents are kept; reads are strongly consistent.
#[async_trait]
pub trait Documents: Send + Sync {
    /// The text of one document, also of one that may be forgotten.
    async fn document(&self, kind: &'static str, id: &str) -> Result<Option<String>, StoreError>;

    /// The texts of all documents of a kind, by id.
    async fn documents(&self, kind: &'static str) -> Result<Vec<String>, StoreError>;

    /// Puts a document where the one before is still there; else `false`, and nothing changes.
    async fn put_document(&self, put: &Put) -> Result<bool, StoreError>;
}

/// What a kind of document is.
pub(super) trait Document: Serialize + DeserializeOwned + Send {
    /// Its kind, as [`Put::kind`].
    const KIND: &'static str;

    /// Its id within the kind.
    fn id(&self) -> &str;

    /// From when on the store may forget it.
    fn forgotten_at(&self) -> Timestamp;
}

/// One document.
pub(super) async fn read<D: Document>(
    store: &(impl Documents + ?Sized),
    id: &str,
) -> Result<Option<D>, StoreError> {
    let text = store.document(D::KIND, id).await?;
    text.as_deref().map(parse).transpose()
}

/// All documents of a kind that are not to be forgotten at `now`, by id.
pub(super) async fn all<D: Document>(
    store: &(impl Documents + ?Sized),
    now: Timestamp,
) -> Result<Vec<D>, StoreError> {
    let texts = store.documents(D::KIND).await?;
    let documents = texts.iter().map(|text| parse::<D>(text));
    let fresh = documents.filter(|one| one.as_ref().map_or(true, |one| one.forgotten_at() > now));
    fresh.collect()
}

/// Changes one document; `change` says what it becomes (`None`: it stays) and the answer.
///
/// Nobody's change is lost: where another one came between, `change` is asked anew. A change whose
/// answer got lost is recognised by its result, so it must not make the same twice by itself.
pub(super) async fn change<D: Document, R: Send>(
    store: &(impl Documents + ?Sized),
    id: &str,
    now: Timestamp,
    change: impl Fn(Option<D>) -> (Option<D>, R) + Send + Sync,
) -> Result<R, StoreError> {
    let mut made: Option<(String, R)> = None;
    for _ in 0..TRIES {
        let before = store.document(D::KIND, id).await?;
        if let Some((text, answer)) = made
            && before.as_ref() == Some(&text)
        {
            return Ok(answer);
        }
        let (after, answer) = change(before.as_deref().map(parse).transpose()?);
        let Some(after) = after else {
            return Ok(answer);
        };
        let text = serde_json::to_string(&after).map_err(corrupt)?;
        let put = Put {
            kind: D::KIND,
            id: after.id().to_owned(),
            before,
            after: text.clone(),
            forgotten_at: after.forgotten_at(),
            now,
        };
        if store.put_document(&put).await? {
            return Ok(answer);
        }
        made = Some((text, answer));
    }
    let kind = D::KIND;
    Err(StoreError::Throttled(format!("{kind} {id} keeps changing")))
}

fn parse<D: Document>(text: &str) -> Result<D, StoreError> {
    serde_json::from_str(text).map_err(corrupt)
}

fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(error.to_string())
}
