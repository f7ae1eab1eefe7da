"""The framed TCP server; its caller gives it the function that answers."""
