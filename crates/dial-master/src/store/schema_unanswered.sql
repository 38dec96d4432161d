-- When attempts may have got through unanswered: JSON, the spans of an outbox row.
ALTER TABLE outbox ADD COLUMN unanswered TEXT NOT NULL DEFAULT '[]';

-- Attempts of before kept no time; they lie between the beginning of the errand and the end of the
-- lease, or the next attempt.
UPDATE outbox SET unanswered = json_array(json_object(
    'from', strftime('%Y-%m-%dT%H:%M:%SZ', since / 1000000 - 15, 'unixepoch'),
    'to',   strftime('%Y-%m-%dT%H:%M:%SZ', due_at / 1000000 + 15, 'unixepoch')))
WHERE state IN ('pending', 'sending') AND attempts > earlier;
