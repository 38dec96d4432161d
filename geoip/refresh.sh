#!/bin/sh
# Fetches GeoLite2 City and ASN with your own account into a folder, ready for [worker.detect.enrich].
#
#   MAXMIND_ACCOUNT_ID=… MAXMIND_LICENSE_KEY=… geoip/refresh.sh /var/lib/dial/geoip
#
# Each file is checked against its SHA-256 and put in place by a rename: a running program keeps
# the old file mapped, and must never see one change.
set -eu

into=${1:?usage: refresh.sh FOLDER}
: "${MAXMIND_ACCOUNT_ID:?is not set}" "${MAXMIND_LICENSE_KEY:?is not set}"
mkdir -p "$into"
work=$(mktemp -d "$into/.refresh.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Credentials go through standard input: the arguments of a process are public.
fetch() {
    printf 'user = "%s:%s"\n' "$MAXMIND_ACCOUNT_ID" "$MAXMIND_LICENSE_KEY" |
        curl --config - --fail --silent --show-error --location --proto '=https' \
            --output "$2" "https://download.maxmind.com/geoip/databases/$1"
}

for edition in GeoLite2-City GeoLite2-ASN; do
    fetch "$edition/download?suffix=tar.gz" "$work/$edition.tar.gz"
    fetch "$edition/download?suffix=tar.gz.sha256" "$work/$edition.sha256"
    expected=$(cut -d' ' -f1 "$work/$edition.sha256")
    echo "$expected  $work/$edition.tar.gz" | sha256sum --check --quiet
    tar -xzf "$work/$edition.tar.gz" -C "$work" --strip-components 1 --wildcards '*.mmdb'
    mv "$work/$edition.mmdb" "$into/$edition.mmdb"
done
