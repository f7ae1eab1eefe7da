"""Requests that the description of the API allows, and some that it does not, from schemathesis.

    the bundled capture --> the HTTP port --openapi.json--> schemathesis --requests--> the port

One rule: what openapi.json says is what is answered. What JSON Schema cannot say of two parameters together
is kept by `rules.py`, and nothing else is: the rest of what it finds is wrong in the one or the other.
"""
