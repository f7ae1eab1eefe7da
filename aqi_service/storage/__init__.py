"""Where things are kept: `ports.py` says what each store promises; the folders keep these promises."""
