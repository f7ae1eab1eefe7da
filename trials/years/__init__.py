"""A year of daily archives, loaded by shards that are killed, exported, and asked one question.

One rule: a seed decides which files there are and who is killed when; the table, the export and the answer
are held against a reading of the same files that shares no code with the program.

    plan.py       a seed into sensors, days, and behind which report which shard is killed. Pure.
    archive.py    the files of the year: folders, tars and zips, odd ones among them; and one snapshot
    oddities.py   what is odd about some of them. Pure.
    reference.py  the same files read by the csv module and fractions
    shards.py     workers on one folder and one export, killed and started again; then all of it once more
    questions.py  the question of docs/data.md, asked of DuckDB, of SQLite and of the reference
    checks.py     the table, the export and the answers held against each other. Pure.
    objects.py    one day of 20,000 files out of S3, and how much memory that takes

The daily files say no country; that of a sensor is what the feed's snapshot says.
"""
