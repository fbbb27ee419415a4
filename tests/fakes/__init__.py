"""
Stand-ins for rooms that a unit test does not want whole.  Each has a contract test.
"""
