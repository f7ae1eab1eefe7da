"""`make bench`: every figure beside a named peer, taken in turns in one run."""
