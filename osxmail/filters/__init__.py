"""
May it come in?  Filters look at what strangers bring, and say what they think of it: verdicts with their evidence.

C{base} C{pipeline}
    What all filters have in common; which of them are asked when, and what comes of their verdicts together.

C{access}
    Hosts, senders and recipients that an administrator refuses or trusts.

C{dnsbl} C{clienthost}
    Lists of bad addresses in DNS; the client's name, both ways, and what it says in EHLO.

C{spf} C{lookups}
    May the client send for this domain?  And our resolver for libraries that wait for it in threads.

Each filter is off, observing (its verdict stands in the trace and where somebody asks for an explanation, and nothing
is done) or on, by its setting.  A filter never changes a message, never fails (what it cannot say now is no verdict),
and is not asked about people who have logged in or hosts that may relay: they are no strangers.
"""
