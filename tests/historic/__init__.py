"""
A store of every schema version, kept as it was made, and the test that upgrades each of them.

When a schema has been released its C{.sql} file is never changed again; a new version comes with a new store here, made
by C{python -m tests.historic.make}.
"""
