//! Fetches objects: small ones whole and ahead of time, large ones in parts side by side.

use anyhow::Result;
use dial_aws::{Object, S3Bucket};
use dial_core::ports::BucketError;
use std::collections::VecDeque;
use std::io::{self, Cursor, Read};
use std::ops::Range;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

/// An object of at most this size is fetched by one call, bytes.
pub(super) const PART: u64 = 4 * 1024 * 1024;
/// Parts of one large object that are fetched at a time.
const SIDE_BY_SIDE: usize = 4;
/// Most bytes of small objects that wait to be scanned.
const AHEAD: usize = 16 * 1024 * 1024;
/// Tries of one part; the SDK tries each call again by itself, but not a body that breaks off.
const TRIES: u32 = 3;

/// Bytes that may be fetched ahead.
pub(super) struct Budget(Arc<Semaphore>);

/// A small object on its way.
pub(super) struct Early {
    body: JoinHandle<Result<Vec<u8>, BucketError>>,
    permit: OwnedSemaphorePermit,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(AHEAD)))
    }

    /// Starts to fetch a small object, as long as there is room; otherwise it is fetched when its
    /// turn comes.
    pub(super) fn start(
        &self,
        bucket: &Arc<S3Bucket>,
        object: &Object,
        runtime: &Handle,
    ) -> Option<Early> {
        let size = u32::try_from(object.size.max(1)).ok()?;
        if object.size > PART {
            return None;
        }
        let permit = Arc::clone(&self.0).try_acquire_many_owned(size).ok()?;
        Some(Early {
            body: spawn(bucket, object, 0..object.size, runtime),
            permit,
        })
    }
}

impl Early {
    /// Waits until it is there; what it may take of the budget is free again when it was read.
    pub(super) fn open(self, runtime: &Handle) -> Result<Box<dyn Read>> {
        struct Held(
            Cursor<Vec<u8>>,
            #[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit,
        );
        impl Read for Held {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                self.0.read(into)
            }
        }
        let body = runtime.block_on(self.body)??;
        Ok(Box::new(Held(Cursor::new(body), self.permit)))
    }
}

/// Starts to read an object.
pub(super) fn open(
    bucket: &Arc<S3Bucket>,
    object: &Object,
    runtime: &Handle,
) -> Result<Box<dyn Read>> {
    let mut parts = Parts {
        bucket: Arc::clone(bucket),
        object: object.clone(),
        runtime: runtime.clone(),
        next: 0,
        coming: VecDeque::new(),
        current: Cursor::default(),
    };
    // The first part is waited for here, so that an object that is gone is told as such.
    parts.current = Cursor::new(parts.following()?.unwrap_or_default());
    Ok(Box::new(parts))
}

/// A large object, a few parts ahead of its reader.
struct Parts {
    bucket: Arc<S3Bucket>,
    object: Object,
    runtime: Handle,
    /// Where the next part to ask for starts.
    next: u64,
    coming: VecDeque<JoinHandle<Result<Vec<u8>, BucketError>>>,
    current: Cursor<Vec<u8>>,
}

impl Parts {
    fn following(&mut self) -> Result<Option<Vec<u8>>> {
        while self.coming.len() < SIDE_BY_SIDE && self.next < self.object.size {
            let end = self.next.saturating_add(PART).min(self.object.size);
            let part = spawn(&self.bucket, &self.object, self.next..end, &self.runtime);
            self.coming.push_back(part);
            self.next = end;
        }
        let Some(part) = self.coming.pop_front() else {
            return Ok(None);
        };
        Ok(Some(self.runtime.block_on(part)??))
    }
}

impl Read for Parts {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.current.read(into)?;
            if read > 0 || into.is_empty() {
                return Ok(read);
            }
            match self.following().map_err(io::Error::other)? {
                Some(part) => self.current = Cursor::new(part),
                None => return Ok(0),
            }
        }
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        for part in &self.coming {
            part.abort();
        }
    }
}

fn spawn(
    bucket: &Arc<S3Bucket>,
    object: &Object,
    range: Range<u64>,
    runtime: &Handle,
) -> JoinHandle<Result<Vec<u8>, BucketError>> {
    let (bucket, object) = (Arc::clone(bucket), object.clone());
    runtime.spawn(async move {
        let mut tries = 1;
        loop {
            match bucket.part(&object, range.clone()).await {
                Err(error) if error.transient && tries < TRIES => tries += 1,
                other => return other,
            }
        }
    })
}
