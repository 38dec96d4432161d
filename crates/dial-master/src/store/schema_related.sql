-- Findings by access key and by address of the caller, for what is related to one of them.
ALTER TABLE findings ADD COLUMN access_key TEXT;
ALTER TABLE findings ADD COLUMN address    TEXT;

-- Few are suppressed; who asks for those does not want to read all others.
ALTER TABLE findings ADD COLUMN suppressed INTEGER NOT NULL DEFAULT 0;

-- CloudTrail writes addresses in the one spelling that is indexed, but for IPv4 within IPv6; names
-- of services have no dot-and-digit end and no colon.
UPDATE findings SET
    summary = json_set(summary, '$.access_key_id', json_extract(finding, '$.principal.access_key_id')),
    access_key = json_extract(finding, '$.principal.access_key_id')
    WHERE json_extract(finding, '$.principal.access_key_id') <> '';
UPDATE findings SET address = CASE
        WHEN json_extract(summary, '$.source_ip') GLOB '::ffff:*.*' THEN substr(json_extract(summary, '$.source_ip'), 8)
        ELSE json_extract(summary, '$.source_ip') END
    WHERE json_extract(summary, '$.source_ip') GLOB '*:*'
       OR json_extract(summary, '$.source_ip') GLOB '[0-9]*.[0-9]*.[0-9]*.[0-9]*';
UPDATE findings SET suppressed = 1 WHERE json_extract(summary, '$.suppressed') IS NOT NULL;

CREATE INDEX by_access_key ON findings (access_key, sort_key) WHERE access_key IS NOT NULL;
CREATE INDEX by_address    ON findings (address, sort_key)    WHERE address IS NOT NULL;
CREATE INDEX by_suppressed ON findings (sort_key) WHERE suppressed = 1;
