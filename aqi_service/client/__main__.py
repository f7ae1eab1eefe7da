"""`python -m aqi_service.client`."""

import sys

from aqi_service.client import command

sys.exit(command())
