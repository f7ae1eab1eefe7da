"""What the Makefile starts before there is an environment: the standard library alone."""
