#!/usr/bin/env python3
"""Writes the synthetic databases in test/: places and networks of documentation ranges.

Needs `pip install mmdb_writer==0.2.7 netaddr==1.3.0`. The same input gives the same bytes.
"""

import pathlib

import mmdb_writer
from netaddr import IPSet

# 2026-01-01T00:00:00Z; the writer would take the clock.
mmdb_writer.time.time = lambda: 1767225600

TEST = pathlib.Path(__file__).parent / "test"

# network: (city, country, ISO code, latitude, longitude); no city: a country is all that is known
PLACES = {
    "192.0.2.0/24": (None, "Kenya", "KE", 1.0, 38.0),
    "198.51.100.0/25": ("Berlin", "Germany", "DE", 52.52, 13.405),
    "198.51.100.128/25": ("Tokyo", "Japan", "JP", 35.6762, 139.6503),
    "203.0.113.0/26": ("Amsterdam", "Netherlands", "NL", 52.3676, 4.9041),
    "203.0.113.64/26": ("Reykjavík", "Iceland", "IS", 64.1466, -21.9426),
    "203.0.113.128/25": ("São Paulo", "Brazil", "BR", -23.5505, -46.6333),
    "2001:db8::/33": ("Sydney", "Australia", "AU", -33.8688, 151.2093),
    "2001:db8:8000::/33": ("Toronto", "Canada", "CA", 43.6532, -79.3832),
}

# network: (number out of the range for documentation, holder)
NETWORKS = {
    "192.0.2.0/24": (64496, "Example Mobile"),
    "198.51.100.0/24": (64497, "Example Office"),
    "203.0.113.0/26": (64498, "Example Cloud"),
    "203.0.113.64/26": (64499, "Example Bulletproof Hosting"),
    "203.0.113.128/25": (64500, "Example Broadband"),
    "2001:db8::/32": (64501, "Example Six"),
}

# What stands in the list of bad addresses.
NETSET = """\
# Synthetic list for tests and for `dial demo`; written by write_test_databases.py.
# Documentation ranges only, and a private address that a reader has to drop.
203.0.113.66
192.0.2.192/28
192.168.1.1
2001:db8:bad::/48
"""


def city(place):
    name, country, code, latitude, longitude = place
    record = {
        "country": {"iso_code": code, "names": {"en": country}},
        "location": {"latitude": latitude, "longitude": longitude},
    }
    if name is not None:
        record["city"] = {"names": {"en": name}}
    return record


def asn(network):
    number, holder = network
    return {
        "autonomous_system_number": mmdb_writer.MmdbU32(number),
        "autonomous_system_organization": holder,
    }


def write(name, kind, records, encode):
    writer = mmdb_writer.MMDBWriter(
        ip_version=6,
        ipv4_compatible=True,
        database_type=kind,
        languages=["en"],
        description={"en": "Synthetic test data of DIAL"},
    )
    for network, record in records.items():
        writer.insert_network(IPSet([network]), encode(record))
    writer.to_db_file(str(TEST / name))


if __name__ == "__main__":
    TEST.mkdir(exist_ok=True)
    write("city.mmdb", "DIAL-Test-City", PLACES, city)
    write("asn.mmdb", "DIAL-Test-ASN", NETWORKS, asn)
    (TEST / "bad.netset").write_text(NETSET)
