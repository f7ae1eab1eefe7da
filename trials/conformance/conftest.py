"""Collects nothing unless the servers are named: the suite runs without them."""

import os

collect_ignore_glob = [] if "CONFORMANCE_S3" in os.environ else ["test_*.py"]
