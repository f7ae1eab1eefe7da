"""Records that are halves of measurements, or look like them."""

from tests.doubles.documents import record

BME = {"id": 9, "sensordatavalues": [{"value_type": "temperature", "value": "3.1"}]}

P1, P2, BOTH, EMPTY = (record(5, "8"), record(5, None, "4"), record(5, "2", "1"), BME | {"id": 5})

OTHER = record(6, "3", "3")
