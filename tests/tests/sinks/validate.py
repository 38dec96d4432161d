"""Holds requests against Amazon's own models; prints what is wrong.

One JSON object a line: {"service", "operation", "parameters"}.
"""

import json
import sys

import botocore.session
from botocore.validate import ParamValidator

session = botocore.session.get_session()
models = {}


def shape(service, operation):
    if service not in models:
        models[service] = session.get_service_model(service)
    return models[service].operation_model(operation).input_shape


for number, line in enumerate(sys.stdin, 1):
    request = json.loads(line)
    wrong = ParamValidator().validate(
        request["parameters"], shape(request["service"], request["operation"])
    )
    if wrong.has_errors():
        print(f"{number}: {request['operation']}: {wrong.generate_report()[:400]}")
