"""The API's description (OpenAPI 3.1), written by hand beside this file."""

import hashlib
from importlib.resources import files

import orjson

from aqi_service.web.bodies import Body

NAME = "openapi.json"


def description() -> Body:
    """Read the description, without the white space for people."""
    text = (files("aqi_service.web") / NAME).read_bytes()
    document = orjson.dumps(orjson.loads(text), option=orjson.OPT_APPEND_NEWLINE)
    return Body((document,), f'W/"{hashlib.sha256(document).hexdigest()[:32]}"')
