"""
C{apple-user-mailattribute}: the three forms, every key, and what is refused.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.errors import ParseError
from osxmail.mail.address import Address
from osxmail.mail.appleattribute import MAX_ELEMENTS, MAX_VALUE_OCTETS, AppleMail, parseAppleMail
from osxmail.mail.record import AccountState

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE plist PUBLIC "-//Apple Computer//DTD PLIST 1.0//EN" '
    '"http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n'
)
FULL = {
    "kAttributeVersion": "Apple Mail 1.0",
    "kMailAccountState": "Enabled",
    "kPOP3LoginState": "POP3Allowed",
    "kIMAPLoginState": "IMAPAllowed",
    "kMailAccountLocation": "Mail.Example.test",
    "kAutoForwardValue": "",
    "kUserDiskQuota": "25",
    "kAltMailStoreLoc": "second",
    "kAPOPRequired": "APOPNotRequired",
    "kNotificationState": "NotificationOff",
    "kSeparateInboxState": "OneInbox",
    "kShowPOP3InboxInIMAP": "HidePOP3Inbox",
}


def dictOf(values: dict[str, str]) -> str:
    return "<dict>" + "".join(f"<key>{k}</key><string>{v}</string>\n" for k, v in values.items()) + "</dict>"


def plist(**changes: str) -> bytes:
    return f'{HEAD}<plist version="0.9">{dictOf({**FULL, **changes})}</plist>'.encode()


class AppleMailTests(SynchronousTestCase):
    def refused(self, value: bytes, word: str) -> None:
        error = self.assertRaises(ParseError, parseAppleMail, value)
        self.assertIn(word, str(error))

    def test_full(self) -> None:
        """
        With wrapper and DOCTYPE, every key.
        """
        self.assertEqual(
            parseAppleMail(plist()),
            AppleMail(
                state=AccountState.ENABLED,
                location="mail.example.test",
                quotaOctets=25 * 1024 * 1024,
                storeLocation="second",
                version="Apple Mail 1.0",
            ),
        )

    def test_withoutWrapper(self) -> None:
        """
        A C{dict} alone says the same, with whitespace or a byte order mark before it too.
        """
        for before in ("", "\n  ", "\ufeff"):
            self.assertEqual(parseAppleMail((before + dictOf(FULL)).encode()), parseAppleMail(plist()))

    def test_oldDoctype(self) -> None:
        doctype = '<!DOCTYPE plist SYSTEM "file://localhost/System/Library/DTDs/PropertyList.dtd">'
        value = f'<?xml version="1.0" encoding="ISO-8859-1"?>{doctype}<plist version="0.9">{dictOf(FULL)}</plist>'
        self.assertEqual(parseAppleMail(value.encode()).state, AccountState.ENABLED)

    def test_bareAddress(self) -> None:
        found = parseAppleMail(b"ann@example.test\n")
        self.assertEqual((found.state, found.address), (AccountState.ENABLED, Address.parse("ann@example.test")))
        self.assertIn("bare address", found.warnings[0])

    def test_states(self) -> None:
        for written, state in (("Off", AccountState.OFF), ("ENABLED", AccountState.ENABLED)):
            self.assertIs(parseAppleMail(plist(kMailAccountState=written)).state, state)
        found = parseAppleMail(plist(kMailAccountState="forward", kAutoForwardValue="bob@example.org"))
        self.assertEqual((found.state, found.forwardTo), (AccountState.FORWARD, Address.parse("bob@example.org")))

    def test_noState(self) -> None:
        found = parseAppleMail(dictOf({"kAttributeVersion": "AppleMail 1.0"}).encode())
        self.assertEqual(found, AppleMail(version="AppleMail 1.0"))

    def test_unknownState(self) -> None:
        """
        Where mail goes is not guessed.
        """
        self.refused(plist(kMailAccountState="Disabled"), "kMailAccountState")

    def test_forwardWithoutAddress(self) -> None:
        self.refused(plist(kMailAccountState="Forward"), "kAutoForwardValue")
        self.refused(plist(kMailAccountState="Forward", kAutoForwardValue="nobody"), "kAutoForwardValue")

    def test_forwardAddressOfAnEnabledUser(self) -> None:
        """
        An address that is left over from an earlier state means nothing.
        """
        self.assertIsNone(parseAppleMail(plist(kAutoForwardValue="bob@example.org")).forwardTo)

    def test_logins(self) -> None:
        found = parseAppleMail(plist(kPOP3LoginState="pop3deny", kIMAPLoginState="IMAPDeny"))
        self.assertEqual((found.popAllowed, found.imapAllowed, found.warnings), (False, False, ()))
        found = parseAppleMail(plist(kPOP3LoginState="POP3Forbidden"))
        self.assertFalse(found.popAllowed)
        self.assertIn("POP3Forbidden", found.warnings[0])

    def test_quota(self) -> None:
        self.assertEqual(parseAppleMail(plist(kUserDiskQuota="0")).quotaOctets, 0)
        self.assertIsNone(parseAppleMail(plist(kUserDiskQuota="")).quotaOctets)
        for wrong in ("-1", "many", "9999999999", "١٢"):
            found = parseAppleMail(plist(kUserDiskQuota=wrong))
            self.assertIsNone(found.quotaOctets)
            self.assertIn("kUserDiskQuota", found.warnings[0])

    def test_locations(self) -> None:
        for written, read in (
            ("192.0.2.7", "192.0.2.7"),
            ("[2001:DB8::1]", "2001:db8::1"),
            ("B.example.test.", "b.example.test"),
            ("", ""),
        ):
            found = parseAppleMail(plist(kMailAccountLocation=written))
            self.assertEqual((found.location, found.warnings), (read, ()))
        self.assertIn("kMailAccountLocation", parseAppleMail(plist(kMailAccountLocation="my server")).warnings[0])

    def test_unknownVersion(self) -> None:
        self.assertIn("kAttributeVersion", parseAppleMail(plist(kAttributeVersion="Apple Mail 9")).warnings[0])

    def test_apop(self) -> None:
        self.assertTrue(parseAppleMail(plist(kAPOPRequired="APOPRequired")).apopRequired)

    def test_empty(self) -> None:
        self.assertEqual(parseAppleMail(b" \n").warnings, ("the mail attribute is empty",))

    def test_nestedValuesArePassedOver(self) -> None:
        inner = dictOf({"kMailAccountState": "Off"})
        value = f"<dict><key>x</key>{inner}<key>kMailAccountState</key><string>Enabled</string></dict>"
        found = parseAppleMail(value.encode())
        self.assertIs(found.state, AccountState.ENABLED)
        self.assertIn("x is not a string", found.warnings)

    def test_twice(self) -> None:
        value = "<dict><key>kUserDiskQuota</key><string>1</string><key>kUserDiskQuota</key><string>2</string></dict>"
        found = parseAppleMail(value.encode())
        self.assertEqual(found.quotaOctets, 2 * 1024 * 1024)
        self.assertIn("twice", found.warnings[0])

    def test_notAPropertyList(self) -> None:
        self.refused(b"<html><body/></html>", "html")
        self.refused(b"<plist/>", "without a dictionary")
        self.refused(b"<dict><string>x</string></dict>", "without a key")
        self.refused(b"<dict><key>a<string>x</string></key></dict>", "inside")
        self.refused(b"<dict>", "not XML")
        self.refused(b"\xff\xfe<", "UTF-8")

    def test_bomb(self) -> None:
        """
        Entities are refused where they are declared, before one is expanded.
        """
        lines = ['<!ENTITY a0 "boom">'] + [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)]
        bomb = f"<!DOCTYPE plist [{''.join(lines)}]><plist><dict><key>&a11;</key><string/></dict></plist>"
        self.refused(bomb.encode(), "entities")

    def test_entitiesOfAnyKind(self) -> None:
        body = "<plist><dict><key>kMailAccountState</key><string>{}</string></dict></plist>"
        for declaration in ('<!ENTITY x "Off">', '<!ENTITY x SYSTEM "file:///etc/passwd">', '<!ENTITY % x "y">'):
            self.refused(f"<!DOCTYPE plist [{declaration}]>{body.format('Off')}".encode(), "entities")

    def test_parameterEntityOfTheOutside(self) -> None:
        self.refused(b'<!DOCTYPE p [<!ENTITY % r SYSTEM "http://127.0.0.1/x"> %r;]><plist><dict/></plist>', "entities")

    def test_entityOfTheDoctype(self) -> None:
        """
        An entity that only the document type could explain is not passed over in silence.
        """
        self.refused(plist(kAutoForwardValue="a&nbsp;b"), "entit")

    def test_predefinedEntities(self) -> None:
        self.assertEqual(parseAppleMail(plist(kAltMailStoreLoc="a &amp; b")).storeLocation, "a & b")

    def test_limits(self) -> None:
        self.assertTrue(parseAppleMail(plist(kAltMailStoreLoc="x" * 60000)).storeLocation)
        self.refused(b"<" + b"x" * MAX_VALUE_OCTETS, "64 KiB")
        self.assertTrue(parseAppleMail(b"<dict>" + b"<key>a</key><true/>" * ((MAX_ELEMENTS - 1) // 2) + b"</dict>"))
        self.refused(b"<dict>" + b"<key>a</key><true/>" * (MAX_ELEMENTS // 2) + b"</dict>", "too many")
        self.refused(b"<array>" * 9 + b"</array>" * 9, "too many")

    @settings(deadline=None, max_examples=300)
    @given(st.binary(max_size=300) | st.text(alphabet='<>/!&;[]"= plistdckeyrng\n', max_size=200).map(str.encode))
    def test_readsOrSaysItDoesNot(self, value: bytes) -> None:
        try:
            self.assertIsInstance(parseAppleMail(value), AppleMail)
        except ParseError:
            pass

    @settings(deadline=None, max_examples=300)
    @given(st.dictionaries(st.sampled_from(sorted(FULL)), st.text(max_size=30)))
    def test_anyValues(self, values: dict[str, str]) -> None:
        from xml.sax.saxutils import escape

        try:
            found = parseAppleMail(dictOf({k: escape(v) for k, v in values.items()}).encode("utf-8", "surrogatepass"))
        except ParseError:
            return
        self.assertTrue(found.state is not AccountState.FORWARD or found.forwardTo is not None)
