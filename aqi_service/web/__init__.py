"""The HTTP port; it is handed the functions that answer."""
