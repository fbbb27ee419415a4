"""
Programs talk in: SMTP, submission, LMTP, IMAP and POP3.

C{base.py} is the one gate for all of them: bounded buffers, commands one at a time and in order, STARTTLS that
forgets what came before, back-pressure both ways, time-outs.  A protocol is a small class on it, with its grammar in
C{osxmail.mail}.  This room knows contracts (reception, accounts, mailboxes) and the portal of twisted.cred; it knows
neither directories nor tables, and decides nothing about mail.

C{base} C{entrance} C{output} C{sessions} C{compression}
    The gate; what a listener gives to all its sessions; the way out; who is connected, and the end of it; a gate that
    compresses.

C{sasl} C{realm} C{guessing} C{networks}
    Logging in, the same for all: whether a password may pass, mechanisms, what a wrong one costs; what somebody who has
    logged in gets: an account (IMAP), a maildrop (POP3), leave to send (SMTP); and what keeps guessers from everybody
    else's way.

C{replies}
    The one table from the classes of L{osxmail.errors} to what a peer is told.

C{verbs}
    What SMTP and POP3 have in common: a line is a command, errors are counted, a login is given back.

C{smtpsession} C{smtp} C{smtpcontent} C{submission} C{lmtp}
    An SMTP session apart from its transactions; transactions; content on its way into the store; and how the two
    relatives differ.  Every decision is the reception's.

C{popsession} C{pop3} C{maildrop}
    A POP3 session apart from its maildrop; the maildrop's commands; and the INBOX as it was at the login.

C{languages}
    What we say to people, in five languages: for POP3's LANG and IMAP's LANGUAGE.

C{imap}
    IMAP, a package with a manual of its own.

Invariants:

  - Content is never taken for commands: whatever goes wrong within it, also with us, it is read to its end, or the
    connection ends.
  - A positive answer to content is given when the reception says that it is on disk, and no sooner.
  - What we send is bounded by what the peer takes: who writes much waits for L{Gate.drain}, and so does whoever answers
    commands in a row.
  - A fault of ours is answered with an id that the log has (L{osxmail.protocols.replies.fault}), and the session goes
    on.
"""
