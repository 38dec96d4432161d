//! Lake Formation: data that is granted to other accounts.

use super::{Extractor, Facts, Known, sharing};
use crate::normalise::Call;

pub(super) const GRANT: Extractor = Extractor {
    name: "lakeformation.grant",
    summary: "Whom data of the lake is granted to",
    sources: &["lakeformation.amazonaws.com"],
    names: &["BatchGrantPermissions", "GrantPermissions"],
    facts: &[
        "lakeformation.grant.public",
        "lakeformation.grant.external",
        "lakeformation.grant.accounts",
    ],
    run: grant,
};

fn grant(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    let path = match call.name() {
        "BatchGrantPermissions" => "entries.principal.dataLakePrincipalIdentifier",
        _ => "principal.dataLakePrincipalIdentifier",
    };
    sharing::state_request(
        "lakeformation.grant",
        "data of the lake",
        path,
        call,
        known,
        facts,
    );
}
