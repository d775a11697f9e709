"""Replies word for word, for figures that no well-behaved gateway would say."""

from aisa_integrations.local import Fault
from aisa_integrations.local.fault import Answer


def says(
    text: str,
    *,
    status: int = 200,
    content_type: str = "application/json",
    headers: tuple[tuple[str, str], ...] = (),
) -> Fault:
    """A reply of one's own words."""
    return Fault("own words", "reply", status, Answer(text, content_type, headers), "for this test", "none")


def completion(usage: str) -> str:
    choice = '{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}'
    return f'{{"id":"c","object":"chat.completion","created":0,"model":"m","choices":[{choice}],"usage":{usage}}}'


def chunk(content: str, finish: str | None = None, usage: str | None = None) -> str:
    end = "null" if finish is None else f'"{finish}"'
    choices = f'[{{"index":0,"delta":{{"content":"{content}"}},"finish_reason":{end}}}]'
    told = "" if usage is None else f',"usage":{usage}'
    return f'data: {{"id":"c","object":"chat.completion.chunk","created":0,"model":"m","choices":{choices}{told}}}\n\n'
