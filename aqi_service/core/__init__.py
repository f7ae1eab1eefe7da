"""Decisions without I/O: each module knows no asyncio, socket, AWS, clock, environment or log."""
