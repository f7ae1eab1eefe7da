"""The page in a real browser, on a real service with the bundled capture."""
