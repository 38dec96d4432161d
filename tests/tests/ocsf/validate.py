"""Checks JSON Lines on standard input against OCSF's Detection Finding; prints what is wrong."""

import json
import sys

import jsonschema
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

VERSION = "1.8.0"

schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=VERSION)).get_class_schema(
    class_name="detection_finding", profiles=["cloud"]
)
validator = jsonschema.Draft202012Validator(schema)
for number, line in enumerate(sys.stdin, 1):
    for error in validator.iter_errors(json.loads(line)):
        place = "/".join(str(step) for step in error.absolute_path)
        print(f"{number}: {place}: {error.message[:300]}")
