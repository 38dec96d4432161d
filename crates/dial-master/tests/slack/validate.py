"""Reads messages and dialogs (JSON Lines) with Slack's own models; prints what they refuse or lose."""

import json
import logging
import sys
import warnings

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")


def lost(before, after, path=""):
    """Parts that a model did not know and so dropped."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            # Absent means false.
            if key not in after and value is not False:
                yield f"{path}/{key} is not known"
            elif key in after:
                yield from lost(value, after[key], f"{path}/{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, pair in enumerate(zip(before, after)):
            yield from lost(*pair, f"{path}/{index}")
    elif before != after:
        yield f"{path} became {after!r}"


def problems(body):
    if body.get("type") == "modal":
        yield from lost(body, View(**body).to_dict())
        return
    for index, block in enumerate(body["blocks"]):
        parsed = Block.parse(block)
        if parsed is None:
            yield f"/blocks/{index} is no block"
            continue
        yield from lost(block, parsed.to_dict(), f"/blocks/{index}")


for number, line in enumerate(sys.stdin, 1):
    try:
        for problem in problems(json.loads(line)):
            print(f"{number}: {problem}")
    except Exception as error:  # noqa: BLE001 - the models raise several kinds
        print(f"{number}: {type(error).__name__}: {error}")
