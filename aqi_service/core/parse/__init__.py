"""A document's bytes into items and rejections, decided from the bytes alone.

Begin with `document.py`; it drives `splitter.py` (records) and `measurements.py` (items). Daily files pass
`day_csv.py` first, which makes such a document of them.
"""
