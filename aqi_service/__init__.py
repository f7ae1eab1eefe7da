"""Sensor.Community's 24-hour means: streamed into an archive, scored on an air-quality index, and served.

    write:  feed --bytes--> load --+--bytes--> archive (S3 | files)
                                   +--> intake --items--> delivery --> store (DynamoDB | SQLite)
    read:   client --frame--> connection --> server --> lookup --+-> latest (in memory) ------> frame back
                                                                 +-> misses --> store -> render -> frame back
    state:  load returns a LoadReport --> daemon --> status <-- web

The files, in the order in which to read them:

    load.py           THE WRITE PATH: one load, from a source's chunks to a LoadReport   (plan.py: how)
    lookup.py         THE READ PATH: the payload of a request in, the payload of its reply out
    errors.py         every error, as one tree
    core/             decisions without I/O
      items.py          what is stored of a record; which of two is newer
      records.py        a snapshot's bytes, as they arrive, into records   (scanner.py, decoding.py)
      measurements.py   records into items or rejections                   (fields.py: one record's fields)
      scales.py         the indices as data, and the one function that reads them
      decimals.py       numbers as decimal text
      times.py          timestamps;   names.py   names in the archive;   places.py   s3:// places
      clocks.py         whether the wall clock can be right, and what ages count from
      standing.py       which snapshot `latest.json` names
      gunzip.py         gzip, known by its first bytes
      index.py          the latest snapshot in memory, by record id;   notes.py   what it cannot vouch for
      idset.py          many ids in a few bits
      report.py         the counts of one load, and their sum's check;   rejects.py   the list of rejects
      fates.py          what became of each item, counted
      schedule.py       when to do something next;   selection.py   which of several snapshots
      render.py         an item as CSV;   csvtext.py   what a CSV cell may hold
      showing.py        what may be seen of a foreign text: one line, no secret
      sparing.py        which of many like lines a log gets
      frames.py         the wire's frames
    latest.py         what lookups see in memory;   misses.py   lookups that go to the table together
    following.py      the newest finished snapshot, out of the archive into memory
    sources.py        the live feed, a URL, a file or stdin, an object;   feed.py   HTTP download
    choosing.py       what --from names, in the order of time
    intake.py         a document's bytes into numbered items, from its start or any mark
    delivery.py       a snapshot's items into the table: read, decide, write
    remainder.py      what the table did not take in time: again, out of the archive
    ledger.py         manifests, rejects, the newest finished snapshot;   tally.py   a load's report
    noting.py         a load's note there, before its first write;   cleanup.py   what is done after a load
    expiry.py         what has expired is deleted
    leasing.py        waits for the lease, keeps it renewed, gives it back
    storage/          the ports (__init__), and behind them
      s3.py, dynamodb.py   AWS   (aws.py: clients; aws_errors.py, attributes.py, retry.py, pace.py,
                           dynamodb_writes.py: what is written, and judged again;
                           rate.py: how much a table takes; bodies.py: batches as JSON;
                           provision.py: what --create makes)
      s3_upload.py, s3_objects.py   an upload; reading   (s3_lifecycle.py: the rule that --create adds)
                           (s3_bucket.py: one bucket's calls; finishing.py: what a cancelled task still ends)
      lease.py             a table's lease: one item   (holder.py: who holds it, and whether it is dead)
      local_*.py           files and SQLite   (local.py: what all share; local_lease.py: a file lock)
      dry.py               nothing at all
    server.py         the framed TCP server   (connection.py: one peer; connection_tls.py: its handshake;
                      server_replies.py: what came in one read, answered; tls.py: certificates;
                      listening.py: sockets)
    client*.py        the client, as library and command; standard library only
    web/              the HTTP port: health and metrics;   doors.py   how many, and how long
    daemon.py         load on a schedule, and serve   (loader.py: when);   once.py   --load-only
    rounds.py         what both do in a round of loading;   checking.py   before the first
    catchup.py        what earlier loads left unfinished
    opening.py        opens what a Config names;   stopping.py   signals
    status.py         metrics;   lag.py   how late the event loop is
    cli.py            the options, each declared once   (cli_types.py: their values)
    config.py         what they decided;   running.py   loop;   interrupt.py   Ctrl-C before and after it
    demo.py           `make demo`;   logs.py, progress.py   what a person sees
"""

__version__ = "0.1.0"

__released__ = "2026-11-23"
"""The day (UTC) before which no copy of this version ran: a clock that says an earlier one was never set."""
