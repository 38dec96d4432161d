"""Gets what schemathesis sends past the doors at which made-up requests would end.

The routes of workers and of Slack take signed requests only: each gets a body that a worker or
Slack could have sent, mostly with something wrong in it, and a signature that holds, so that the
code behind it has to answer. Made-up filters find nothing and made-up matchers fit nothing: some
of those make way for ones that lead on. `DIAL_SIGNED` names a file: {"root_key", "signing_secret", "findings",
"slack"}; the last is the port of a Slack that says yes to everything.
"""

import base64
import copy
import gzip
import hashlib
import hmac
import http.server
import json
import os
import random
import threading
import time
import urllib.parse

import schemathesis

with open(os.environ["DIAL_SIGNED"]) as file:
    GIVEN = json.load(file)

ACCOUNT, REGION = "111122223333", "eu-central-1"
WORKER = {"account": ACCOUNT, "region": REGION, "version": "0.1.0", "rules": "abc"}
ACTIONS = "acknowledge assign snooze resolve reopen false_positive show turn open_finding".split()
COMMANDS = ["search severity:high", "search bucket", "show $ID", "help", "", "silence rule=x for 4h because x"]
ODD = [
    None, True, 0, -1, 1e308, 2**64, "", "x", "\u0000", "\u202e", "x" * 70_000, [], {}, [[[[]]]],
    "9999-12-31T23:59:59Z", "-009999-01-01T00:00:00Z", "f-aaaaaaaaaaaaaaaaaaaaaaaaaa", "<!channel>",
]  # fmt: skip


class Yes(http.server.BaseHTTPRequestHandler):
    """A Slack that says yes."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"ok":true,"view":{"id":"V1"}}')

    def log_message(self, *_):
        pass


slack = http.server.ThreadingHTTPServer(("127.0.0.1", GIVEN["slack"]), Yes)
threading.Thread(target=slack.serve_forever, daemon=True).start()


def spoilt(value, dice):
    """The same with something odd, missing or twice somewhere; now and then as it was."""
    value = copy.deepcopy(value)
    if dice.random() < 0.2:
        return value
    place = value
    while True:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        if not keys:
            return value
        key = dice.choice(list(keys))
        if isinstance(place[key], (dict, list)) and place[key] and dice.random() < 0.8:
            place = place[key]
            continue
        if dice.random() < 0.2:
            del place[key]
        else:
            place[key] = dice.choice(ODD)
        return value


def packed(value, dice):
    """As a worker compresses it, or not quite."""
    whole = gzip.compress(json.dumps(value).encode())
    return dice.choice([whole] * 8 + [whole[: len(whole) // 2], json.dumps(value).encode()])


def signed_by_worker(body, dice):
    root = base64.b64decode(GIVEN["root_key"].removeprefix("whsec_"))
    key = hmac.digest(root, f"dial/worker/v1/{ACCOUNT}/{REGION}/0".encode(), "sha256")
    identity, now = f"schemathesis-{dice.getrandbits(64)}", str(int(time.time()))
    tag = hmac.digest(key, f"{identity}.{now}.".encode() + body, "sha256")
    return {
        "webhook-id": identity,
        "webhook-timestamp": now,
        "webhook-signature": "v1," + base64.b64encode(tag).decode(),
        "dial-worker": f"{ACCOUNT}/{REGION}",
        "dial-key": "1/0",
        "content-type": "application/octet-stream",
        "content-encoding": "gzip",
    }


def signed_by_slack(body, _):
    now = str(int(time.time()))
    base = f"v0:{now}:".encode() + body
    tag = hmac.new(GIVEN["signing_secret"].encode(), base, hashlib.sha256).hexdigest()
    return {
        "x-slack-request-timestamp": now,
        "x-slack-signature": f"v0={tag}",
        "content-type": "application/x-www-form-urlencoded",
    }


def batch(dice):
    findings = dice.sample(GIVEN["findings"], k=min(3, len(GIVEN["findings"])))
    return packed(spoilt({"worker": WORKER, "findings": findings}, dice), dice)


def heartbeat(dice):
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    counters = {"events": 3, "findings": 1, "dead_letters": 0, "errors": 0}
    beat = {"worker": WORKER, "sent_at": now, "patterns": "abc", "counters": counters}
    return packed(spoilt(beat, dice), dice)


def form(fields):
    text = {k: v if isinstance(v, str) else json.dumps(v) for k, v in fields.items()}
    return urllib.parse.urlencode(text).encode("utf-8", "replace")


def interaction(dice):
    finding = dice.choice(GIVEN["findings"])["id"]
    sender = {
        "user": {"id": "U0123456789", "team_id": "T0123456789"},
        "team": {"id": "T0123456789"},
        "trigger_id": "123.456",
        "response_url": f"http://127.0.0.1:{GIVEN['slack']}/answer",
    }
    action = f"dial_{dice.choice(ACTIONS)}"
    value = f"{finding}.{dice.choice([0, 1, 99])}"
    click = {"type": "button", "action_id": action, "value": dice.choice([value, finding])}
    menu = {"type": "static_select", "action_id": action, "selected_option": {"value": f"{value}.4"}}
    state = {
        "breadth": {"breadth": {"selected_option": {"value": "resource"}}},
        "days": {"days": {"selected_option": {"value": "7"}}},
        "reason": {"reason": {"value": "known"}},
    }
    clicked = {"type": "block_actions", "actions": [dice.choice([click, menu])]}
    view = {"id": "V1", "callback_id": "dial_false_positive", "private_metadata": value}
    judged = {"type": "view_submission", "view": view | {"state": {"values": state}}}
    payload = spoilt(sender | dice.choice([clicked, judged]), dice)
    return form(spoilt({"payload": payload}, dice) if dice.random() < 0.1 else {"payload": payload})


def command(dice):
    text = dice.choice(COMMANDS).replace("$ID", dice.choice(GIVEN["findings"])["id"])
    fields = {
        "command": "/dial", "text": text, "user_id": "U0123456789", "team_id": "T0123456789",
        "channel_id": "C0123456789", "trigger_id": "123.456",
        "response_url": f"http://127.0.0.1:{GIVEN['slack']}/answer",
    }  # fmt: skip
    return form(spoilt(fields, dice))


MAKERS = {
    ("POST", "/v1/findings"): (batch, signed_by_worker),
    ("POST", "/v1/heartbeats"): (heartbeat, signed_by_worker),
    ("POST", "/slack/interactions"): (interaction, signed_by_slack),
    ("POST", "/slack/commands"): (command, signed_by_slack),
}


SILENCE = {
    "matchers": ["rule=s3_bucket_policy_public", f"account={ACCOUNT}"], "owner": "soc",
    "reason": "planned work", "ahead": True,
}  # fmt: skip


def lead_on(case, dice):
    """Most of what is allowed anyway becomes what finds and makes something."""
    if case.meta is None or case.meta.generation.mode.is_negative or dice.random() < 0.2:
        return
    match (case.method.upper(), case.operation.path):
        case ("GET", "/v1/findings" | "/v1/silences" | "/v1/deliveries"):
            case.query = {"limit": 50} if case.operation.path == "/v1/findings" else {}
        case ("POST", "/v1/silences"):
            ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3_600))
            case.body = SILENCE | {"ends_at": ends}


@schemathesis.hook
def before_call(context, case, kwargs):
    # The same case makes the same body, so that a failure comes again.
    dice = random.Random(repr((case.body, case.query, case.operation.path)))
    make, sign = MAKERS.get((case.method.upper(), case.operation.path), (None, None))
    if make is None:
        return lead_on(case, dice)
    body = make(dice)
    case.headers = case.headers or {}
    case.headers.clear()
    case.headers.update(sign(body, dice))
    kwargs["data"] = body
