"""Tests against servers that are not moto: `make conformance` installs and starts them, and runs these.

One rule: what is tested is what the suite tests on moto; only the servers are others.
"""
