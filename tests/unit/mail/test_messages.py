"""
The awkward mail of C{tests/messages}, and random mail that Python's email package understands as well.
"""

from __future__ import annotations

import base64
from email import message_from_bytes, policy
from email.message import Message
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.header import firstFields
from osxmail.mail.mime import Rendering, renderMessage, sectionRange
from osxmail.mail.mimestructure import MESSAGE, MULTIPART, Part
from osxmail.mail.transferencoding import decoderOf

FOLDER = Path(__file__).parents[2] / "messages"


class CorpusTests(SynchronousTestCase):
    """
    Each message of the folder.
    """

    maxDiff = None

    def test_all(self) -> None:
        """
        ENVELOPE and BODYSTRUCTURE are what stands beside the message.
        """
        paths = sorted(FOLDER.glob("*.eml"))
        self.assertGreater(len(paths), 80)
        for path in paths:
            rendering = renderMessage(path.read_bytes())
            shown = f"ENVELOPE {rendering.envelope.decode()}\nBODYSTRUCTURE {rendering.bodystructure.decode()}\n"
            if rendering.utf8 is not None:
                shown += f"UTF8 {rendering.utf8[0].decode()}\nUTF8 {rendering.utf8[2].decode()}\n"
            self.assertEqual(shown, path.with_suffix(".expected").read_text("utf-8"), path.name)

    def test_utf8(self) -> None:
        """
        What is shown in UTF-8 has the same parts.
        """
        for path in FOLDER.glob("*.eml"):
            rendering = renderMessage(path.read_bytes())
            if rendering.utf8 is not None and b'"global"' not in rendering.body:
                self.assertEqual(outlineOf(rendering.utf8[2]), outlineOf(rendering.bodystructure), path.name)
                self.assertEqual(
                    withoutExtensions(read(rendering.utf8[2].decode())), read(rendering.utf8[1].decode()), path.name
                )

    def test_body(self) -> None:
        """
        BODY is BODYSTRUCTURE without the extension data.
        """
        for path in FOLDER.glob("*.eml"):
            rendering = renderMessage(path.read_bytes())
            body = read(rendering.body.decode())
            self.assertEqual(body, withoutExtensions(read(rendering.bodystructure.decode())), path.name)


def read(text: str) -> object:
    """
    A parenthesised list as Python lists.
    """
    stack: list[list[object]] = [[]]
    at = 0
    while at < len(text):
        if text[at] == "(":
            stack.append([])
        elif text[at] == ")":
            done = stack.pop()
            stack[-1].append(done)
        elif text[at] == '"':
            string = ""
            at += 1
            while text[at] != '"':
                if text[at] == "\\":
                    at += 1
                string += text[at]
                at += 1
            stack[-1].append(string)
        elif text[at] != " ":
            end = at
            while end < len(text) and text[end] not in " ()":
                end += 1
            word = text[at:end]
            stack[-1].append(None if word == "NIL" else int(word))
            at = end - 1
        at += 1
    return stack[0][0]


def outlineOf(structure: bytes) -> object:
    """
    Types and sizes, whatever else is said of the parts.
    """

    def outline(shown: object) -> object:
        if not isinstance(shown, list):
            return None
        if isinstance(shown[0], list):
            return [outline(each) for each in shown if isinstance(each, list) and isinstance(each[0], str | list)]
        return (*shown[:2], *shown[5:7])

    return outline(read(structure.decode()))


def withoutExtensions(shown: object) -> object:
    assert isinstance(shown, list)
    if isinstance(shown[0], list):
        parts = [
            withoutExtensions(each)
            for each in shown
            if isinstance(each, list) and each and isinstance(each[0], str | list)
        ]
        count = next(index for index, each in enumerate(shown) if isinstance(each, str))
        return [*parts[:count], shown[count]]
    if [each.lower() for each in shown[:2]] == ["message", "rfc822"]:
        return [*shown[:8], withoutExtensions(shown[8]), shown[9]]
    return shown[: 8 if shown[0].lower() == "text" else 7]


# ------------------------------------------------------------------------------------- well-formed, at random

lines = st.lists(st.sampled_from([b"", b"text", b" -- x", b"--", b".", b"=20", b"From me"]), max_size=4)


def leaf(kind: bytes, body: list[bytes], encoding: bytes) -> bytes:
    text = b"\r\n".join(body)
    if encoding == b"base64":
        text = base64.encodebytes(text).replace(b"\n", b"\r\n")
    if encoding:
        kind += b"\r\nContent-Transfer-Encoding: " + encoding
    return b"Content-Type: " + kind + b"\r\nX-Part: leaf\r\n\r\n" + text


def multipart(kind: bytes, children: list[bytes], preamble: list[bytes], number: int) -> bytes:
    # Boundaries that do not stand in anything else: one for each depth of nesting.
    depth = max((child.count(b"boundary=") for child in children), default=0)
    boundary = b"=_%d_%d" % (depth, number)
    out = b"Content-Type: multipart/" + kind + b'; boundary="' + boundary + b'"\r\n\r\n' + b"\r\n".join(preamble)
    for child in children:
        out += b"\r\n--" + boundary + b"\r\n" + child
    return out + b"\r\n--" + boundary + b"--\r\nepilogue"


entities = st.recursive(
    st.builds(
        leaf,
        st.sampled_from([b"text/plain", b"text/html", b"image/png", b"application/x-foo"]),
        lines,
        st.sampled_from([b"", b"base64", b"quoted-printable", b"7bit"]),
    ),
    lambda inner: st.one_of(
        st.builds(
            multipart,
            st.sampled_from([b"mixed", b"alternative"]),
            st.lists(inner, min_size=1, max_size=3),
            lines,
            st.integers(0, 9),
        ),
        inner.map(lambda child: b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n" + child),
    ),
    max_leaves=8,
)


def outline(part: Part, message: bytes, rendering: Rendering) -> list[object]:
    """
    Kinds and contents, as the email package would tell them.
    """
    found: list[object] = []
    if part.kind == MULTIPART:
        return [outline(child, message, rendering) for child in part.children]
    if part.kind == MESSAGE:
        return ["message", outline(part.children[0], message, rendering)]
    octets = message[part.bodyOffset : part.endOffset]
    encoding = firstFields(message[part.headerOffset : part.bodyOffset], (b"content-transfer-encoding",))
    decoder = decoderOf(encoding.get(b"content-transfer-encoding"))
    assert decoder is not None
    found += [octets, decoder.feed(octets) + decoder.finish()]
    return found


def othersOutline(message: Message) -> list[object]:
    if message.get_content_maintype() == "multipart":
        return [othersOutline(child) for child in message.get_payload()]
    if message.get_content_type() == "message/rfc822":
        (inner,) = message.get_payload()
        return ["message", othersOutline(inner)]
    return [message.get_payload().encode("ascii"), message.get_payload(decode=True)]


class OthersTests(SynchronousTestCase):
    """
    Where mail is as it should be, Python's email package sees the same parts.
    """

    @settings(deadline=None, max_examples=200)
    @given(entities)
    def test_parts(self, entity: bytes) -> None:
        message = b"From: a@b.test\r\nMIME-Version: 1.0\r\n" + entity
        rendering = renderMessage(message)
        other = message_from_bytes(message, policy=policy.compat32)
        self.assertEqual(outline(rendering.part, message, rendering), othersOutline(other))

    @settings(deadline=None, max_examples=200)
    @given(entities)
    def test_sections(self, entity: bytes) -> None:
        """
        Every part that BODYSTRUCTURE shows has its section, and no other number has.
        """
        message = b"From: a@b.test\r\n" + entity
        rendering = renderMessage(message)

        def visit(part: Part, path: tuple[int, ...]) -> None:
            children = part.children
            if part.kind == MESSAGE:
                inner = children[0]
                children = inner.children if inner.kind == MULTIPART else (inner,)
            for number, child in enumerate(children, 1):
                place = (child.bodyOffset, child.endOffset - child.bodyOffset)
                self.assertEqual(sectionRange(rendering, (*path, number)), place)
                visit(child, (*path, number))
            self.assertIsNone(sectionRange(rendering, (*path, len(children) + 1)))

        root = rendering.part
        visit(root if root.kind == MULTIPART else Part(MULTIPART, 0, 0, root.endOffset, (root,)), ())
