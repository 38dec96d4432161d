//! A worker that cannot start says so to Lambda, with everything that is wrong.

use dial_tests::deployment::{Worker, WorkerSetup};

#[tokio::test]
async fn a_wrong_configuration_is_an_init_error_that_names_every_problem() {
    let mut setup = WorkerSetup::to("http://dial.example.com");
    setup.extra =
        "colour = \"red\"\ntimeout_seconds = 99\n[worker.detect]\nknown_accounts = [\"12\"]\n"
            .into();
    let mut worker = Worker::start(setup).await;
    let error: serde_json::Value =
        serde_json::from_str(&worker.api.init_error().await).expect("the error is JSON");
    assert_eq!(error["errorType"], "Runtime.BadConfiguration");
    let text = error["errorMessage"].as_str().expect("there is a text");
    for problem in [
        "worker.master_url: findings would travel unencrypted",
        "worker.colour: unknown key",
        "worker.timeout_seconds: 99",
        "worker.detect.known_accounts.0:",
    ] {
        assert!(text.contains(problem), "{problem} is missing in: {text}");
    }
    assert!(!worker.process.ended().await, "the exit code says failure");
}

#[tokio::test]
async fn a_missing_configuration_object_is_an_init_error() {
    let mut setup = WorkerSetup::to("https://dial.example.com");
    setup.env = vec![("DIAL_CONFIG".into(), "/nowhere/dial.toml".into())];
    let worker = Worker::start(setup).await;
    let text = worker.api.init_error().await;
    assert!(text.contains("/nowhere/dial.toml"), "{text}");
}
