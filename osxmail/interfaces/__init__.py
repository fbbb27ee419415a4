"""
The contracts between the rooms.  What can wait returns a Deferred, always.

Failures are the classes of L{osxmail.errors} and no others.  "There is none" is C{None} or empty; "cannot say
now" is L{osxmail.errors.TemporaryError}.  No transaction leaves the store.

C{settings} C{directory}
    How the service behaves; who lives here, and what administrators keep.

C{messages} C{store} C{mailbox} C{queue}
    What is kept: messages on their way in and out, accounts, mailboxes, the queue.

C{delivery} C{net}
    Filters, routes, reception, deliveries; the resolver.

A room imports them from here, whichever module they stand in.
"""

from osxmail.interfaces.delivery import IDeliveryAgent, IFilter, IReception, IRouter
from osxmail.interfaces.directory import IDirectory, IDomains, ILocalAccounts, ISettingRows
from osxmail.interfaces.mailbox import IMailbox, IMailboxListener, ISnapshot
from osxmail.interfaces.messages import IIncoming, IMessage, NewMessage
from osxmail.interfaces.net import IResolver
from osxmail.interfaces.queue import IQueue
from osxmail.interfaces.settings import ISettings
from osxmail.interfaces.store import IAccount, IMailStore, IMailStoreWatcher

__all__ = [
    "IAccount",
    "IDeliveryAgent",
    "IDirectory",
    "IDomains",
    "IFilter",
    "IIncoming",
    "ILocalAccounts",
    "IMailStore",
    "IMailStoreWatcher",
    "IMailbox",
    "IMailboxListener",
    "IMessage",
    "IQueue",
    "IReception",
    "IResolver",
    "IRouter",
    "ISettingRows",
    "ISettings",
    "ISnapshot",
    "NewMessage",
]
