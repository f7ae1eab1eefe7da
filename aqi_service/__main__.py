"""`python -m aqi_service`."""

import sys

from aqi_service.cli import main

sys.exit(main())
