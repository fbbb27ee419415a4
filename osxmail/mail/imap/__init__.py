"""
IMAP on the wire: out of octets, values; out of values, octets.

C{reader} takes a command apart, C{grammar} (with C{searchgrammar}, C{resultoptions} and C{fetchattributes}) makes a
value of C{command} of it, and C{response} writes what a server says.
"""
