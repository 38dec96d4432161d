//! What the master's package tells of the rules that the worker's package runs.

use dial_core::catalogue::{Catalogue, FILE};
use dial_core::wire::WorkerInfo;
use dial_detect::{Pipeline, Settings};
use dial_tests::events::{ACCOUNT, REGION};
use dial_tests::terraform::{architecture, packages, unpack};

#[test]
fn the_package_of_the_master_tells_of_the_rules_that_workers_run() {
    let Some(packages) = packages() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder for the program");
    let zip = packages.join(format!("dial-master-{}.zip", architecture()));
    let program = unpack(&zip, folder.path());
    let text = std::fs::read(program.with_file_name(FILE)).expect("the package holds it");
    let catalogue: Catalogue = serde_json::from_slice(&text).expect("it is a catalogue");
    let worker = WorkerInfo {
        account: ACCOUNT.into(),
        region: REGION.into(),
        version: "0.1.0".into(),
        rules: String::new(),
    };
    let pipeline = Pipeline::new(&Settings::default(), worker).expect("the rules load");
    assert_eq!(catalogue.hash, pipeline.hash());
    assert_eq!(catalogue.rules.len(), pipeline.rules().len());
}
