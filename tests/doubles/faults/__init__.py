"""Faults on purpose: an AWS that is as strict as AWS and fails by rule, and a network that fails by rule.

One rule: what fails is decided by pure code from rules and a seed, so that a failure can be replayed; sockets
only carry it out.

    async with Shim(moto.endpoint, [Rule("BatchWriteItem", LEAVE_MOST, times=3)], seed=7) as shim:
        async with through(shim) as world:                  # the program's own clients; or AWS_ENDPOINT_URL
            await world.store.put(items, conditional=False)
            assert world.journal.applied("BatchWriteItem") == 4

    with in_thread(Shim(moto.endpoint, [Rule("UploadPart", RESET_AFTER, chance=0.2)])) as shim:
        subprocess.run([...], env=moto.environment | {"AWS_ENDPOINT_URL": shim.it.endpoint})

    async with TcpProxy("127.0.0.1", port) as proxy:        # in front of anything that speaks TCP
        dose = proxy.add(Bandwidth(1000), Way.UP)

In reading order:

    rules.py      Rule and RuleBook: which calls an effect falls on. Pure.
    effects.py    what a rule can do: refuse, drop, delay, cut, leave unprocessed, hollow 200, throttle. Pure.
    calls.py      a request's operation and resource, by tables. Pure.
    answers.py    AWS's error codes, and how either service writes an error. Pure.
    aws_rules.py  DynamoDB as it is: limits, numbers, repeated keys, sizes. Pure.
    batches.py    a batch in the half that is done and the half that is left. Pure.
    checksums.py  the checksums of an S3 body, aws-chunked with trailers too. Pure.
    s3_rules.py   S3's multipart uploads as they are; `Aws` holds what may differ. Pure.
    journal.py    what went through: one record a request, with what was applied and what was answered.
    upstream.py   the way on to the emulator.
    work.py       a request under an effect: the checks, the emulator's work, the answer.
    shim.py       Shim: the HTTP server.
    clients.py    the program's clients behind a shim, with a bucket and a table of a test's own.
    toxics.py     the toxics of toxiproxy, as steps. Pure.
    proxy.py      TcpProxy: the TCP proxy that takes them.
    ends.py       both ends of connections through it, for tests.
    clock.py      a clock that a test moves, and an event loop that waits for no timer.

As AWS, and not as moto:

    DynamoDB  1 to 25 writes or 100 reads in a batch, a key once; numbers of at most 38 digits from 1E-130 to
              9.99E125, canonical in answers; keys of 1 to 2,048 bytes (sort keys 1,024), items of 400 KB;
              attributes of the type that an index has them as.
    S3        every checksum verified (x-amz-checksum-*, Content-MD5, x-amz-content-sha256, trailers and
              lengths of aws-chunked bodies); parts of 5 MiB but the last; a part's checksum at UploadPart and
              again at Complete, if the upload was begun with an algorithm; real times in the list of uploads;
              a Complete that ends in 409 or 412 ends its upload (see `Aws`); keys of 1,024 bytes.

Not modelled: signatures, transactions, PartiQL, the 16 MB limits of requests and answers, virtual hosts.
"""
