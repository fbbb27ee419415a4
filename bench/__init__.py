"""
The measuring programs: C{python -m bench} measures osxmail on this machine, or any other server by host and port.

Each measure speaks the protocols from outside, as clients do, and knows nothing of the server.  Quote medians and
ratios to a peer measured in the same sitting; the machine is printed with the numbers.
"""
