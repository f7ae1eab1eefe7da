"""A DynamoDB and an S3 that answer at once and count what they get, in a process of their own."""
