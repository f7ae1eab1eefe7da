"""The fault matrix: every fault of feed, S3 and DynamoDB on every call that it can fall on, each as one cell.

    cells.py         what a cell is, and the documents that cells load
    ground.py        what a cell runs on: bucket and table behind the shim, a feed, a server for lookups
    proof.py         what is true while a fault lasts, and after it
    s3_cells.py, table_cells.py, feed_cells.py    the tables of cells

One rule: a cell only says what fails and how the load ends; what must be true of all of them is in proof.py.
"""
