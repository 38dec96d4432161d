"""Says which event patterns let which events through, by moto's matcher.

Reads one JSON document {"patterns": [...], "events": [...]} and writes one line for each event:
the indexes of the patterns that it fits, as a JSON list.
"""

import json
import sys

from moto.events.models import EventPattern

document = json.load(sys.stdin)
patterns = [EventPattern.load(json.dumps(pattern)) for pattern in document["patterns"]]
for event in document["events"]:
    fitting = [at for at, pattern in enumerate(patterns) if pattern.matches_event(event)]
    print(json.dumps(fitting))
