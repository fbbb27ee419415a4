-- The first schema of osxmail's store, for SQLite.
-- Times are seconds since the epoch; sizes are octets; addresses stand as their key (lower case) where they
-- are looked up, and as they came where they are shown.

CREATE TABLE schema_version (
    version INTEGER PRIMARY KEY,
    applied REAL NOT NULL
);

-- Numbers that are never given twice: 'uidvalidity', 'octets', 'segment'.
CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL              -- the last one that was given
) WITHOUT ROWID;

-- ------------------------------------------------------------------------------------ accounts and mailboxes

CREATE TABLE account (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    identifier TEXT NOT NULL UNIQUE,    -- the directory's
    address TEXT NOT NULL,
    created REAL NOT NULL
);

CREATE TABLE quota (
    account_id INTEGER PRIMARY KEY,
    octets INTEGER NOT NULL,            -- used
    messages INTEGER NOT NULL,          -- used
    limit_octets INTEGER NOT NULL       -- 0 is unlimited
);

CREATE TABLE mailbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    uidvalidity INTEGER NOT NULL,
    uidnext INTEGER NOT NULL,
    highestmodseq INTEGER NOT NULL,
    first_recent_uid INTEGER NOT NULL,  -- from here on, messages are recent to nobody yet
    special_use TEXT NOT NULL,          -- '\Sent', or ''
    messages INTEGER NOT NULL,
    unseen INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    octets INTEGER NOT NULL,
    expunged_floor INTEGER NOT NULL     -- the expunged log is complete for MODSEQs above this
);
CREATE UNIQUE INDEX mailbox_name ON mailbox (account_id, name);

CREATE TABLE subscription (
    account_id INTEGER NOT NULL,
    name TEXT NOT NULL,                 -- of a mailbox that need not exist
    PRIMARY KEY (account_id, name)
) WITHOUT ROWID;

CREATE TABLE keyword (
    mailbox_id INTEGER NOT NULL,
    bit INTEGER NOT NULL,
    name TEXT NOT NULL COLLATE NOCASE,
    PRIMARY KEY (mailbox_id, bit),
    UNIQUE (mailbox_id, name)
) WITHOUT ROWID;

-- Slim: it is what listing reads.
CREATE TABLE message (
    mailbox_id INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    octets_id INTEGER NOT NULL,
    prefix INTEGER NOT NULL,            -- number of its row in prefix, 0 for none
    modseq INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    internal_date INTEGER NOT NULL,
    size INTEGER NOT NULL,              -- prefix and octets together
    saved_date INTEGER NOT NULL,
    PRIMARY KEY (mailbox_id, uid)
) WITHOUT ROWID;
CREATE INDEX message_modseq ON message (mailbox_id, modseq);
CREATE INDEX message_octets ON message (octets_id);

CREATE TABLE expunged (
    mailbox_id INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    PRIMARY KEY (mailbox_id, modseq, uid)
) WITHOUT ROWID;

-- -------------------------------------------------------------------------------------------------- octets

-- A message's octets, once, however many mailboxes and queue items name them.  Ids come from the counter.
CREATE TABLE octets (
    id INTEGER PRIMARY KEY,
    size INTEGER NOT NULL,
    segment INTEGER,                    -- where they stand: a segment and the offset of their record,
    place INTEGER,
    data BLOB                           -- or here
);
CREATE INDEX octets_segment ON octets (segment) WHERE segment IS NOT NULL;

-- Header fields that stand before the octets: once for each distinct text of one message; numbers from 1.
CREATE TABLE prefix (
    octets_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (octets_id, number)
) WITHOUT ROWID;

-- Made once, when a message arrives.
CREATE TABLE rendering (
    octets_id INTEGER PRIMARY KEY,
    envelope BLOB NOT NULL,
    body BLOB NOT NULL,
    bodystructure BLOB NOT NULL,
    structure BLOB NOT NULL             -- Rendering.encode()
);

-- Octets that have lost a name: candidates for collection, which looks whether they have another.
CREATE TABLE loose_octets (
    octets_id INTEGER PRIMARY KEY
);
CREATE TRIGGER message_gone AFTER DELETE ON message BEGIN
    INSERT OR IGNORE INTO loose_octets (octets_id) VALUES (OLD.octets_id);
END;

-- --------------------------------------------------------------------------------------------------- queue

CREATE TABLE queue (
    id TEXT PRIMARY KEY,
    octets_id INTEGER NOT NULL,
    prefix INTEGER NOT NULL,            -- number of its row in prefix, 0 for none
    size INTEGER NOT NULL,              -- prefix and octets together
    received REAL NOT NULL,
    sender TEXT,                        -- NULL is the null sender
    envelope TEXT NOT NULL,             -- JSON: body, smtputf8, envelopeId, returnContent
    held INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX queue_octets ON queue (octets_id);
CREATE TRIGGER queue_gone AFTER DELETE ON queue BEGIN
    INSERT OR IGNORE INTO loose_octets (octets_id) VALUES (OLD.octets_id);
END;

CREATE TABLE queue_recipient (
    queue_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    address TEXT NOT NULL,
    destination TEXT NOT NULL,
    next_hop TEXT NOT NULL,
    local INTEGER NOT NULL,
    original TEXT NOT NULL,
    notify TEXT NOT NULL,               -- words with a space between
    next_try REAL NOT NULL,
    -- When it may be claimed: next_try; while it is leased, when the lease runs out; NULL while it is held.
    due REAL,
    attempts INTEGER NOT NULL,
    delay_notified INTEGER NOT NULL,
    last_reply TEXT NOT NULL,
    remote_host TEXT NOT NULL,
    lease_id TEXT,
    lease_until REAL,
    PRIMARY KEY (queue_id, position)
) WITHOUT ROWID;
CREATE INDEX queue_recipient_due ON queue_recipient (destination, due) WHERE due IS NOT NULL;
CREATE INDEX queue_recipient_lease ON queue_recipient (lease_id) WHERE lease_id IS NOT NULL;

-- The earliest due of each destination that has one: a dead host's recipients cost one row here, however many wait.
CREATE TABLE queue_destination (
    name TEXT PRIMARY KEY,
    due REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX queue_destination_due ON queue_destination (due);

-- ------------------------------------------------------------------------------ what administrators keep

CREATE TABLE domain (
    name TEXT PRIMARY KEY,
    catch_all TEXT                      -- an address, or NULL
) WITHOUT ROWID;

CREATE TABLE alias (
    key TEXT PRIMARY KEY,
    address TEXT NOT NULL,
    targets TEXT NOT NULL               -- JSON list
) WITHOUT ROWID;

CREATE TABLE local_account (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    address TEXT NOT NULL,
    local_part TEXT NOT NULL,           -- lower case
    password_hash TEXT NOT NULL,
    full_name TEXT NOT NULL,
    state TEXT NOT NULL,
    forward_to TEXT NOT NULL,           -- JSON list
    keep_copy INTEGER NOT NULL,
    quota_octets INTEGER,               -- NULL: the setting's default
    pop_allowed INTEGER NOT NULL,
    imap_allowed INTEGER NOT NULL,
    administrator INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX local_account_local_part ON local_account (local_part);

CREATE TABLE setting (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE setting_history (
    id INTEGER PRIMARY KEY,
    time REAL NOT NULL,
    who TEXT NOT NULL,
    key TEXT NOT NULL,
    old_value TEXT,
    new_value TEXT
);

-- --------------------------------------------------------------------------------------------------- trace

CREATE TABLE trace (
    id INTEGER PRIMARY KEY,
    time REAL NOT NULL,
    event TEXT NOT NULL,
    queue_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    addresses TEXT NOT NULL,            -- JSON list
    fields TEXT NOT NULL                -- JSON object
);
CREATE INDEX trace_queue_id ON trace (queue_id, time);

-- What a message can be found by, besides its queue ID: Message-ID, and the keys of addresses.
CREATE TABLE trace_term (
    term TEXT NOT NULL,
    queue_id TEXT NOT NULL,
    PRIMARY KEY (term, queue_id)
) WITHOUT ROWID;

INSERT INTO counter (name, value) VALUES ('uidvalidity', 0), ('octets', 0), ('segment', 0);
