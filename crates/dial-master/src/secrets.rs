//! Which secrets each function fetches when it starts, and what its sinks do in AWS; nobody has to
//! fetch or send anything to know.

use crate::config::Master;
use crate::lambda::Function;
use crate::sinks::{self, Rights};
use dial_core::secret::SecretRef;

impl Master {
    /// References to all that a function fetches when it starts; one that is named twice is there
    /// twice.
    pub fn secrets_of(&self, function: Function) -> Vec<SecretRef> {
        match function {
            Function::Api => self.secrets_of_api(),
            Function::Deliver | Function::Sweep => sinks::secrets(&self.sinks, self.guard()),
        }
    }

    /// What the sinks that a function tells must be allowed to do in AWS, by their names.
    pub fn sink_rights_of(&self, function: Function) -> Vec<(String, Rights)> {
        match function {
            Function::Api => Vec::new(),
            Function::Deliver | Function::Sweep => sinks::rights(&self.sinks, self.guard()),
        }
    }

    fn secrets_of_api(&self) -> Vec<SecretRef> {
        let tokens = self.tokens.iter().map(|token| &token.secret);
        let slack = self.slack.iter().flat_map(|app| {
            let next = app.next_signing_secret.iter();
            next.chain([&app.signing_secret, &app.bot_token])
        });
        let oidc = self.sign_in.oidc.iter();
        let oidc = oidc.filter_map(|oidc| oidc.client_secret.as_ref());
        let all = self.root_keys.values().chain(tokens);
        all.chain(slack).chain(oidc).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::Setup;
    use async_trait::async_trait;
    use dial_aws::Clients;
    use dial_core::Secret;
    use dial_core::ports::Secrets;
    use dial_core::secret::SecretError;
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    /// Remembers what is fetched, and gives what most take.
    #[derive(Default)]
    struct Remembering(Mutex<BTreeSet<String>>);

    #[async_trait]
    impl Secrets for Remembering {
        async fn fetch(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
            self.0.lock().unwrap().insert(reference.clone().into());
            Ok(Secret::new(
                "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
            ))
        }
    }

    const CONFIG: &str = "base_url = \"https://dial.example.org\"\nstore = \"dynamodb:dial\"\n\
         bucket = \"bucket\"\nroot_keys = { 1 = \"env:ROOT_1\", 2 = \"env:ROOT_2\" }\n\
         [[tokens]]\nname = \"admin\"\nsecret = \"env:TOKEN\"\n\
         [slack]\nsigning_secret = \"env:SIGN\"\nnext_signing_secret = \"env:SIGN_2\"\n\
         bot_token = \"env:BOT\"\nteams = [\"T0123456789\"]\n\
         [slack.users]\nU0123456789 = { name = \"soc\", scope = \"analyst\" }\n\
         [sign_in.oidc]\nissuer = \"https://login.example.org\"\nclient_id = \"dial\"\n\
         client_secret = \"env:OIDC\"\n\
         [sinks.slack]\ntype = \"slack\"\nbot_token = \"env:BOT\"\nchannel = \"C0123456789\"\n\
         [sinks.hook]\ntype = \"webhook\"\nurl = \"https://hook.example.org\"\n\
         secret = \"env:HOOK\"\nnext_secret = \"env:HOOK_2\"\n\
         [sinks.search]\ntype = \"opensearch\"\nurl = \"https://search.example.org\"\n\
         index = \"dial\"\nuser = \"dial\"\npassword = \"env:SEARCH\"\n";

    #[tokio::test]
    async fn what_is_listed_is_what_is_fetched() {
        let config: Master = toml::from_str(CONFIG).unwrap();
        let clients = Clients::new();
        for function in [Function::Api, Function::Deliver, Function::Sweep] {
            let fetched = Remembering::default();
            let setup = Setup::new(&config, &clients, &fetched);
            // Whether all of it is good is another question.
            match function {
                Function::Api => drop(setup.api().await),
                Function::Deliver => drop(setup.delivery().await),
                Function::Sweep => drop(setup.sweep().await),
            }
            let listed = config.secrets_of(function).into_iter().map(String::from);
            let listed: BTreeSet<String> = listed.collect();
            assert_eq!(listed, fetched.0.into_inner().unwrap(), "{function:?}");
            assert!(listed.len() > 3, "{listed:?}");
        }
    }
}
