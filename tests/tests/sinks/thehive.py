"""Holds requests to TheHive against thehive4py, its makers' client; prints what differs.

One JSON object a line: {"step", "method", "target", "headers", "body"}. A body must fit the typed
input of the client, and the client, asked to do the same, must send the same request.
"""

import json
import sys
from typing import Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qs, urlsplit

from requests import Response
from requests.adapters import BaseAdapter
from thehive4py import TheHiveApi
from thehive4py.query.filters import Eq
from thehive4py.query.page import Paginate
from thehive4py.types.alert import InputAlert, InputUpdateAlert

KEY = "tok-c2VjcmV0"
ORGANISATION = "SOC"
TYPES = {"create": InputAlert, "change": InputUpdateAlert}


def misfits(value, hint, place=""):
    """Where a value is not what the type says."""
    origin = get_origin(hint)
    if origin is None and isinstance(hint, type) and hasattr(hint, "__required_keys__"):
        if not isinstance(value, dict):
            yield f"{place} is no object"
            return
        hints = get_type_hints(hint)
        missing = hint.__required_keys__ - value.keys()
        yield from (f"{place}/{key} is missing" for key in missing)
        for key, part in value.items():
            if key not in hints:
                yield f"{place}/{key} is not known"
            else:
                yield from misfits(part, hints[key], f"{place}/{key}")
    elif origin is list:
        if not isinstance(value, list):
            yield f"{place} is no list"
            return
        for number, part in enumerate(value):
            yield from misfits(part, get_args(hint)[0], f"{place}/{number}")
    elif origin is Union:
        if all(any(misfits(value, one)) for one in get_args(hint)):
            yield f"{place} is none of {hint}"
    elif hint is not Any and type(value) is not hint:
        yield f"{place} is {type(value).__name__}, not {hint.__name__}"


class Recorder(BaseAdapter):
    """Answers an empty object to everything, and keeps the last request."""

    def send(self, request, **_):
        self.request = request
        answer = Response()
        answer.status_code, answer._content, answer.request = 200, b"{}", request
        return answer

    def close(self):
        pass


def the_same(step, target, body):
    """The client's own request for the same purpose."""
    api = TheHiveApi(url="https://hive.example.org", apikey=KEY, organisation=ORGANISATION)
    recorder = Recorder()
    api.session.mount("https://", recorder)
    if step == "create":
        api.alert.create(alert=body)
    elif step == "change":
        api.alert.update(alert_id=target.rsplit("/", 1)[1], fields=body)
    elif step == "query":
        wanted = [part["_eq"]["_value"] for part in body["query"][1]["_and"]]
        kind, source, reference = (Eq(*pair) for pair in zip(("type", "source", "sourceRef"), wanted))
        api.alert.find(filters=kind & source & reference, paginate=Paginate(0, 1))
    else:
        api.user.get_current()
    return recorder.request


def plain(body):
    """Without what stands for its absence."""
    if isinstance(body, dict):
        return {k: plain(v) for k, v in body.items() if (k, v) != ("extraData", [])}
    return [plain(part) for part in body] if isinstance(body, list) else body


def differences(line):
    step, body, target = line["step"], line["body"], line["target"]
    yield from misfits(body, TYPES.get(step, Any))
    theirs = the_same(step, target, body)
    ours, other = urlsplit(target), urlsplit(theirs.url)
    if (line["method"], ours.path) != (theirs.method, other.path):
        yield f"{line['method']} {ours.path} is {theirs.method} {other.path} there"
    # The name of a query is for the server's log.
    if parse_qs(ours.query).keys() != parse_qs(other.query).keys():
        yield f"?{ours.query} is ?{other.query} there"
    if body is not None and plain(json.loads(theirs.body)) != body:
        yield f"{body} is {theirs.body} there"
    for name in ("authorization", "x-organisation"):
        if line["headers"].get(name) != theirs.headers.get(name):
            yield f"{name} is {theirs.headers.get(name)} there"
    if body is not None and not line["headers"].get("content-type", "").startswith("application/json"):
        yield "content-type is not JSON"


for number, line in enumerate(sys.stdin, 1):
    line = json.loads(line)
    for wrong in differences(line):
        print(f"{number}: {line['step']}: {wrong[:400]}")
