//! The ports on AWS: findings in DynamoDB, objects in S3, secrets, signed requests.

pub mod clients;
pub mod dynamodb;
mod exchange;
mod fault;
pub mod identity;
pub mod organization;
mod parameters;
pub mod s3;
pub mod secrets;
mod service;
pub mod signer;
pub mod survey;

pub use clients::{Clients, Emulators};
pub use dynamodb::{DynamoStore, create_table};
pub use identity::StsIdentity;
pub use organization::AwsOrganization;
pub use s3::location::{Location, LocationError, open_bucket, read_object};
pub use s3::objects::{Listing, Object, Page};
pub use s3::{S3Bucket, create_bucket};
pub use secrets::AwsSecrets;
pub use signer::AwsSigner;
pub use survey::Survey;
