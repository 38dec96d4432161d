//! The least that a Lambda in Rust can be: the reference for the worker's start and warm call.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let hello = service_fn(|_: LambdaEvent<Value>| async { Ok::<_, Error>(json!({"ok": true})) });
    lambda_runtime::run(hello).await
}
