"""Schemathesis loads this file by the name in SCHEMATHESIS_HOOKS: `rules.py`, for what should be answered.

One rule: requests that should be refused are left as they are.
"""

import importlib
from typing import Any

from trials.api.rules import kept, known, series

schemathesis: Any = importlib.import_module("schemathesis")  # it is not there where only the service is


def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Let a request that should be answered keep the rules."""
    if case.meta.generation.mode.is_positive:
        case.query = case.query and kept(case.query)
        if case.operation.path.endswith("/metrics"):
            case.query = series(case.query)
        case.path_parameters = case.path_parameters and known(case.path_parameters)


schemathesis.hook(before_call)
