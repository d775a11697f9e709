"""Pictures for a chat message: a URL, a data URL or a file, checked before anything is sent."""

from __future__ import annotations

import base64
import binascii
import os
import re
import stat
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from .errors import ConfigurationError

# What the strictest providers take is less; what none takes would only fail later, and dearer.
MAX_IMAGE_BYTES: Final = 20 * 1024 * 1024

_DATA_URL: Final = re.compile(
    r"data:(?P<type>[^;,]*)(?P<parameters>(?:;[^;,]*)*),(?P<data>.*)", re.DOTALL | re.IGNORECASE
)
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)  # of two letters at least: C: is a drive
_KINDS: Final = "a PNG, JPEG, GIF or WebP image"


def image_part(source: str | os.PathLike[str]) -> dict[str, Any]:
    """Return a picture as a part of a message's content.

    Args:
        source: an http(s) URL, which is passed on; a data URL; or the path of a file, which is read.

    Raises:
        ConfigurationError: it is none of these, or holds no picture that models take.
    """
    return {"type": "image_url", "image_url": {"url": _url_of(source)}}


def _url_of(source: object) -> str:
    if isinstance(source, os.PathLike):
        return _read(Path(source))
    if not isinstance(source, str) or not source.strip() or "\0" in source:
        raise ConfigurationError(f"an image is a URL or the path of a file, not {source!r:.80}.")
    scheme = _SCHEME.match(source)
    if scheme is None:
        return _read(Path(source))
    if scheme[1].lower() == "data":
        return _checked_data(source)
    if scheme[1].lower() in ("http", "https"):
        return _checked_url(source)
    raise ConfigurationError(f"an image comes from http, https, a data URL or a file, not from {scheme[1]}.")


def _checked_url(url: str) -> str:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not host or not url.isprintable() or " " in url:
        raise ConfigurationError(f"{url!r:.80} is no URL of an image.")
    return url


def _checked_data(url: str) -> str:
    parts = _DATA_URL.fullmatch(url)
    if parts is None or not parts["parameters"].lower().endswith(";base64"):
        raise ConfigurationError("a data URL of an image looks like data:image/png;base64,… and holds base64.")
    try:
        content = base64.b64decode(parts["data"], validate=True)
    except (binascii.Error, ValueError):
        raise ConfigurationError("the data URL of the image holds something that is not base64.") from None
    found = _checked_type(content, "the data URL")
    said = parts["type"].lower().replace("image/jpg", "image/jpeg")
    if said != found:
        raise ConfigurationError(f"the data URL says {said or 'nothing'} and holds {found}.")
    return url


def _read(path: Path) -> str:
    shown = f"{str(path)!r:.80}"
    try:
        path = path.expanduser()
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConfigurationError(f"{shown} is no file.")
        with path.open("rb") as file:
            content = file.read(MAX_IMAGE_BYTES + 1)
    except FileNotFoundError:
        raise ConfigurationError(
            f"{shown}: no such file. An image is a URL, a data URL or the path of a file."
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{shown} can't be read: {error.strerror or error}.") from None
    except RuntimeError as error:
        raise ConfigurationError(f"{shown} can't be read: {error}") from None  # no such user's home
    found = _checked_type(content, shown)
    return f"data:{found};base64,{base64.b64encode(content).decode('ascii')}"


def _checked_type(content: bytes, where: str) -> str:
    if not content:
        raise ConfigurationError(f"{where} is empty.")
    if len(content) > MAX_IMAGE_BYTES:
        raise ConfigurationError(f"{where} is larger than {MAX_IMAGE_BYTES // 2**20} MiB; make the image smaller.")
    found = image_type(content)
    if found is None:
        raise ConfigurationError(f"{where} is not {_KINDS}.")
    return found


def image_type(content: bytes) -> str | None:
    """Tell the type of a picture from its first bytes, or None where it is no PNG, JPEG, GIF or WebP."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return None
