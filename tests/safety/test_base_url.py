"""A base URL is one origin that two readers can't read differently; anything else is refused before a key is used."""

from typing import Any

import pytest

from aisa_integrations import ConfigurationError
from aisa_integrations.local import LocalGateway
from tests.clients.faces import FACES, GATEWAY, OPENAI, Face
from tests.safety.test_environment import origin_of

ORIGINS = {
    "https://api.aisa.one": "https://api.aisa.one",
    "https://api.aisa.one/": "https://api.aisa.one",
    "https://api.aisa.one/v1": "https://api.aisa.one",
    "https://api.aisa.one/v1/": "https://api.aisa.one",
    "https://api.aisa.one/v1beta": "https://api.aisa.one",
    "HTTPS://API.AISA.ONE:443": "https://api.aisa.one",
    "https://api.aisa.one.": "https://api.aisa.one",
    " https://api.aisa.one\n": "https://api.aisa.one",
    "https://api.aisa.one:8443/v1": "https://api.aisa.one:8443",
    "https://xn--bcher-kva.example": "https://xn--bcher-kva.example",
    "http://localhost:8080/v1": "http://localhost:8080",
    "http://gateway.localhost": "http://gateway.localhost",
    "http://127.1.2.3": "http://127.1.2.3",
    "http://[::1]:8080": "http://[::1]:8080",
    "http://[0:0:0:0:0:0:0:1]:8080/v1": "http://[::1]:8080",
}

CLEAR_TEXT = (
    "http://api.aisa.one",
    "http://127.0.0.1.gateway.example",
    "http://localhost.gateway.example",
    "http://0.0.0.0:8080",
    "http://192.168.0.1",
    "http://[2001:db8::1]",
)
PATHS = ("https://api.aisa.one/v2", "https://api.aisa.one//v1", "https://api.aisa.one/v1/chat/completions",
         "https://api.aisa.one?x=1", "https://api.aisa.one#v1")  # fmt: skip
USERS = ("https://user:word@api.aisa.one", "https://user@api.aisa.one", "https://api.aisa.one@gateway.example",
         "https://api.aisa.one\\@gateway.example")  # fmt: skip
NONE_AT_ALL = (
    "api.aisa.one",
    "//api.aisa.one",
    "ftp://api.aisa.one",
    "wss://api.aisa.one",
    "https://",
    "https:///v1",
    "https://api.aisa.one:0",
    "https://api.aisa.one:99999",
    "https://api.aisa.one:port",
    "https://[::1",
    "https://[fe80::1%25eth0]",
    "https://api.ai\tsa.one",
    "https://api.aisa.one evil",
    "https://api%2eaisa.one",
    "https://bücher.example",
    "https://api。aisa。one",
    "https://-api.aisa.one",
    b"https://api.aisa.one",
    5,
    False,
    ["https://api.aisa.one"],
)
# What the text must say for each kind.
REFUSED = [
    *((url, "clear text") for url in CLEAR_TEXT),
    *((url, "leave out the rest of the path") for url in PATHS),
    *((url, "user or password") for url in USERS),
    *((url, "is an origin such as https://api.aisa.one") for url in NONE_AT_ALL),
]


@pytest.mark.parametrize("face", [OPENAI, GATEWAY], ids=str)
@pytest.mark.parametrize(("base_url", "origin"), ORIGINS.items())
def test_forms_of_an_origin(face: Face, base_url: str, origin: str) -> None:
    assert origin_of(face.make("sk-any", base_url=base_url)) == origin


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/", "/v1beta"])
def test_every_form_asks_the_same_path(face: Face, suffix: str, gateway: LocalGateway) -> None:
    face.ask(face.make(gateway.api_key, base_url=gateway.url + suffix))
    assert gateway.requests[0].path.startswith("/v1/")
    assert "/v1/v1" not in gateway.requests[0].path


@pytest.mark.parametrize(("base_url", "says"), REFUSED, ids=repr)
def test_what_is_no_origin_is_refused(base_url: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        GATEWAY.make("sk-any", base_url=base_url)
    assert "word" not in str(caught.value).replace("password", "")


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("base_url", ["http://api.aisa.one", "https://api.aisa.one/other", "https://a:b@api.aisa.one"])
def test_every_face_refuses_them(face: Face, base_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError):
        face.make("sk-any", base_url=base_url)
    monkeypatch.setenv("AISA_BASE_URL", base_url)
    with pytest.raises(ConfigurationError):
        face.make("sk-any")


BAD_ARGUMENTS: dict[str, Any] = {
    "timeout": [0, -1, float("nan"), float("inf"), True, "5"],
    "max_retries": [-1, 1.5, True, "2"],
    "fallbacks": ["gpt-4o", 5, [""], [None], {"a": 1}.items()],
    "policy": [{"max_retries": 1}, "none"],
    "api_key": [5, b"sk-bytes", ["sk-listed"], {"sk": "mapped"}],
}


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BAD_ARGUMENTS.items() for value in values], ids=repr
)
def test_a_wrong_argument_is_an_error_that_names_it(face: Face, name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=name.removesuffix("s")):
        face.make(**{"api_key": "sk-any", name: value})
