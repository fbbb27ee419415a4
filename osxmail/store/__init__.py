"""
The store: what is kept.  Accounts, mailboxes, messages, the queue, settings, traces.

The one durable act is L{osxmail.store.store.Store.accept}: copies, queue rows and trace in one transaction, answered
after its fsync.  The parts meet inside that transaction, and only there:

 - C{connection}, C{writer}, C{reader}, C{database}: one writer thread with group commit; reader threads; C{migrate}
   and C{schema/}: the tables, and upgrades with a backup before them.
 - C{incoming}, C{spool}, C{segments}, C{octets}: a message on its way in, and its octets, in rows or in segments;
   C{collection}: what nobody names any more goes.
 - C{accepting}: what comes in, by mail or by APPEND; C{placing} gives UIDs, MODSEQs and room to all the messages of a
   batch; C{queuerows} and C{trace} write their part of it.
 - C{account}, C{accountrows}, C{mailbox}, C{statuses}, C{quota}: what there is; C{access}: who may see it;
   C{annotations}: what is noted on it; C{urlkeys}: who may name it; C{flagging}, C{copying}, C{expunging}:
   what is done to it; C{changes}: what has changed since.
 - C{maildroprows}: what POP3 alone wants to know.
 - C{snapshot}, C{shelf}: selected mailboxes in memory; C{watchers}: who hears of changes in others.
    C{message}: messages to read; C{renderings}: what is
   ready-made of them; C{previews}: what is made of them when somebody asks for it.
 - C{search}: SEARCH; C{searchplan} makes SQL and tests of what is looked for, C{searchtests} the tests,
   C{searchslices} reads the messages that are looked through.  C{sorting}: SORT and THREAD; C{relevancy}: scores.
 - C{index}: what makes that fast, a file for each account (C{indexfile}), with columns (C{indexblocks}) and texts
   (C{indextexts}); C{indexsearch} asks it; C{indexing} has it filled in the background, by C{indexfilling} and
   C{indexwriter}.
 - C{queuetable}: the relay queue.  C{domains}, C{localaccounts}, C{settingrows}: what administrators keep.
 - C{store}: composes them, and is the L{osxmail.interfaces.IMailStore}.

Few statements.  Each step of a statement gives the GIL away, and getting it back from a busy reactor costs a switch
interval (1 ms; Python's 5 ms before we changed it), where the step takes 1 µs.  So what comes often is written for a
whole batch at once (C{Database.writeTogether}, C{Transaction.insertRows}), and what is long is read in one row:
C{group_concat} and arrays, not a step a message.

How a snapshot stays right.  Every transaction that changes a mailbox takes the next MODSEQ.  What this process commits
is offered to the snapshot, which takes it over where exactly that MODSEQ is missing (no other change can lie between)
and reads the log from its own MODSEQ on in every other case.  So it does not matter who made a change; only whether
anybody says that there is one (C{Store.mailboxesChanged}; and a snapshot that is asked for anew looks itself).

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
