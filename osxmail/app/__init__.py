"""
The house: configuration, settings, the service tree, the command's other end, the log.

This is the only room that names concrete classes of the others and wires them together.  It decides nothing
about mail.
"""
