"""The framed TCP server; it is handed the function that answers."""
