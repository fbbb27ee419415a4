"""
What mail means: values and grammars.

This room is pure: no Twisted, no input or output, no clock, no randomness (a test holds that).  Everything
here either returns a value or raises L{osxmail.errors.ParseError}; nothing else may come out of a grammar,
whatever octets go in, and each takes time and memory in proportion to its input (limits are stated constants).

C{bytes} is what stands on the wire or in a message; C{str} is an address, a mailbox name, a flag.

Where to find what:
 - Values that rooms hand each other: C{address}, C{envelope}, C{decision}, C{verdict}, C{record}, C{acceptance},
   C{flags}.
 - A message and its parts: C{mime} (one walk gives ENVELOPE, BODY, BODYSTRUCTURE and where each section is),
   C{mimestructure} (what is kept of it), C{header}, C{headerdate}, C{addresslist}, C{mediatype}, C{imapenvelope},
   C{subject}; as text, for searching: C{text}, C{htmltext}, C{encodedword}, C{charset}, C{preview}; its bodies in
   pieces: C{transferencoding}; its header for who takes ASCII only: C{surrogate}.
 - SMTP on the wire: C{smtpcommand}, C{smtpdata} (dot transparency, both ways, POP3's too), C{smtpreply}, C{dsn}.
 - IMAP: C{searchkeys}, C{sortcriteria}, C{ordering}, C{threading}, C{objectid}, C{sequenceset}, C{mailboxname},
   C{folknames}, C{rights}, C{searchtext}, C{indexentry}; on the wire, the package C{imap}.
 - What people and directories write: C{quantities}, C{appleattribute}.

Mail is read with tolerance and written strictly: a message always has a structure, an address list always has
entries, text is always decoded, and what we write is ASCII (or UTF-8 where SMTPUTF8 was agreed on) without control
characters, so that nothing that was read can make a field, a line or a reply of its own.
"""
