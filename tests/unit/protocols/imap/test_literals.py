"""
Wherever a string may stand, it may be an atom, a quoted string or a literal of either kind (RFC 3501 9: astring,
RFC 7888 3): for every command there is.
"""

from __future__ import annotations

import re

from osxmail.protocols.imap.commands import COMMANDS
from tests.unit.protocols.imap.sessions import Client, SessionCase

#: Commands with strings, which stand between ‹ and ›; between ‹‹ and ››, where no atom may stand.  None
#: of the commands changes anything that another one of them sees.
SAMPLES = """
APPEND ‹Nowhere› {1+}*x
CREATE ‹INBOX›
DELETE ‹Nowhere›
RENAME ‹Nowhere› ‹There›
SUBSCRIBE ‹Work›
UNSUBSCRIBE ‹Work›
LIST ‹Some› ‹x›
LIST ‹› ‹x*›
LIST (SUBSCRIBED) ‹› (‹a› ‹b›) RETURN (CHILDREN)
LIST ‹› ‹INBOX› RETURN (METADATA (‹/shared/comment›))
LSUB ‹Some› ‹x›
STATUS ‹INBOX› (MESSAGES)
EXAMINE ‹INBOX› (CONDSTORE)
SELECT ‹INBOX›
COPY 1 ‹Nowhere›
UID COPY 1 ‹Nowhere›
MOVE 1 ‹Nowhere›
UID MOVE 1 ‹Nowhere›
REPLACE 1 ‹Nowhere› {1+}*x
UID REPLACE 1 ‹Nowhere› {1+}*x
FETCH 1 BODY.PEEK[HEADER.FIELDS (‹Subject› ‹To›)]
UID FETCH 1 (FLAGS BODY.PEEK[HEADER.FIELDS.NOT (‹Subject›)])
SEARCH SUBJECT ‹one› FROM ‹x› HEADER ‹To› ‹y›
SEARCH CHARSET ‹UTF-8› OR TEXT ‹one› NOT BODY ‹two›
UID SEARCH BCC ‹x› CC ‹y› TO ‹z›
SORT (DATE) ‹UTF-8› SUBJECT ‹one›
UID SORT (DATE) ‹UTF-8› SUBJECT ‹one›
THREAD REFERENCES ‹UTF-8› SUBJECT ‹one›
UID THREAD REFERENCES ‹UTF-8› SUBJECT ‹one›
ESEARCH IN (MAILBOXES ‹INBOX›) SUBJECT ‹one›
ESEARCH IN (SUBTREE (‹INBOX› ‹Work›)) SUBJECT ‹one›
CANCELUPDATE ‹‹a1››
NOTIFY SET (MAILBOXES (‹INBOX› ‹Work›) (MessageNew MessageExpunge))
ID (‹‹name›› ‹‹Tester››)
LANGUAGE ‹tlh› ‹en›
SETACL ‹INBOX› ‹ben› ‹lr›
DELETEACL ‹INBOX› ‹ben›
GETACL ‹INBOX›
LISTRIGHTS ‹INBOX› ‹ben›
MYRIGHTS ‹INBOX›
GETQUOTA ‹Nothing›
GETQUOTAROOT ‹INBOX›
SETQUOTA ‹Nothing› (STORAGE 5)
GETMETADATA ‹INBOX› ‹/shared/comment›
GETMETADATA ‹› (‹/shared/comment› ‹/private/comment›)
SETMETADATA ‹INBOX› (‹/private/comment› ‹‹text››)
SETMETADATA ‹INBOX› (‹/private/comment› NIL)
GENURLAUTH ‹imap://anna@mail.example.test/INBOX/;uid=1;urlauth=anonymous› INTERNAL
RESETKEY ‹INBOX› INTERNAL
URLFETCH ‹imap://nowhere.test/x›
"""
#: Commands without any, and LOGIN, which has its own tests.
WITHOUT = {"UID EXPUNGE", "UID STORE"} | set(
    "AUTHENTICATE CAPABILITY CHECK CLOSE COMPRESS ENABLE EXPUNGE IDLE LOGIN LOGOUT NAMESPACE NOOP STARTTLS".split()  # noqa: SIM905
    + "STORE UNAUTHENTICATE UNSELECT".split()  # noqa: SIM905
)

LINE_OCTETS = 65536

_STRING = re.compile("‹‹(.*?)››|‹(.*?)›")


class LiteralTests(SessionCase):
    async def test_everyCommand(self) -> None:
        named = {re.match(r"(?:UID )?[A-Z]+", line).group() for line in SAMPLES.split("\n") if line}  # type: ignore[union-attr]
        self.assertEqual(sorted(COMMANDS.keys() - named - WITHOUT), [], "a sample of each, or an entry in WITHOUT")

    async def test_everyForm(self) -> None:
        await self.fill(b"Subject: one\r\nTo: y\r\n\r\nx\r\n")
        client = await self.selected()
        await client.do(b"CREATE Work")
        for line in SAMPLES.strip().split("\n"):
            if "‹" not in line:
                continue
            with self.subTest(line=line):
                answers = [await self._answer(client, line, form) for form in ("atom", "quoted", "literal", "literal+")]
                self.assertNotIn(b" BAD ", answers[1])
                self.assertEqual(answers[2], answers[1])
                self.assertEqual(answers[3], answers[1])
                if "‹‹" not in line and "‹›" not in line:
                    self.assertEqual(answers[0], answers[1])

    async def _answer(self, client: Client, line: str, form: str) -> bytes:
        """
        What is said to a command whose strings have this form, without continuations and tags.
        """
        client._tags += 1
        tag = b"t%d" % client._tags
        said = b""
        pending = tag + b" "
        end = 0
        for match in _STRING.finditer(line):
            pending += line[end : match.start()].encode()
            end = match.end()
            text = (match.group(1) or match.group(2) or "").encode()
            if form == "atom" and match.group(2):
                pending += text
            elif form in ("atom", "quoted"):
                pending += b'"%b"' % text
            elif form == "literal+":
                pending += b"{%d+}\r\n%b" % (len(text), text)
            else:
                client.send(pending + b"{%d}\r\n" % len(text))
                pending = text
                said += (await client.until(b"+ Go ahead\r\n")).removesuffix(b"+ Go ahead\r\n")
        client.send(pending + line[end:].replace("*", "\r\n").encode() + b"\r\n")
        said += await client.until(tag + b" ") + await client.until(b"\r\n")
        return re.sub(rb"[0-9]{8,}|[0-9a-f]{30,}|%b\b" % tag, b"N", said)


class LongLineTests(SessionCase):
    async def test_64KiB(self) -> None:
        """
        What Outlook sends: a line of 64 KiB is taken, one octet more is not.
        """
        await self.fill(b"Subject: one\r\n\r\n")
        client = await self.selected()
        line = b"t FETCH 1 BODY.PEEK[HEADER.FIELDS ("
        end = b")]\r\n"
        while (room := LINE_OCTETS - len(line) - len(end)) > 0:
            line += b"n" * min(room, 900) if room <= 900 or room > 902 else b"n" * 800
            line += b" " if len(line) + len(end) < LINE_OCTETS else b""
        self.assertEqual(len(line + end), LINE_OCTETS)
        client.send(line + end)
        await client.until(b"t OK FETCH completed\r\n")
        client.send(b"t" + line + end)
        self.assertEqual(await client.until(b"\r\n"), b"* BAD The line is too long\r\n")
        self.assertIn(b"OK Done", await client.do(b"NOOP"))
