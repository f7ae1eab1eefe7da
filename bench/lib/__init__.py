"""What the figures share: feeds, stand-ins, peers, generators of lookups, and the table."""
