"""
IMAP (RFC 3501, RFC 9051 and the extensions that C{entering} announces).

C{session} C{reading} C{commands}
    A session; how a command comes in, literals and all; which may come when, and what carries it out.

C{entering} C{mailboxes} C{fetch} C{messages} C{changes}
    What carries commands out: login and what needs no mailbox; mailboxes as wholes; FETCH; STORE,
    COPY, MOVE and EXPUNGE; what others have done, and IDLE.

C{appending} C{catenating} C{urlauth}
    Messages that come in: APPEND, with CATENATE, and REPLACE; octets that are here already, named by URLs; URLs that
    allow others to have them.

C{searching} C{snapshotsearch} C{sorting} C{multisearch} C{filters} C{results} C{contexts} C{progress} C{watching}
    SEARCH; what memory answers of it; SORT and THREAD; ESEARCH, and which mailboxes it means; how results are written,
    and kept up to date; how far a long command is; NOTIFY.

C{fetchanswers} C{readahead} C{sections} C{derived}
    The answers of a FETCH; messages that are read before it is their turn; BODY[…] and BINARY[…] in answers; sections
    that are made while the message is read.

C{listing} C{statusitems} C{access} C{quota} C{metadata}
    LIST, LSUB and STATUS; access lists; quotas; annotations.

C{namespaces} C{memberships}
    Whose mailbox a name means, and what the session may do with it; which groups of the directory count there.

C{dialect} C{speaking} C{selecting} C{resync}
    How a session speaks: ENABLE and what follows, LANGUAGE; SELECT and CLOSE; what has happened since a client was
    here last.

C{selected} C{lines}
    What a session knows of its mailbox: sequence numbers go no lower; FETCH responses out of the snapshot.

A command is a function that takes the session and the command's value (L{osxmail.mail.imap.command}), writes untagged
responses and returns what follows the tag.  One that carries messages takes them out of
L{Arguments<osxmail.protocols.imap.reading.Arguments>} itself, as they come.  What either raises,
L{osxmail.protocols.replies} turns into a NO.
"""
