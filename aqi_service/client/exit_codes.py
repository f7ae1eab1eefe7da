"""How the command ends, by the server's answer."""

EXIT_CODES = {"found": 0, "not_found": 1, "bad_request": 2, "unavailable": 3, "busy": 3}
"""Exit code by kind of reply; of several replies the highest counts."""
