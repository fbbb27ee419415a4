"""
The net room: how the house reaches the world and its own threads, before anybody speaks a mail protocol.

It is for names (L{osxmail.net.dns}, and L{osxmail.net.dnswire} below it), encryption (L{osxmail.net.tls}), blocking
work (L{osxmail.net.threads}), and our own addresses (L{osxmail.net.addresses}).  It knows nothing of mail: no mail
addresses, no accounts, no replies.

What holds here:
  - Everything is bounded: threads and what waits for them, cached answers, questions in flight.
  - "No such name" (L{osxmail.errors.NoSuchDomain}), "no such records" (an empty answer) and "cannot say"
    (L{osxmail.errors.ResolverAway}) are three different things, whatever a name server sends.
  - A certificate that cannot be loaded never replaces one that works.
  - No TLS context is made for one connection: contexts are shared, and give their buffers back when idle.
  - What blocks runs in a named L{osxmail.net.threads.Pool}; a pool that is full says so at once
    (L{osxmail.errors.Overloaded}) and does not let work pile up.
"""
