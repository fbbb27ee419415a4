# -*- test-case-name: tests.unit.app.test_control -*-
"""
The command's end of the control socket.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from osxmail.errors import Refused

#: Long enough for a reload that waits for a directory.
TIMEOUT_SECONDS = 120.0
SOCKET_NAME = "control.sock"


def ask(data: Path, command: str, arguments: dict[str, Any] | None = None) -> Any:
    """
    Ask the running server.

    @param data: its data folder, where the socket is.
    @return: the result, JSON values.
    @raise Refused: it said no, or is not there; in plain words with what to do.
    """
    path = data / SOCKET_NAME
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(TIMEOUT_SECONDS)
        try:
            connection.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            what = "start it (twistd osxmail), or name its configuration (--config FILE)"
            raise Refused(f"no server answers at {path}; {what}") from None
        except PermissionError:
            raise Refused(f"{path}: only the server's owner may use it; try with sudo") from None
        except OSError as error:
            raise Refused(f"{path}: {error.strerror or error}") from None
        try:
            connection.sendall(json.dumps({"command": command, "arguments": arguments or {}}).encode() + b"\n")
            with connection.makefile("rb") as stream:
                line = stream.readline()
        except TimeoutError:
            raise Refused("the server does not answer; see its log") from None
        except OSError as error:
            raise Refused(f"the server broke off: {error.strerror or error}; see its log") from None
    if not line.endswith(b"\n"):
        raise Refused("the server broke off; see its log")
    answer = json.loads(line)
    if "error" in answer:
        raise Refused(answer["error"])
    return answer["result"]
