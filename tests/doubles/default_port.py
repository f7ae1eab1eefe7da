"""The program with another default HTTP port: `python -m tests.doubles.default_port OPTIONS`.

The environment's DEFAULT_HTTP_PORT says which, so that a test of the default needs no port that others know.
"""

import os
import sys

from aqi_service.app import daemon
from aqi_service.cli import main

if __name__ == "__main__":
    vars(daemon).update(DEFAULT_HTTP_PORT=int(os.environ["DEFAULT_HTTP_PORT"]))
    sys.exit(main())
