"""The ports on one machine: snapshots as files, items in SQLite, the lease as a file lock."""
