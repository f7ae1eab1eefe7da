"""THE READ PATH: the payload of a request in, the payload of its reply out. Begin with `lookup.py`."""
