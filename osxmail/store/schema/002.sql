-- Issue by issue, what the second version adds: access lists, annotations, quotas set by administrators, previews.

-- Accounts are found by address as well: whose mailboxes others see, and what an administrator opens.
ALTER TABLE account ADD COLUMN key TEXT NOT NULL DEFAULT '';    -- the key of the address, '' of the shared mailboxes
UPDATE account SET key = lower(address);
CREATE INDEX account_key ON account (key);

-- The first levels of names that lead to others' mailboxes: what people have there themselves gets another name.
UPDATE OR IGNORE mailbox SET name = '_' || name
    WHERE name IN ('Shared', 'Other Users') OR name GLOB 'Shared/*' OR name GLOB 'Other Users/*';
UPDATE OR IGNORE subscription SET name = '_' || name
    WHERE name IN ('Shared', 'Other Users') OR name GLOB 'Shared/*' OR name GLOB 'Other Users/*';

-- Who may do what in a mailbox besides its owner (RFC 4314).
CREATE TABLE access_right (
    mailbox_id INTEGER NOT NULL,
    identifier TEXT NOT NULL,           -- the key of an address, 'anyone', '$' and the key of a group's; '-' before it
                                        -- for rights taken away
    rights TEXT NOT NULL,               -- letters, in order
    PRIMARY KEY (mailbox_id, identifier)
) WITHOUT ROWID;
CREATE INDEX access_right_identifier ON access_right (identifier);

-- Octets that do not end with CRLF, and how many of it are missing: POP3 adds them, and says so (RFC 1939 3).  Of those
-- that were in segments before this version it is not known.
CREATE TABLE unended_octets (
    octets_id INTEGER PRIMARY KEY,
    missing INTEGER NOT NULL
);
INSERT INTO unended_octets (octets_id, missing)
    SELECT id, CASE WHEN substr(data, -1) = x'0D' THEN 1 ELSE 2 END FROM octets
    WHERE data IS NOT NULL AND size > 0 AND substr(data, -2) <> x'0D0A';

-- When a message was first fetched whole by POP3 (RFC 2449 6.7); kept only while pop3.expire_days is set.
CREATE TABLE fetched_by_pop (
    mailbox_id INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    time REAL NOT NULL,
    PRIMARY KEY (mailbox_id, uid)
) WITHOUT ROWID;

-- METADATA (RFC 5464).
CREATE TABLE annotation (
    mailbox_id INTEGER NOT NULL,        -- 0: of the server
    owner TEXT NOT NULL,                -- of a private entry, the identifier of the account that it belongs to; else ''
    entry TEXT NOT NULL,                -- lower case, without /shared or /private
    value BLOB NOT NULL,
    PRIMARY KEY (mailbox_id, owner, entry)
) WITHOUT ROWID;

-- A limit on messages, and limits that an administrator has set (RFC 9208), which win over the directory's.
ALTER TABLE quota ADD COLUMN limit_messages INTEGER NOT NULL DEFAULT 0;
ALTER TABLE quota ADD COLUMN set_octets INTEGER;
ALTER TABLE quota ADD COLUMN set_messages INTEGER;

-- PREVIEW (RFC 8970), made when it is first asked for; and ENVELOPE, BODY and BODYSTRUCTURE for clients that take UTF-8,
-- where they differ (NULL where they do not).
ALTER TABLE rendering ADD COLUMN preview TEXT;
ALTER TABLE rendering ADD COLUMN utf8 BLOB;

-- URLAUTH (RFC 4467): the key of each mailbox that has one.
CREATE TABLE url_key (
    mailbox_id INTEGER PRIMARY KEY,
    key BLOB NOT NULL
);

-- What changed since a MODSEQ is found without an index: MODSEQs ascend with UIDs, but for messages whose flags were
-- changed later, and it is remembered when that was last. An entry for each message made STORE 1:* three times as slow.
DROP INDEX message_modseq;
ALTER TABLE mailbox ADD COLUMN flags_modseq INTEGER NOT NULL DEFAULT 0;  -- the last that changed a message's flags
UPDATE mailbox SET flags_modseq = highestmodseq;
