"""What a snapshot is to both ways: where it is read from, how it is recorded, which are unfinished."""
