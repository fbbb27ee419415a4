"""
The store: what is kept.  Accounts, mailboxes, messages, the queue, settings, traces.

The one durable act is L{osxmail.store.store.Store.accept}: copies, queue rows and trace in one transaction, answered
after its fsync.  The parts meet inside that transaction, and only there:

 - C{connection}, C{writer}, C{database}: one writer thread with group commit, reader threads.
 - C{incoming}, C{spool}: a message that arrives, in memory or in a file; C{octets}, C{segments}: its octets, in a row
   or in a record of a segment.  C{Octets.putAll_txn(txn, incomings) -> list of octets ids}.
 - C{queuetable}, with C{queuerows} and C{queueclaims}: C{enqueue_txn(txn, entries)}.
 - C{trace}: C{recordTrace_txn(txn, events)}.
 - C{collection}: what nobody names any more goes, in the background.
 - C{domains}, C{localaccounts}, C{settingrows}: what administrators keep.
 - C{migrate}, C{schema}: the tables, and how an older store gets them.
 - C{account}, C{mailbox} and its parts (appending, flags, copying, expunging), C{snapshot}, C{changes}, C{quota}.
 - C{store}: composes them, and is the L{osxmail.interfaces.IMailStore}.

Few statements.  Each step of a statement gives the GIL away, and getting it back from a busy reactor costs 1 to 5 ms
(measured), where the step takes 1 µs.  So what comes often is written for a whole batch at once
(C{Database.writeTogether}, C{Transaction.insertRows}: the three functions above are called once a batch, for all the
acceptances in it), and what is long is read in one row: C{group_concat} and arrays, not a step a message.

Invariants.
 - Only the writer's thread writes and checkpoints.  A function whose name ends in C{_txn} runs inside a transaction,
   one ending in C{_inThread} in some thread; everything else runs on the reactor and does not block.
 - Nothing is answered before it is on disk; a request that fails changes nothing.
 - Every change to a mailbox takes its next MODSEQ inside the transaction; UIDs, UIDVALIDITYs and ids of octets are
   never given twice.
 - A message's octets are never rewritten, and are there once, however many mailboxes and queue items name them.
 - The counts of a mailbox and of a quota are changed by the transaction that changes what they count.
 - Nothing in memory may be taken for true because this process wrote it: another process writes too.  What is
   remembered is checked against the database, or cannot change.

The store knows nothing of protocols, of rules, or of who lives here: an account is an identifier.
"""
