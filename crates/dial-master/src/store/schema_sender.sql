-- Who sent a finding: the first line of its history, which needs no row of its own. Findings from
-- before keep that line in `audit`, and have no sender here.
ALTER TABLE findings ADD COLUMN sender TEXT;
