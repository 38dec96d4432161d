//! What every store must do; run on a fresh store for each case.

mod accept;
mod archive;
mod counters;
mod documents;
mod group;
mod list;
mod order;
mod outbox;
mod paging;
mod samples;
mod silence;
mod triage;

pub use counters::counters_match_a_recount;
pub use order::any_order_gives_the_same_store;
pub use paging::pages_hold_while_others_insert;

use dial_core::store::Store;
use futures::future::BoxFuture;
use std::sync::Arc;

/// One case: panics where the store does not do what it must.
pub type Case = fn(Arc<dyn Store>) -> BoxFuture<'static, ()>;

/// Every case by name.
pub const CASES: &[(&str, Case)] = &[
    ("a new finding is stored once", |s| {
        Box::pin(accept::once(s))
    }),
    ("answers are in the order of the batch", |s| {
        Box::pin(accept::in_order(s))
    }),
    ("of concurrent duplicates one is new", |s| {
        Box::pin(accept::concurrent(s))
    }),
    ("outbox rows and history come with the finding", |s| {
        Box::pin(accept::together(s))
    }),
    ("a large finding comes back to the byte", |s| {
        Box::pin(accept::large(s))
    }),
    ("what is unknown is not there", |s| {
        Box::pin(accept::unknown(s))
    }),
    ("the expired are not shown", |s| {
        Box::pin(accept::expired(s))
    }),
    ("unusual texts are kept and found", |s| {
        Box::pin(list::unusual(s))
    }),
    ("every combination of filters", |s| {
        Box::pin(list::filters(s))
    }),
    ("several values, and filters without an index", |s| {
        Box::pin(list::several(s))
    }),
    ("the suppressed are kept apart", |s| {
        Box::pin(list::suppressed(s))
    }),
    ("times are exact", |s| Box::pin(list::times(s))),
    ("pages without gap or repeat", |s| Box::pin(list::pages(s))),
    ("a page is capped", |s| Box::pin(list::capped(s))),
    ("a cursor may point between findings", |s| {
        Box::pin(list::between(s))
    }),
    ("who expires when", |s| Box::pin(archive::expiring(s))),
    ("rows are due by time and sink", |s| {
        Box::pin(outbox::due(s))
    }),
    ("a claim holds until its lease ends", |s| {
        Box::pin(outbox::lease(s))
    }),
    ("of concurrent claims one wins", |s| {
        Box::pin(outbox::race(s))
    }),
    ("sent is the end", |s| Box::pin(outbox::sent(s))),
    ("retry waits, then is due again", |s| {
        Box::pin(outbox::retry(s))
    }),
    ("failed is visible and not due", |s| {
        Box::pin(outbox::failed(s))
    }),
    ("a stolen lease settles nothing", |s| {
        Box::pin(outbox::stolen(s))
    }),
    ("rows of the expired are not due", |s| {
        Box::pin(outbox::expired(s))
    }),
    ("a repeat counts at the first one of its group", |s| {
        Box::pin(group::repeats(s))
    }),
    ("a repeat wakes only what shows it", |s| {
        Box::pin(group::silent(s))
    }),
    ("a group ends with its window, and when closed", |s| {
        Box::pin(group::ends(s))
    }),
    ("a lost claim joins no group", |s| Box::pin(group::lost(s))),
    ("of concurrent findings one is the first", |s| {
        Box::pin(group::race(s))
    }),
    ("a digest takes all its rows or none", |s| {
        Box::pin(group::digest(s))
    }),
    ("a silence is kept once, until its end", |s| {
        Box::pin(silence::kept(s))
    }),
    ("a silence is ended once, and stays readable", |s| {
        Box::pin(silence::ended(s))
    }),
    ("of concurrent ends of a silence one counts", |s| {
        Box::pin(silence::race(s))
    }),
    ("suppressed is the end and says by what", |s| {
        Box::pin(outbox::suppressed(s))
    }),
    ("what failed is listed and can be retried", |s| {
        Box::pin(outbox::retried(s))
    }),
    ("a claim remembers its time until it is answered", |s| {
        Box::pin(outbox::unanswered(s))
    }),
    ("rows are counted by sink and state", |s| {
        Box::pin(outbox::counted(s))
    }),
    ("a change is kept with its history", |s| {
        Box::pin(triage::changes(s))
    }),
    ("of concurrent changes one wins", |s| {
        Box::pin(triage::race(s))
    }),
    ("changes that name no revision all happen", |s| {
        Box::pin(triage::unconditional(s))
    }),
    ("what is refused writes nothing", |s| {
        Box::pin(triage::refused(s))
    }),
    ("a sleep ends by the clock, then in the history", |s| {
        Box::pin(triage::sleep(s))
    }),
    ("lists follow the triage", |s| Box::pin(triage::lists(s))),
    ("a change wakes the rows that were sent", |s| {
        Box::pin(triage::wakes(s))
    }),
    ("what changes while it is sent is sent again", |s| {
        Box::pin(triage::meanwhile(s))
    }),
    ("a document is replaced only as it was", |s| {
        Box::pin(documents::replaced(s))
    }),
    ("tokens are kept and revoked", |s| {
        Box::pin(documents::tokens(s))
    }),
    ("sessions are kept and end", |s| {
        Box::pin(documents::sessions(s))
    }),
    ("workers are known and add up", |s| {
        Box::pin(documents::workers(s))
    }),
    ("of concurrent heartbeats none is lost", |s| {
        Box::pin(documents::beats(s))
    }),
];

/// Runs every case, each on a store that `make` returns empty.
pub async fn run<F: Future<Output = Arc<dyn Store>>>(make: impl Fn() -> F) {
    for (name, case) in CASES {
        println!("store suite: {name}");
        let store = make().await;
        store.ready().await.expect("a fresh store is ready");
        case(store).await;
    }
}
