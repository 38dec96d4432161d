use super::*;
use proptest::prelude::*;
use std::fs;
use std::path::Path;

fn test_data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../geoip/test")
        .join(name)
}

fn settings() -> Settings {
    Settings {
        geoip: GeoipSettings {
            city: Some(test_data("city.mmdb")),
            asn: Some(test_data("asn.mmdb")),
        },
        reputation: vec![List {
            name: "bad".into(),
            category: "malicious".into(),
            path: test_data("bad.netset"),
        }],
        accounts: [("111122223333".to_owned(), "production".to_owned())].into(),
        on_error: OnError::Refuse,
    }
}

#[test]
fn everything_known_about_an_address_is_said() {
    let enricher = Enricher::load(&settings()).unwrap();
    let cases = [
        (
            "a bad address",
            "203.0.113.66",
            Some("IS"),
            Some("Reykjavík"),
            Some(64499),
            true,
        ),
        (
            "its neighbour",
            "203.0.113.67",
            Some("IS"),
            Some("Reykjavík"),
            Some(64499),
            false,
        ),
        (
            "mapped into v6",
            "::ffff:203.0.113.66",
            Some("IS"),
            Some("Reykjavík"),
            Some(64499),
            true,
        ),
        (
            "no city known",
            "192.0.2.1",
            Some("KE"),
            None,
            Some(64496),
            false,
        ),
        (
            "in a bad network",
            "192.0.2.200",
            Some("KE"),
            None,
            Some(64496),
            true,
        ),
        (
            "v6",
            "2001:db8:9000::1",
            Some("CA"),
            Some("Toronto"),
            Some(64501),
            false,
        ),
        (
            "bad v6",
            "2001:db8:bad::77",
            Some("AU"),
            Some("Sydney"),
            Some(64501),
            true,
        ),
        ("in no database", "8.8.8.8", None, None, None, false),
        (
            "private, though listed",
            "192.168.1.1",
            None,
            None,
            None,
            false,
        ),
        (
            "a service",
            "cloudtrail.amazonaws.com",
            None,
            None,
            None,
            false,
        ),
        ("AWS itself", "AWS Internal", None, None, None, false),
        ("with a port", "203.0.113.66:443", None, None, None, false),
        ("nothing", "", None, None, None, false),
    ];
    for (name, ip, country, city, asn, is_bad) in cases {
        let found = enricher.run(Some(ip), "111122223333");
        let geo = found.geo.clone().unwrap_or_default();
        assert_eq!(geo.country.as_deref(), country, "{name}");
        assert_eq!(geo.city.as_deref(), city, "{name}");
        assert_eq!(found.asn.as_ref().map(|a| a.number), asn, "{name}");
        assert_eq!(!found.reputation.is_empty(), is_bad, "{name}");
        assert!(found.incomplete.is_empty(), "{name}");
        assert_eq!(found.account_name.as_deref(), Some("production"), "{name}");
    }
    let absent = enricher.run(None, "444455556666");
    assert_eq!(absent, Enrichment::default());
}

#[test]
fn place_network_and_list_are_named() {
    let enricher = Enricher::load(&settings()).unwrap();
    let found = enricher.run(Some("203.0.113.66"), "");
    let geo = found.geo.unwrap();
    assert_eq!((geo.lat, geo.lon), (Some(64.1466), Some(-21.9426)));
    let asn = found.asn.unwrap();
    assert_eq!(asn.org.as_deref(), Some("Example Bulletproof Hosting"));
    let labels: Vec<_> = found
        .reputation
        .iter()
        .map(|r| (&*r.list, &*r.category))
        .collect();
    assert_eq!(labels, [("bad", "malicious")]);
}

#[test]
fn nothing_configured_is_fine() {
    let enricher = Enricher::load(&Settings::default()).unwrap();
    assert_eq!(
        enricher.run(Some("203.0.113.66"), "111122223333"),
        Enrichment::default()
    );
}

/// A folder with files that cannot be used.
fn broken() -> (tempfile::TempDir, Settings) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut city = fs::read(test_data("city.mmdb")).unwrap();
    city.truncate(city.len() / 2);
    fs::write(path("city.mmdb"), city).unwrap();
    fs::write(path("bad.netset"), "# ok\n198.51.100.1\n198.51.100.0/33\n").unwrap();
    let list = |name: &str| List {
        name: name.into(),
        category: "c".into(),
        path: path(name),
    };
    let broken = Settings {
        geoip: GeoipSettings {
            city: Some(path("city.mmdb")),
            asn: Some(test_data("city.mmdb")),
        },
        reputation: vec![list("bad.netset"), list("missing")],
        accounts: [("12".to_owned(), "short".to_owned())].into(),
        on_error: OnError::Refuse,
    };
    (folder, broken)
}

#[test]
fn every_broken_file_is_listed_at_start() {
    let (folder, broken) = broken();
    let errors = Enricher::load(&broken).err().unwrap();
    let folder = format!("{}/", folder.path().display());
    let lines: Vec<String> = errors
        .iter()
        .map(|e| {
            e.to_string()
                .replace(&folder, "")
                .replace(env!("CARGO_MANIFEST_DIR"), "")
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn where_configured_the_findings_say_what_is_missing() {
    let (_folder, mut broken) = broken();
    broken.on_error = OnError::Mark;
    let enricher = Enricher::load(&broken).unwrap();
    let found = enricher.run(Some("203.0.113.66"), "12");
    assert_eq!(found.incomplete.len(), 5);
    assert!(
        found
            .incomplete
            .iter()
            .any(|line| line.starts_with("geoip: "))
    );
    assert!(found.geo.is_none() && found.reputation.is_empty());
}

struct Panics;
impl Enrich for Panics {
    fn enrich(&self, _: Subject<'_>, _: &mut Enrichment) -> Result<(), String> {
        panic!("as a corrupt database might make it")
    }
}

#[test]
fn one_that_panics_does_not_stop_the_others() {
    let mut enricher = Enricher::load(&settings()).unwrap();
    enricher.loaded.insert(0, ("first", Box::new(Panics)));
    let found = enricher.run(Some("203.0.113.66"), "111122223333");
    assert_eq!(found.incomplete.len(), 1);
    assert!(found.incomplete[0].starts_with("first: panicked: as a corrupt database might"));
    assert!(found.geo.is_some() && found.account_name.is_some());
}

#[test]
fn the_registry_is_sorted_and_described() {
    let names: Vec<_> = summaries().map(|(name, _)| name).collect();
    assert!(names.is_sorted());
    assert!(summaries().all(|(_, summary)| !summary.is_empty()));
}

#[test]
fn a_damaged_database_never_crashes() {
    let good = fs::read(test_data("city.mmdb")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("city.mmdb");
    let mut answered = 0;
    for at in (0..good.len()).step_by(3) {
        let mut damaged = good.clone();
        damaged[at] ^= 0xA5;
        fs::write(&path, damaged).unwrap();
        let settings = Settings {
            geoip: GeoipSettings {
                city: Some(path.clone()),
                asn: None,
            },
            on_error: OnError::Mark,
            ..Settings::default()
        };
        let enricher = Enricher::load(&settings).unwrap();
        for ip in ["203.0.113.66", "192.0.2.1", "2001:db8:9000::1", "8.8.8.8"] {
            answered += usize::from(enricher.run(Some(ip), "").geo.is_some());
        }
    }
    assert!(
        answered > good.len() / 3,
        "most damage leaves most answers: {answered}"
    );
}

proptest! {
    #[test]
    fn any_text_is_an_address_or_not(text in ".{0,60}") {
        let enricher = Enricher::load(&settings()).unwrap();
        let found = enricher.run(Some(&text), &text);
        prop_assert!(found.incomplete.is_empty());
    }
}
