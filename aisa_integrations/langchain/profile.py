"""What langchain-core calls a model's profile, from the catalogue: what it takes and gives, as far as that is known."""

from __future__ import annotations

from typing import Any, cast

from langchain_core.language_models import ModelProfile

from ..catalogue import catalogue
from ..routing import is_route


def profile_of(model_id: str) -> ModelProfile | None:
    """Return the profile of a model, or None where the catalogue knows nothing; what it does not know is left out.

    Args:
        model_id: the id; a route has no profile, for it is known only call by call whom it asks.
    """
    known = None if is_route(model_id) else catalogue().find(model_id)
    if known is None or known.kind != "chat":
        return None
    # On the chat surface every model takes and gives text, and streams what it calls.
    profile: dict[str, Any] = {
        "name": known.id,
        "text_inputs": True,
        "text_outputs": True,
        "max_input_tokens": known.context_tokens,
        "image_inputs": known.vision,
        "image_url_inputs": known.vision,
        "image_tool_message": known.vision,  # what a tool shows goes along in a user's message
        "tool_calling": known.tools,
        "tool_choice": known.tools,
        "tool_call_streaming": known.tools,
        "temperature": False if known.refuses.get("temperature") else None,
    }
    return cast(ModelProfile, {name: value for name, value in profile.items() if value is not None})
