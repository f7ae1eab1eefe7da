"""THE WRITE PATH: one snapshot, from a source's chunks to its report. Begin with `load.py`."""
