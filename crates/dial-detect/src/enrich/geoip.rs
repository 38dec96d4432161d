//! Place and network of an address, from MMDB files that the operator gives.

use super::{Enrich, EnrichError, Enrichment, Kind, Loaded, Settings, Subject};
use dial_core::finding::{Asn, Geo};
use maxminddb::{MaxMindDbError, Mmap, Reader, geoip2};
use serde::de::IgnoredAny;
use std::net::IpAddr;
use std::path::Path;

pub(super) static KIND: Kind = Kind {
    name: "geoip",
    summary: "Country, city, coordinates and network of the address, from MMDB files",
    load,
};

struct Geoip {
    city: Option<Reader<Mmap>>,
    asn: Option<Reader<Mmap>>,
}

fn load(settings: &Settings) -> Loaded {
    let mut errors = Vec::new();
    let mut open = |path: Option<&Path>, holds: &[&str]| {
        let opened = open(path?, holds);
        opened.map_err(|error| errors.push(error)).ok()
    };
    let city = open(
        settings.geoip.city.as_deref(),
        &["City", "Country", "Enterprise"],
    );
    let asn = open(settings.geoip.asn.as_deref(), &["ASN", "ISP"]);
    if !errors.is_empty() {
        return Err(errors);
    }
    let is_configured = city.is_some() || asn.is_some();
    Ok(is_configured.then(|| Box::new(Geoip { city, asn }) as Box<dyn Enrich>))
}

/// Opens a database and reads through enough of it to see that it is one.
fn open(path: &Path, holds: &[&str]) -> Result<Reader<Mmap>, EnrichError> {
    let wrong = |reason: String| EnrichError {
        enrichment: KIND.name,
        file: path.display().to_string(),
        line: None,
        reason,
    };
    // SAFETY: the map must not change below us. Operators are told to replace the file by a
    // rename, never in place; a Lambda's package cannot change at all.
    #[expect(
        unsafe_code,
        reason = "a city database is 60 MB; reading it costs every cold start"
    )]
    let opened = unsafe { Reader::open_mmap(path) };
    let reader = opened.map_err(|e| wrong(describe(&e)))?;
    let kind = reader.metadata().database_type.clone();
    if !holds.iter().any(|part| kind.contains(part)) {
        let expected = holds.join(" or ");
        return Err(wrong(format!("holds `{kind}`, needed is {expected}")));
    }
    probe(&reader).map_err(|e| wrong(describe(&e)))?;
    Ok(reader)
}

/// Looks up a few addresses all over the tree; reading all of it would cost every cold start.
fn probe(reader: &Reader<Mmap>) -> Result<(), MaxMindDbError> {
    let v4 = (0..8_u8).map(|n| IpAddr::from([n * 28 + 1, 0, 0, 1]));
    let v6 = (0..4_u16).map(|n| IpAddr::from([0x2001 + n * 0x400, 0xdb8, 0, 0, 0, 0, 0, 1]));
    let holds_v6 = reader.metadata().ip_version == 6;
    for address in v4.chain(v6.filter(|_| holds_v6)) {
        reader.lookup(address)?.decode::<IgnoredAny>()?;
    }
    Ok(())
}

fn describe(error: &MaxMindDbError) -> String {
    match error {
        MaxMindDbError::Io(e) | MaxMindDbError::Mmap(e) => format!("cannot be read: {e}"),
        other => format!("database is corrupt: {other}"),
    }
}

impl Enrich for Geoip {
    fn enrich(&self, subject: Subject<'_>, into: &mut Enrichment) -> Result<(), String> {
        let Some(address) = subject.address else {
            return Ok(());
        };
        let city = self.city.as_ref().map(|reader| geo(reader, address));
        let asn = self.asn.as_ref().map(|reader| asn(reader, address));
        let (city, asn) = (city.transpose(), asn.transpose());
        // One that fails does not hide the other's answer.
        let failed = city.as_ref().err().or(asn.as_ref().err()).map(describe);
        into.geo = city.ok().flatten().flatten();
        into.asn = asn.ok().flatten().flatten();
        failed.map_or(Ok(()), Err)
    }
}

fn geo(reader: &Reader<Mmap>, address: IpAddr) -> Result<Option<Geo>, MaxMindDbError> {
    let Some(found) = reader.lookup(address)?.decode::<geoip2::City<'_>>()? else {
        return Ok(None);
    };
    let country = found.country.iso_code.or(found.registered_country.iso_code);
    Ok(Some(Geo {
        country: country.map(str::to_owned),
        city: found.city.names.english.map(str::to_owned),
        lat: found.location.latitude,
        lon: found.location.longitude,
    }))
}

fn asn(reader: &Reader<Mmap>, address: IpAddr) -> Result<Option<Asn>, MaxMindDbError> {
    let Some(found) = reader.lookup(address)?.decode::<geoip2::Asn<'_>>()? else {
        return Ok(None);
    };
    Ok(found.autonomous_system_number.map(|number| Asn {
        number,
        org: found.autonomous_system_organization.map(str::to_owned),
    }))
}
