"""
IMAP on the wire: out of octets, values; out of values, octets.

C{reader} takes a command apart, C{grammar} (with C{searchgrammar}, C{sortgrammar}, C{watchgrammar}, C{resultoptions},
C{fetchattributes}, C{listgrammar} and C{accessgrammar}) makes a value of C{command}, C{searchcommand} or
C{accesscommand} of it, and C{response} writes what a server says.
C{appendgrammar} reads what stands between the literals of commands that carry messages; C{url} reads IMAP URLs,
and C{urlauthgrammar} the commands about them.
"""
