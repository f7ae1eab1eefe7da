"""What both paths need of snapshots: where they are read, how they are recorded, which are unfinished."""
