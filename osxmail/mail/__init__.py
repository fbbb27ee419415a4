"""
What mail means: values and grammars.

This room is pure: no Twisted, no input or output, no clock, no randomness (a test holds that).  Everything
here either returns a value or raises L{osxmail.errors.ParseError}; nothing else may come out of a grammar,
whatever octets go in, and each takes time and memory in proportion to its input (limits are stated constants).

C{bytes} is what stands on the wire or in a message; C{str} is an address, a mailbox name, a flag.
"""
