"""Pictures for a message: what is passed on, what is read, and what is refused before anything is sent."""

import base64
import os
from pathlib import Path
from typing import Any

import pytest

from aisa_integrations import ConfigurationError
from aisa_integrations.images import MAX_IMAGE_BYTES, image_part, image_type

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
JPEG = b"\xff\xd8\xff\xe0" + bytes(20)
GIF = b"GIF89a" + bytes(20)
WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(20)
KINDS = {"image/png": PNG, "image/jpeg": JPEG, "image/gif": GIF, "image/webp": WEBP}


def data_url(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def url_of(source: Any) -> str:
    part = image_part(source)
    assert part == {"type": "image_url", "image_url": {"url": part["image_url"]["url"]}}
    url: str = part["image_url"]["url"]
    return url


@pytest.mark.parametrize(
    "url", ["https://example.com/a.png", "http://example.com:81/a?b=c#d", "HTTPS://EXAMPLE.COM/Z%C3%BCrich.jpg"]
)
def test_a_url_is_passed_on_as_it_is(url: str) -> None:
    assert url_of(url) == url


@pytest.mark.parametrize("kind", KINDS)
def test_a_data_url_is_passed_on_as_it_is(kind: str) -> None:
    assert url_of(data_url(KINDS[kind], kind)) == data_url(KINDS[kind], kind)


def test_other_spellings_of_a_data_url() -> None:
    for kind, content in (("image/jpg", JPEG), ("image/PNG", PNG), ("image/png;name=a.png", PNG)):
        assert url_of(data_url(content, kind)) == data_url(content, kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("as_path", [True, False], ids=["path", "text"])
def test_a_file_is_read_and_its_type_is_in_its_bytes(tmp_path: Path, kind: str, as_path: bool) -> None:
    file = tmp_path / "a picture, whatever.txt"
    file.write_bytes(KINDS[kind])
    assert url_of(file if as_path else str(file)) == data_url(KINDS[kind], kind)


def test_a_file_in_the_home_and_one_beside_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert url_of("~/a.png") == data_url(PNG)
    monkeypatch.chdir(tmp_path)
    assert url_of("a.png") == data_url(PNG)


WRONG: dict[str, tuple[Any, str]] = {
    "nothing": ("", "a URL or the path"),
    "no text": (3, "a URL or the path"),
    "bytes": (PNG, "a URL or the path"),
    "no host": ("https:///a.png", "no URL"),
    "a blank": ("https://example.com/a b.png", "no URL"),
    "a bad port": ("https://[::1/a.png", "no URL"),
    "ftp": ("ftp://example.com/a.png", "not from ftp"),
    "file": ("file:///tmp/a.png", "not from file"),
    "script": ("javascript:alert(1)", "not from javascript"),
    "no comma": ("data:image/png;base64", "looks like"),
    "not base64": ("data:image/png,abc", "looks like"),
    "bad base64": ("data:image/png;base64,a*b=", "not base64"),
    "half base64": ("data:image/png;base64,abc", "not base64"),
    "empty data": ("data:image/png;base64,", "is empty"),
    "another type": (data_url(JPEG, "image/png"), "says image/png and holds image/jpeg"),
    "no type": (data_url(PNG, ""), "says nothing and holds image/png"),
    "no picture": (data_url(b"<svg/>", "image/svg+xml"), "not a PNG"),
    "no file": ("no-such-file.png", "no such file"),
    "no home": ("~no-such-user/a.png", "can't be read"),
    "a zero": ("a\0.png", "a URL or the path"),
    "base64 alone": (base64.b64encode(bytes(10_000)).decode(), "can't be read: File name too long"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_none_is_refused(wrong: str) -> None:
    source, words = WRONG[wrong]
    with pytest.raises(ConfigurationError, match=words) as caught:
        image_part(source)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "content", [b"", b"not a picture", b"\x89PN", b"RIFF\x00\x00\x00\x00WAVE", b"%PDF-1.7"], ids=str
)
def test_a_file_that_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    assert image_type(content) is None
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(
        ConfigurationError, match="is empty" if not content else "is not a PNG, JPEG, GIF or WebP image"
    ):
        image_part(tmp_path / "a.png")


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "a.png").open("wb") as file:
        file.write(PNG)
        file.truncate(MAX_IMAGE_BYTES + 1)
    with pytest.raises(ConfigurationError, match="larger than 20 MiB"):
        image_part(tmp_path / "a.png")
    with (tmp_path / "a.png").open("r+b") as file:
        file.truncate(MAX_IMAGE_BYTES)
    assert url_of(tmp_path / "a.png").startswith("data:image/png;base64,")


def test_what_is_no_file_is_refused_unread(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    for path in (tmp_path, tmp_path / "a.png"):
        with pytest.raises(ConfigurationError, match="is no file"):
            image_part(path)


def test_a_file_that_can_not_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "a.png")
    with pytest.raises(ConfigurationError, match="can't be read"):
        image_part(tmp_path / "a.png")
