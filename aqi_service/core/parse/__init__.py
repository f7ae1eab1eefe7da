"""Turns a document's bytes into items and rejections, from the bytes alone.

Begin with `document.py`; it drives `splitter.py` (records) and `measurements.py` (items). Daily files go
through `day_csv.py` first, which makes such a document from them.
"""
