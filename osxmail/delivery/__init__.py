"""
The delivery room: takes responsibility for mail, says where it goes, and carries it out.

It has two halves.  The deciding half is here first: L{router} (where an address leads), L{relayrules} (who may send
where; pure), L{reception} (MAIL, RCPT and the end of DATA, for every protocol), L{traceheaders} (what is put before a
message), L{local} (out of the queue into a mailbox), L{bounces} (notices to senders) and L{explain} (the same
decisions for people).  The carrying half takes mail from the queue to other servers: L{scheduler} (leases, lines,
reports), L{outcomes} (gone, later, or back; pure), L{remote} (one attempt), L{nexthops} (where to connect),
L{connections} (made, and kept for a moment), L{smtpclient} (what is said) on L{replyconnection} and L{replyreader}
(octets and replies), and L{commands} (the commands of a transaction; pure).

What holds here:

  - A decision is a value with its steps.  The reply, the trace, the log and C{osxmail explain} render that same value;
    nobody decides a second time.
  - Nothing that cannot be said now is said for good: a directory or a store that is away is a 451.
  - The end of DATA is one C{IMailStore.accept}.  Its 250 is on disk; anything else has left nothing behind.
  - A recipient leaves the queue in the transaction that delivers it (local), or that queues its notice (bounces), or
    after a server has answered for it: never without, and in the first two never twice.
  - Whatever the settings say, this is no open relay.
  - Stored octets are never rewritten: header fields that we add are a prefix.

The room knows the store, the directory and DNS by their interfaces only, and no protocol that others speak to us.
"""
