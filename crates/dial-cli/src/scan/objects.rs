//! Finds the trail objects of a bucket; with a filter only the prefixes that may matter are listed.

use super::layout::{Content, Place, Span};
use super::sources::{Each, Found, Search, Source};
use anyhow::Result;
use dial_aws::{Listing, Location, Object, Page, S3Bucket};
use std::sync::Arc;

/// Folders searched for `AWSLogs` one by one down to here; below that one flat list is cheaper.
const DEPTH: usize = 4;

/// The search through one bucket.
pub(super) struct Objects<'s> {
    search: &'s Search<'s>,
}

/// One bucket.
struct Target {
    place: Arc<str>,
    bucket: Arc<S3Bucket>,
    /// The key that was named.
    named: String,
    found: u64,
}

impl<'s> Objects<'s> {
    pub(super) fn new(search: &'s Search<'s>) -> Self {
        Self { search }
    }

    /// Finds what `s3://bucket/prefix` holds; `false` where the search is to end.
    pub(super) fn find(&self, text: &str, each: Each<'_>) -> bool {
        let found = self.target(text).and_then(|mut target| {
            let prefix = target.named.clone();
            let goes_on = self.below(&mut target, &prefix, 0, each)?;
            Ok((goes_on, target.found))
        });
        let problem = match found {
            // With a filter, nothing may be what is right.
            Ok((true, 0)) if self.search.filter.is_open() => "no object there".to_owned(),
            Ok((goes_on, _)) => return goes_on,
            Err(error) => format!("{error:#}"),
        };
        each(Found::Problem(text.to_owned(), problem))
    }

    fn target(&self, text: &str) -> Result<Target> {
        let Location::S3 { bucket, key } = text.parse()? else {
            anyhow::bail!("no S3 location");
        };
        let place = format!("s3://{bucket}/").into();
        let bucket = S3Bucket::new(self.search.clients.clone(), bucket, "");
        Ok(Target {
            place,
            bucket: Arc::new(bucket),
            named: key,
            found: 0,
        })
    }

    fn below(
        &self,
        target: &mut Target,
        prefix: &str,
        depth: usize,
        each: Each<'_>,
    ) -> Result<bool> {
        let filter = self.search.filter;
        if filter.is_open() || (depth >= DEPTH && Place::of(prefix).is_none()) {
            return self.flat(target, prefix, &Span::default(), each);
        }
        if let Some(span) = filter.span(prefix) {
            return self.flat(target, prefix, &span, each);
        }
        let listing = Listing {
            prefix: prefix.to_owned(),
            by_folder: true,
            ..Listing::default()
        };
        let mut folders = Vec::new();
        let mut next = None;
        loop {
            let page = self.page(target, &listing, next)?;
            for object in page.objects {
                if !self.take(target, object, each) {
                    return Ok(false);
                }
            }
            folders.extend(
                page.folders
                    .into_iter()
                    .filter(|folder| filter.may_hold(folder)),
            );
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        for folder in folders {
            if !self.below(target, &folder, depth + 1, each)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Every key below a prefix, without a look at folders.
    fn flat(&self, target: &mut Target, prefix: &str, span: &Span, each: Each<'_>) -> Result<bool> {
        let listing = Listing {
            prefix: prefix.to_owned(),
            after: span.after.clone(),
            by_folder: false,
        };
        let mut next = None;
        loop {
            let page = self.page(target, &listing, next)?;
            for object in page.objects {
                if !span.before.is_empty() && object.key >= span.before {
                    return Ok(true);
                }
                if !self.take(target, object, each) {
                    return Ok(false);
                }
            }
            next = page.next;
            if next.is_none() {
                return Ok(true);
            }
        }
    }

    fn page(&self, target: &Target, listing: &Listing, next: Option<String>) -> Result<Page> {
        let page = target.bucket.page(listing, next);
        Ok(self.search.runtime.block_on(page)?)
    }

    /// An object that was named is read whatever it is called.
    fn take(&self, target: &mut Target, object: Object, each: Each<'_>) -> bool {
        let is_named = object.key == target.named;
        if !is_named && !self.search.filter.may_hold(&object.key) {
            return true;
        }
        target.found += 1;
        match Content::of(&object.key) {
            Content::Digest | Content::Other if !is_named => {
                each(Found::Skipped(Content::of(&object.key)))
            }
            _ => {
                let size = object.size;
                let source = Source::Object {
                    place: Arc::clone(&target.place),
                    object,
                    bucket: Arc::clone(&target.bucket),
                };
                each(Found::Source(source, Some(size)))
            }
        }
    }
}
