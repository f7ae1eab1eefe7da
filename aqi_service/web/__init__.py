"""The HTTP port; its caller gives it the functions that answer."""
