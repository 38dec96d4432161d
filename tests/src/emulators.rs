//! The DynamoDB and S3 emulators that `cargo xtask emulators` starts.

use dial_aws::{Clients, S3Bucket, create_bucket, create_table};

/// Where the emulators are.
pub struct Emulated {
    /// URL of DynamoDB.
    pub dynamodb: String,
    /// URL of S3.
    pub s3: String,
    /// Clients of both, for what the test itself does there.
    pub clients: Clients,
}

impl Emulated {
    /// `None` where none run; says so.
    pub fn find() -> Option<Self> {
        let variable = |name: &str| std::env::var(name).ok();
        let found = (variable("DIAL_TEST_DYNAMODB"), variable("DIAL_TEST_S3"));
        let (Some(dynamodb), Some(s3)) = found else {
            eprintln!("skipped: DIAL_TEST_DYNAMODB and DIAL_TEST_S3 are not set");
            return None;
        };
        let clients = Clients::emulated(dial_aws::Emulators {
            dynamodb: Some(dynamodb.clone()),
            s3: Some(s3.clone()),
            ..dial_aws::Emulators::default()
        });
        Some(Self {
            dynamodb,
            s3,
            clients,
        })
    }

    /// Makes a table with all its indexes.
    pub async fn table(&self, name: &str) {
        create_table(&self.clients, name)
            .await
            .expect("the table is made");
    }

    /// Makes a bucket.
    pub async fn bucket(&self, name: &str) -> S3Bucket {
        create_bucket(&self.clients, name)
            .await
            .expect("the bucket is made");
        S3Bucket::new(self.clients.clone(), name, "")
    }

    /// What a process needs to use the emulators instead of AWS.
    pub fn env(&self) -> Vec<(String, String)> {
        let pairs = [
            ("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb.as_str()),
            ("AWS_ENDPOINT_URL_S3", &self.s3),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "testtest"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ];
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec()
    }
}
