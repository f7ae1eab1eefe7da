"""Sensor.Community's 24-hour means: streamed into an archive, scored on an air-quality index, and served.

    write:  source --bytes--> load --+--bytes--> archive (S3 | files)
                                     +--core.parse--> items --table_writer--> store (DynamoDB | SQLite)
    read:   client --frame--> server --> lookup --> memory | batcher --> store --> frame back

Two ways through: `load/load.py` is the write path, `lookup/lookup.py` the read path. Begin with these two.

    errors.py     every error, as one tree
    core/         decisions, from arguments alone: no clock, file, socket or log
    storage/      where things are kept: ports.py says what each promises; aws/ and local/ keep it
    snapshots/    what a snapshot is to both ways: read, recorded, chosen, unfinished
    load/         the write path
    lookup/       the read path
    server/       framed TCP;   web/  HTTP;   client/  the other end, standard library alone
    app/          what an operator runs: daemon, --load-only, options, metrics, logs
    cli.py        the command line, read and run

Imports go one way: errors < core < shutdown, certificates < storage | server | client | web < snapshots
< load | lookup < app < cli < __main__ | demo.
"""

__version__ = "1.0.0"

__released__ = "2026-11-29"
"""The day (UTC) before which no copy of this version ran: a clock that says an earlier one was never set."""
