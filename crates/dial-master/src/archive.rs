//! The archive: findings as JSON Lines in the bucket, before the store forgets them.
//!
//! One object holds the findings of one shard that the store forgets in one hour. While the
//! archive works on an hour, no new finding can come into it any more, so an object that is
//! written twice is the same twice: every finding has one line, whatever breaks off.

use crate::api::FindingDetail;
use dial_core::FindingId;
use dial_core::ports::{Bucket, BucketError};
use dial_core::store::document::Put;
use dial_core::store::{Store, StoreError};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::stream::{self, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use std::io::Write as _;
use std::sync::Arc;
use tokio::time::Instant;

/// Folder of the archive in the bucket.
pub const FOLDER: &str = "archive";
/// Kind and id of the document that says how far the archive has come.
const MARK: (&str, &str) = ("MARK", "archive");
/// How long that is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 3_650);
/// Findings that are fetched at once.
const AT_ONCE: usize = 8;
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const SHARDS: u8 = 8;

/// Brings findings from a store to a bucket.
pub struct Archive {
    store: Arc<dyn Store>,
    bucket: Arc<dyn Bucket>,
    ahead: SignedDuration,
}

/// Why the archive did not get further.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bucket did not take the object.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// A finding cannot be written.
    #[error("finding {id} cannot be archived: {reason}")]
    Finding {
        /// The finding.
        id: FindingId,
        /// Why.
        reason: String,
    },
}

/// What one call brought over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Archived {
    /// Objects written.
    pub objects: usize,
    /// Findings in them.
    pub findings: usize,
}

/// Next piece of work: an hour and a shard in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    hour: Timestamp,
    shard: u8,
}

impl Archive {
    /// An archive that takes findings `ahead` of the time at which the store may forget them.
    ///
    /// `ahead` is less than the retention by more than an hour.
    pub fn new(store: Arc<dyn Store>, bucket: Arc<dyn Bucket>, ahead: SignedDuration) -> Self {
        Self {
            store,
            bucket,
            ahead,
        }
    }

    /// Archives all that is due at `now`, or stops at the deadline; the next call goes on there.
    pub async fn run(
        &self,
        now: Timestamp,
        deadline: Option<Instant>,
    ) -> Result<Archived, ArchiveError> {
        let mut done = Archived::default();
        let mut mark = self.store.document(MARK.0, MARK.1).await?;
        while let Some(place) = self.next(mark.as_deref(), now).await? {
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                break;
            }
            let findings = self.put(place, now).await?;
            done.findings += findings;
            done.objects += usize::from(findings > 0);
            let after = place.next().to_string();
            if !self.move_mark(mark, &after, now).await? {
                // Someone else archives: the object is the same whoever wrote it.
                break;
            }
            mark = Some(after);
        }
        Ok(done)
    }

    async fn move_mark(
        &self,
        before: Option<String>,
        after: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let put = Put {
            kind: MARK.0,
            id: MARK.1.to_owned(),
            before,
            after: after.to_owned(),
            forgotten_at: now.saturating_add(KEPT).unwrap_or(Timestamp::MAX),
            now,
        };
        self.store.put_document(&put).await
    }

    /// The first place at or behind the mark that has findings and is due.
    async fn next(
        &self,
        mark: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Place>, ArchiveError> {
        let start = Place {
            hour: Timestamp::UNIX_EPOCH,
            shard: 0,
        };
        let from = mark.and_then(Place::parse).unwrap_or(start);
        let Some(first) = self.store.next_expiry(from.hour).await? else {
            return Ok(None);
        };
        let hour = floor(first);
        let shard = if hour == from.hour { from.shard } else { 0 };
        let due = hour.saturating_add(HOUR).unwrap_or(Timestamp::MAX)
            <= now.saturating_add(self.ahead).unwrap_or(Timestamp::MAX);
        Ok(due.then_some(Place { hour, shard }))
    }

    /// Writes one object; how many findings it holds. None is written where there is none.
    async fn put(&self, place: Place, now: Timestamp) -> Result<usize, ArchiveError> {
        let to = place.hour.saturating_add(HOUR).unwrap_or(Timestamp::MAX);
        let ids = self.store.expiring(place.shard, place.hour, to).await?;
        let fetches: Vec<_> = ids
            .iter()
            .map(|id| futures::FutureExt::boxed(self.line(id, now)))
            .collect();
        let mut lines = stream::iter(fetches).buffered(AT_ONCE);
        let mut count = 0;
        let mut object = GzEncoder::new(Vec::new(), Compression::default());
        while let Some(line) = lines.next().await {
            if let Some((id, line)) = line? {
                object.write_all(&line).map_err(|e| unwritten(&id, &e))?;
                count += 1;
            }
        }
        drop(lines);
        if let (Some(id), 1..) = (ids.first(), count) {
            let body = object.finish().map_err(|e| unwritten(id, &e))?;
            self.bucket.put(&place.key(), body).await?;
        }
        Ok(count)
    }

    /// A finding with all that is known of it, as the API shows it; `None` once it is forgotten.
    async fn line(
        &self,
        id: &FindingId,
        now: Timestamp,
    ) -> Result<Option<(FindingId, Vec<u8>)>, ArchiveError> {
        let store = &self.store;
        let Some(stored) = store.finding(id, now).await? else {
            return Ok(None);
        };
        let (deliveries, audit) = futures::try_join!(store.deliveries(id), store.audit(id))?;
        let detail = FindingDetail::of(stored, deliveries, audit);
        let mut line = serde_json::to_vec(&detail).map_err(|e| unwritten(id, &e))?;
        line.push(b'\n');
        Ok(Some((id.clone(), line)))
    }
}

impl Place {
    fn next(self) -> Self {
        if self.shard + 1 < SHARDS {
            return Self {
                shard: self.shard + 1,
                ..self
            };
        }
        let hour = self.hour.saturating_add(HOUR).unwrap_or(Timestamp::MAX);
        Self { hour, shard: 0 }
    }

    /// `archive/2027/06/05/10-3.jsonl.gz`.
    fn key(self) -> String {
        let hour = self.hour.strftime("%Y/%m/%d/%H");
        format!("{FOLDER}/{hour}-{}.jsonl.gz", self.shard)
    }

    fn parse(mark: &str) -> Option<Self> {
        let (hour, shard) = mark.split_once('#')?;
        let (hour, shard) = (hour.parse().ok()?, shard.parse().ok()?);
        Some(Self { hour, shard })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.hour, self.shard)
    }
}

fn floor(time: Timestamp) -> Timestamp {
    let second = time.as_second();
    Timestamp::from_second(second - second.rem_euclid(3_600)).unwrap_or(time)
}

fn unwritten(id: &FindingId, error: &impl std::fmt::Display) -> ArchiveError {
    ArchiveError::Finding {
        id: id.clone(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Sqlite;
    use dial_core::Finding;
    use dial_core::folder::Folder;
    use dial_core::store::Acceptance;
    use std::collections::BTreeMap;
    use std::io::Read as _;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const AHEAD: SignedDuration = SignedDuration::from_hours(7 * 24);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// A folder of which every other write fails after it was made.
    struct Shaky(Folder, AtomicUsize);

    #[async_trait::async_trait]
    impl Bucket for Shaky {
        async fn put(&self, key: &str, body: Vec<u8>) -> Result<(), BucketError> {
            self.0.put(key, body).await?;
            if self.1.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
                return Err(BucketError {
                    operation: "put",
                    key: key.into(),
                    reason: "the answer got lost".into(),
                    transient: true,
                });
            }
            Ok(())
        }
        async fn get(&self, key: &str, limit: usize) -> Result<Option<Vec<u8>>, BucketError> {
            self.0.get(key, limit).await
        }
        async fn list(&self, prefix: &str) -> Result<Vec<String>, BucketError> {
            self.0.list(prefix).await
        }
    }

    fn acceptance(n: u32, expires_at: Timestamp) -> Acceptance {
        let time = at("2026-05-01T10:00:00Z");
        let mut finding: Finding = serde_json::from_value(serde_json::json!({
            "id": "f-aaaaaaaaaaaaaaaaaaaaaaaaaa",
            "rule": {"id": "r", "name": "r", "title": "r", "version": "1"},
            "severity": "low", "title": "t", "explanation": "e",
            "account": {"id": "111122223333"}, "region": "eu-west-1",
            "time": time, "detected_at": time,
            "event": {"id": n.to_string(), "source": "s", "name": "n", "kind": "AwsApiCall"},
            "principal": {}, "source": {}, "resources": [],
            "worker": {"account": "111122223333", "region": "eu-west-1", "version": "0", "rules": "0"},
        }))
        .unwrap();
        finding.id = finding.expected_id();
        Acceptance {
            finding,
            sinks: vec!["slack".into()],
            received_at: time,
            expires_at,
            sender: "111122223333/eu-west-1".into(),
        }
    }

    async fn filled(folder: &std::path::Path) -> Arc<dyn Store> {
        let store = Arc::new(Sqlite::open(&folder.join("dial.db")).unwrap());
        let expiries = [
            "2027-06-05T10:00:00Z",
            "2027-06-05T10:59:59.999Z",
            "2027-06-05T11:00:00Z",
            "2027-06-20T00:00:00Z",
        ];
        let batch = (0..40).map(|n| acceptance(n, at(expiries[n as usize % 4])));
        for outcome in store.accept(batch.collect()).await {
            outcome.unwrap();
        }
        store
    }

    /// How often each finding is in the archive, by event number, and the object it is in.
    async fn lines(bucket: &dyn Bucket) -> BTreeMap<u32, Vec<String>> {
        let mut found: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for key in bucket.list(FOLDER).await.unwrap() {
            let body = bucket.get(&key, 1 << 20).await.unwrap().unwrap();
            let mut text = String::new();
            let mut gz = flate2::read::GzDecoder::new(&body[..]);
            gz.read_to_string(&mut text).unwrap();
            for line in text.lines() {
                let line: FindingDetail = serde_json::from_str(line).unwrap();
                assert_eq!((line.audit.len(), line.deliveries.len()), (1, 1));
                let n = line.finding.event.id.parse().unwrap();
                found.entry(n).or_default().push(key.clone());
            }
        }
        found
    }

    #[tokio::test]
    async fn findings_are_archived_once_their_hour_is_near_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let store = filled(folder.path()).await;
        let bucket: Arc<dyn Bucket> = Arc::new(Folder::new(folder.path().join("bucket")));
        let archive = Archive::new(Arc::clone(&store), Arc::clone(&bucket), AHEAD);
        let steps = [
            ("2027-05-29T10:59:59Z", 0),
            ("2027-05-29T11:00:00Z", 20),
            ("2027-05-29T11:59:59Z", 0),
            ("2027-05-29T12:00:00Z", 10),
            ("2027-06-05T09:00:00Z", 0),
        ];
        for (now, expected) in steps {
            let done = archive.run(at(now), None).await.unwrap();
            assert_eq!(done.findings, expected, "{now}");
        }
        let lines = lines(&*bucket).await;
        assert_eq!(lines.len(), 30);
        for (n, keys) in lines {
            assert_eq!(keys.len(), 1, "{n}");
            let hour = if n % 4 == 2 { 11 } else { 10 };
            let start = format!("{FOLDER}/2027/06/05/{hour}-");
            assert!(
                keys[0].starts_with(&start) && keys[0].ends_with(".jsonl.gz"),
                "{keys:?}"
            );
        }
    }

    #[tokio::test]
    async fn each_finding_has_one_line_whatever_breaks_off_and_whoever_helps() {
        let folder = tempfile::tempdir().unwrap();
        let store = filled(folder.path()).await;
        let files = Folder::new(folder.path().join("bucket"));
        let bucket: Arc<dyn Bucket> = Arc::new(Shaky(files, AtomicUsize::new(0)));
        let now = at("2027-06-01T00:00:00Z");
        let archives = [0, 1].map(|_| Archive::new(Arc::clone(&store), Arc::clone(&bucket), AHEAD));
        let mut failures = 0;
        for _ in 0..40 {
            let (a, b) = tokio::join!(archives[0].run(now, None), archives[1].run(now, None));
            failures += usize::from(a.is_err()) + usize::from(b.is_err());
        }
        assert!(failures > 0, "the bucket failed");
        let lines = lines(&*bucket).await;
        assert_eq!(lines.len(), 30);
        assert!(lines.values().all(|keys| keys.len() == 1), "{lines:?}");
        assert_eq!(
            archives[0].run(now, None).await.unwrap(),
            Archived::default()
        );
        assert_eq!(
            store.document(MARK.0, MARK.1).await.unwrap().unwrap(),
            "2027-06-05T12:00:00Z#0"
        );
    }

    #[tokio::test]
    async fn nothing_is_begun_behind_the_deadline() {
        let folder = tempfile::tempdir().unwrap();
        let store = filled(folder.path()).await;
        let bucket: Arc<dyn Bucket> = Arc::new(Folder::new(folder.path().join("bucket")));
        let archive = Archive::new(store, bucket, AHEAD);
        let now = at("2027-06-01T00:00:00Z");
        let past = Some(Instant::now());
        assert_eq!(archive.run(now, past).await.unwrap(), Archived::default());
        assert_eq!(archive.run(now, None).await.unwrap().findings, 30);
    }
}
