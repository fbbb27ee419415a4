"""
The measuring programs: C{python -m bench} measures osxmail on this machine, or any other server by host and port, alone
or beside a second one.

Each measure speaks the protocols from outside, as clients do, and knows nothing of the server.  Quote medians and
ratios to a peer measured in the same sitting; the machine is printed with the numbers.

C{clients} and C{loads} talk, C{corpus} makes the mail, C{daemon} and C{dovecot} start servers, C{processes} sees what
they cost; C{mailboxes}, C{sessions}, C{queueing} and C{million} measure, C{results} makes tables of it.
"""
