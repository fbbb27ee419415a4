"""
The delivery room: takes responsibility for mail, says where it goes, and carries it out.

It has two halves.  One decides: C{router} (where an address leads), C{relayrules} (who may send where; pure),
C{reception} (MAIL, RCPT and the end of DATA, for every protocol), C{copies} (what a message turns into),
C{traceheaders} (what is put before it), C{quotas} (is there room), C{faults} (failures as decisions) and C{explain}
(the same decisions for people).

The other takes mail out of the queue: C{scheduler} (leases, lines, reports), C{outcomes} (gone, later, or back; pure),
C{local} (into a mailbox of ours), C{bounces} (notices to senders); and to other servers C{remote} (one attempt),
C{nexthops} (where to connect), C{connections} (made, and kept for a moment), C{smtpclient} (what is said) on
C{replyconnection} and C{replyreader} (octets and replies), and C{commands} (the commands of a transaction; pure).

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
