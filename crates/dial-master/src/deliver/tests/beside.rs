//! What a store does beside delivery: the same next to nothing in every store of these tests.

/// Writes what delivery never asks of a store, and that no finding sleeps; the store has
/// `sinks_with_rows(&[String]) -> Vec<String>`.
macro_rules! beside_delivery {
    ($store:ty) => {
        #[async_trait::async_trait]
        impl dial_core::store::document::Documents for $store {
            async fn document(&self, _: &'static str, _: &str) -> Kept<Option<String>> {
                Ok(None)
            }

            async fn documents(&self, _: &'static str) -> Kept<Vec<String>> {
                unreachable!("delivery reads no list of documents")
            }

            async fn put_document(&self, _: &dial_core::store::document::Put) -> Kept<bool> {
                Ok(true)
            }
        }

        #[async_trait::async_trait]
        impl dial_core::store::stats::Statistics for $store {
            async fn cells(&self, _: &str, _: &str) -> Kept<dial_core::store::stats::Cells> {
                unreachable!("delivery counts nothing")
            }

            async fn oldest(&self, _: Status, _: Timestamp) -> Kept<Option<Summary>> {
                unreachable!("delivery counts nothing")
            }

            async fn fold(&self) -> Kept<usize> {
                unreachable!("delivery counts nothing")
            }
        }

        #[async_trait::async_trait]
        impl dial_core::store::archive::Archiving for $store {
            async fn next_expiry(&self, _: Timestamp) -> Kept<Option<Timestamp>> {
                unreachable!("delivery archives nothing")
            }

            async fn expiring(&self, _: u8, _: Timestamp, _: Timestamp) -> Kept<Vec<FindingId>> {
                unreachable!("delivery archives nothing")
            }
        }

        #[async_trait::async_trait]
        impl dial_core::store::triage::Triaging for $store {
            async fn change(
                &self,
                _: &FindingId,
                _: Option<u64>,
                _: &dial_core::store::triage::Request,
            ) -> Result<dial_core::store::triage::Changed, dial_core::store::triage::ChangeError>
            {
                unreachable!("nobody changes anything")
            }

            async fn to_wake(&self, _: Timestamp, _: usize) -> Kept<Vec<FindingId>> {
                Ok(Vec::new())
            }
        }

        #[async_trait::async_trait]
        impl dial_core::store::outbox::Outbox for $store {
            async fn retry(&self, _: &FindingId, _: &str, _: Timestamp) -> Kept<bool> {
                unreachable!("delivery retries nothing that failed")
            }

            async fn backlog(
                &self,
                _: &str,
                _: dial_core::store::outbox::Backlog,
                _: Option<&dial_core::store::outbox::Place>,
                _: Timestamp,
                _: usize,
            ) -> Kept<Vec<Delivery>> {
                unreachable!("delivery reads what is due")
            }

            async fn counts(
                &self,
                _: &[String],
                _: Timestamp,
            ) -> Kept<Vec<dial_core::store::outbox::Count>> {
                unreachable!("delivery counts no rows")
            }

            async fn known_sinks(&self, configured: &[String]) -> Kept<Vec<String>> {
                Ok(self.sinks_with_rows(configured))
            }
        }
    };
}

pub(super) use beside_delivery;

/// What a store answers.
pub(super) type Kept<T> = Result<T, dial_core::store::StoreError>;
