//! Partitions of AWS: which regions belong to one, and under which names its services answer.

use crate::worker_id::Region;

/// A part of AWS with accounts, regions and names of its own.
#[derive(Debug, PartialEq, Eq)]
pub struct Partition {
    /// As ARNs have it, such as `aws-us-gov`.
    pub id: &'static str,
    /// Last part of the names of its services, such as `amazonaws.com`.
    pub suffix: &'static str,
    /// Region in which IAM and other global services record their events.
    pub home: &'static str,
    /// Region that Organizations answers in.
    pub organization: &'static str,
    /// What its regions start with, before direction and number; empty for any two letters.
    land: &'static str,
}

/// Where most accounts are.
pub static AWS: Partition = Partition {
    id: "aws",
    suffix: "amazonaws.com",
    home: "us-east-1",
    organization: "us-east-1",
    land: "",
};

/// The others. Source: `partitions.json` and `endpoints.json` of botocore 1.44.
static OTHERS: [Partition; 7] = [
    other(
        "aws-cn",
        "cn",
        "amazonaws.com.cn",
        "cn-north-1",
        "cn-northwest-1",
    ),
    other(
        "aws-eusc",
        "eusc-de",
        "amazonaws.eu",
        "eusc-de-east-1",
        "eusc-de-east-1",
    ),
    other(
        "aws-iso",
        "us-iso",
        "c2s.ic.gov",
        "us-iso-east-1",
        "us-iso-east-1",
    ),
    other(
        "aws-iso-b",
        "us-isob",
        "sc2s.sgov.gov",
        "us-isob-east-1",
        "us-isob-east-1",
    ),
    other(
        "aws-iso-e",
        "eu-isoe",
        "cloud.adc-e.uk",
        "eu-isoe-west-1",
        "eu-isoe-west-1",
    ),
    other(
        "aws-iso-f",
        "us-isof",
        "csp.hci.ic.gov",
        "us-isof-south-1",
        "us-isof-south-1",
    ),
    other(
        "aws-us-gov",
        "us-gov",
        "amazonaws.com",
        "us-gov-west-1",
        "us-gov-west-1",
    ),
];

const DIRECTIONS: [&str; 9] = [
    "central",
    "east",
    "north",
    "northeast",
    "northwest",
    "south",
    "southeast",
    "southwest",
    "west",
];

const fn other(
    id: &'static str,
    land: &'static str,
    suffix: &'static str,
    home: &'static str,
    organization: &'static str,
) -> Partition {
    Partition {
        id,
        suffix,
        home,
        organization,
        land,
    }
}

/// The partition of a region; `None` for what is not shaped as a region of AWS.
///
/// Shapes, not names, so that a new region needs no new program; but strict ones, for hosts are
/// made of them: `s3-eu-west-1` would make `sts.` before it the address of a bucket.
pub fn of(region: &Region) -> Option<&'static Partition> {
    let (rest, number) = region.as_str().rsplit_once('-')?;
    let (land, direction) = rest.rsplit_once('-')?;
    let is_number = number.len() == 1 && number.bytes().all(|b| b.is_ascii_digit());
    if !is_number || !DIRECTIONS.contains(&direction) {
        return None;
    }
    let known = OTHERS.iter().find(|partition| partition.land == land);
    let two_letters = land.len() == 2 && land.bytes().all(|b| b.is_ascii_lowercase());
    known.or_else(|| two_letters.then_some(&AWS))
}

/// Whether an ARN may start with this partition.
pub fn is_known(id: &str) -> bool {
    id == AWS.id || OTHERS.iter().any(|partition| partition.id == id)
}

/// Whether global services record their events in this region.
pub fn is_home(region: &Region) -> bool {
    of(region).is_some_and(|partition| partition.home == region.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_belong_to_one_partition() {
        let cases = [
            ("eu-west-1", Some("aws")),
            ("ap-southeast-7", Some("aws")),
            ("mx-central-1", Some("aws")),
            ("sa-west-1", Some("aws")),
            ("us-gov-west-1", Some("aws-us-gov")),
            ("cn-northwest-1", Some("aws-cn")),
            ("eusc-de-east-1", Some("aws-eusc")),
            ("us-iso-west-1", Some("aws-iso")),
            ("us-isob-east-1", Some("aws-iso-b")),
            ("eu-isoe-west-1", Some("aws-iso-e")),
            ("us-isof-south-1", Some("aws-iso-f")),
            ("eusc-east-1", None),
            ("us-isox-east-1", None),
            ("eu-gov-west-1", None),
            ("s3-eu-west-1", None),
            ("s3-west-1", None),
            ("eu-west", None),
            ("eu-west-", None),
            ("eu-west-10", None),
            ("eu-up-1", None),
            ("-eu-west-1", None),
            ("eu--1", None),
            ("us-east-1-a", None),
            ("x", None),
        ];
        for (region, expected) in cases {
            let found = of(&Region::parse(region).unwrap());
            assert_eq!(found.map(|it| it.id), expected, "{region}");
        }
    }

    #[test]
    fn homes_are_regions_of_their_own_partition() {
        for partition in OTHERS.iter().chain([&AWS]) {
            for region in [partition.home, partition.organization] {
                let region = Region::parse(region).unwrap();
                assert_eq!(of(&region), Some(partition), "{}", partition.id);
            }
            assert!(is_known(partition.id));
        }
        assert!(!is_known("evil"));
        assert!(is_home(&Region::parse("us-east-1").unwrap()));
        assert!(!is_home(&Region::parse("eu-west-1").unwrap()));
    }
}
