"""Starts moto, which knows no conditions: it would read a denial of plain HTTP as a denial of all."""

import sys

from moto.iam.access_control import PermissionResult
from moto.s3 import models
from moto.server import main

models.FakeBucket.get_permission = lambda *_: PermissionResult.NEUTRAL
main(sys.argv[1:])
