"""
The directory room: who lives here, and is it them?

It answers the four questions of L{osxmail.interfaces.IDirectory} and is a credentials checker for C{twisted.cred}.  It
knows nothing of protocols, routes or mailboxes: a L{osxmail.mail.record.Record} says what is known of a person, and
others draw the conclusions (a mail host that is another server, a forward, POP denied).  Nor does it know which hosts
are this server.

    LocalDirectory     our own accounts (L{osxmail.directory.local}), argon2 in threads (L{osxmail.directory.passwords})
    LDAPDirectory      an LDAP server (L{osxmail.directory.ldap})
    CachedDirectory    another one with a short memory (L{osxmail.directory.cache}): put around each LDAPDirectory
    AggregateDirectory several in an order (L{osxmail.directory.aggregate})
    DirectoryChecker   the checker over all of it (L{osxmail.directory.checkers})

How the LDAP part is cut: L{osxmail.directory.ldapconfiguration} says how to reach it, L{osxmail.directory.ldapfilter}
writes filters, L{osxmail.directory.schemas} gives entries their meaning and never waits,
L{osxmail.directory.ldapconnections} is the only module that blocks, over L{osxmail.directory.ldapsocket}, which takes
only so much of an answer; L{osxmail.directory.ldapgroups} expands groups, L{osxmail.directory.backoff} knows when to
leave a server alone.  L{osxmail.directory.decoy}: what a directory does when nobody has the login.

What holds here:
  - "Nobody" is C{None}; "cannot say" is L{osxmail.errors.DirectoryAway}.  Nothing that a server fails to do, and no
    entry that is broken or ambiguous, ever makes "nobody" of somebody, nor sends mail to a guess.
  - A question has its answer, or is given up, within C{timeoutSeconds}, whatever the server does.  Threads,
    connections, what waits for them, what is remembered: all bounded.
  - An empty password is refused before anything is sent: to LDAP it is an anonymous bind, which succeeds
    (RFC 4513 5.1.2).
  - A password is in no event, no representation, no memory of an answer; it goes only to the servers that the
    configuration names.  Referrals are not followed.
  - No value from outside is part of a filter or a DN but as a value; what a server finds by comparing loosely is
    compared again.
  - A login that nobody has takes as long as a wrong password.
  - Pools run between C{start()} and C{stop()} of L{LDAPDirectory<osxmail.directory.ldap.LDAPDirectory>} and
    L{Passwords<osxmail.directory.passwords.Passwords>}.
"""
