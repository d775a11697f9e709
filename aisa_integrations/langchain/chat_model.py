"""`ChatAisa`: a langchain chat model on the gateway's own clients."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Self, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput, ModelProfile
from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult, Generation
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from pydantic import ConfigDict, Field, GetPydanticSchema, PrivateAttr, SecretStr, ValidationError
from pydantic_core import core_schema

from ..chat_body import chat_options
from ..estimate import estimate_text_tokens, measure_prompt
from ..policy import Policy, checked_fallbacks
from ..routing import RouteDecision, explain
from ..routing.caps import Fallback
from ..settings import UNSET, Unset, resolve_origin
from ..transport.network import NetworkOptions
from .accounts import told_again
from .arguments import refuse_unknown, what_is_wrong
from .binding import BoundChatAisa
from .connection import Connection, SecretKey, Wanted, checked, connection, hidden
from .content import PROVIDER, register
from .errors import ConfigurationError, joining
from .many_models import ManyModels
from .messages import wire_messages
from .options import ChatOptions
from .profile import profile_of
from .replies import ChunkReader, chat_result
from .structured_output import Method, StructuredChat, wire_response_format
from .tools import wire_tools

Json = dict[str, Any]
Tool = dict[str, Any] | type | Callable[..., Any] | BaseTool

# langchain-core's own among the arguments of a call: told to whoever traces, and not to the gateway.
_FOR_TRACING: Final = frozenset({"ls_structured_output_format", "structured_output_format", "stream"})
_OF_A_CALL: Final = frozenset({"model", "fallbacks", "stream_usage"})
# Checked by the clients, whose errors say more; pydantic would copy a policy, whose state is its own.
_AS_IT_IS: Final = GetPydanticSchema(lambda source, handler: core_schema.any_schema())

register()


class ChatAisa(ChatOptions, BaseChatModel, ManyModels):
    """Talk to any model of the gateway as a langchain chat model: `ChatAisa(model="gpt-4o").invoke("Hello")`.

    `response_metadata` of an answer says what it cost (`cost` in USD, `cost_kind`), who served it (`served_by`) and
    every attempt (`attempts`); in a stream, that of the last chunk. Errors are those of this package and at once
    langchain-core's `Model…Error`.

    Args:
        model: the id, or a route such as `aisa/auto`.
        api_key: the gateway's key; else `AISA_API_KEY`.
        base_url: the gateway's origin, with or without `/v1`; else `AISA_BASE_URL`, else the live gateway.
        timeout: seconds of an attempt (default: connect 10, read 120); None is no limit.
        max_retries: further rounds over the chain of models (default 2); 0 still fails over.
        fallbacks: model ids asked in turn when the one that was named fails; see `fallback_to`.
        policy: the rest of what to do about failures; an argument above beats the same field here.
        network: how connections are made.
        stream_usage: whether the last chunk of a stream has the tokens in `usage_metadata`.
        streaming: whether `invoke` streams too; None streams where it is asked for, False never.

    All the other options of a chat, such as `temperature`, are listed in `ChatOptions`.

    Raises:
        MissingKeyError: no key was given or found.
        ConfigurationError: an argument that is not known, or cannot work.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", protected_namespaces=())

    model: str
    api_key: Annotated[SecretStr | str | None, _AS_IT_IS] = Field(default=None, repr=False)
    base_url: str | None = None
    timeout: Annotated[float | Unset | None, _AS_IT_IS] = UNSET
    max_retries: Annotated[int | None, _AS_IT_IS] = None
    fallbacks: Annotated[Sequence[str | Fallback | Mapping[str, Any]] | None, _AS_IT_IS] = None
    policy: Annotated[Policy | None, _AS_IT_IS] = Field(default=None, exclude=True, repr=False)
    network: Annotated[NetworkOptions | None, _AS_IT_IS] = Field(default=None, exclude=True, repr=False)
    stream_usage: bool = True
    streaming: bool | None = None

    _connection: tuple[Wanted, Connection] | None = PrivateAttr(default=None)

    if not TYPE_CHECKING:  # type checkers take the fields for the signature

        def __init__(self, **given: Any) -> None:
            given["api_key"] = hidden(given.get("api_key"))  # first of all: any later line may raise
            with joining():
                refuse_unknown(given, type(self).model_fields)
                given["api_key"] = checked(given["api_key"])
                try:
                    super().__init__(**given)
                except ValidationError as error:
                    raise ConfigurationError(what_is_wrong(error)) from None
                self._settle()

    def _settle(self) -> None:
        """Fill in what the environment says, and find out now whether all of it can work."""
        if not isinstance(self.model, str) or not self.model.strip():
            raise ConfigurationError(f"model is the id of a model, such as 'gpt-4o', not {self.model!r}.")
        for name, kind in (("policy", Policy), ("network", NetworkOptions)):
            if not isinstance(given := getattr(self, name), kind | None):
                raise ConfigurationError(f"{name} is a {kind.__name__}, not {type(given).__name__}.")
        if self.fallbacks is not None:
            # As plain values, which langchain can write down.
            self.fallbacks = tuple(Fallback.of(one).to_json() for one in checked_fallbacks(self.fallbacks))
        self.base_url = str(resolve_origin(self.base_url))
        chat_options(self._options())
        self._connected()

    def _connected(self) -> Connection:
        """Return the clients of the settings as they are now: a field may have been set since."""
        if not isinstance(self.api_key, SecretKey):
            self.api_key = checked(hidden(self.api_key))
        if self.policy is None:
            self.policy = Policy()
        key, policy = self.api_key, self.policy
        wanted: Wanted = (key, self.base_url, self.timeout, self.max_retries, id(policy), id(self.network))
        held = self._connection  # read once: pydantic takes its time over a private attribute
        if held is None or held[0] != wanted:
            self._connection = held = connection(
                key, self.base_url, self.timeout, self.max_retries, policy, self.network
            )
        return held[1]

    # ---- calls ------------------------------------------------------------------------------------------------------

    def _body(self, messages: Sequence[BaseMessage], stop: list[str] | None, asked: Mapping[str, Any]) -> Json:
        if not messages:
            raise ConfigurationError("there is no message: give a text, or at least one message.")
        options = {**self._options(), **{name: asked[name] for name in asked.keys() - _FOR_TRACING}}
        model, fallbacks = options.pop("model", None) or self.model, options.pop("fallbacks", self.fallbacks)
        if stop is not None:
            options["stop"] = stop
        if not options.get("stop"):
            options.pop("stop", None)
        if options.get("response_format") is not None:
            options["response_format"] = wire_response_format(options["response_format"])
        if "extra_body" in asked and self.extra_body:
            options["extra_body"] = {**self.extra_body, **(asked["extra_body"] or {})}
        body = {"model": model, "messages": wire_messages(messages), **chat_options(options, also=_OF_A_CALL)}
        if fallbacks is not None:
            others = [one for one in map(Fallback.of, checked_fallbacks(fallbacks)) if one.model != model]
            body["models"] = [model, *(one.to_json() for one in others)]
        return body

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with joining():
            return chat_result(self._connected().sync_client.chat(self._body(messages, stop, kwargs)))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with joining():
            return chat_result(await self._connected().async_client.chat(self._body(messages, stop, kwargs)))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        with joining():
            reader, body = self._reader(kwargs), self._body(messages, stop, kwargs)
            with self._connected().sync_client.stream(_one_answer(body)) as events:
                for event in events:
                    chunk = reader.read(event)
                    if chunk is not None:
                        if run_manager:
                            run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                        yield chunk
                yield reader.finish(events.exchanges, events.usage)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        with joining():
            reader, body = self._reader(kwargs), self._body(messages, stop, kwargs)
            async with self._connected().async_client.stream(_one_answer(body)) as events:
                async for event in events:
                    chunk = reader.read(event)
                    if chunk is not None:
                        if run_manager:
                            await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                        yield chunk
                yield reader.finish(events.exchanges, events.usage)

    def _reader(self, asked: Json) -> ChunkReader:
        return ChunkReader(tells_usage=asked.pop("stream_usage", self.stream_usage))

    # ---- what is made of it -----------------------------------------------------------------------------------------

    def bind(self, **kwargs: Any) -> BoundChatAisa:
        """Return the model with arguments that each of its calls is given."""
        return BoundChatAisa(bound=self, kwargs=kwargs, config={})

    def with_config(self, config: RunnableConfig | None = None, **kwargs: Any) -> BoundChatAisa:
        """Return the model with a config that each of its calls is given."""
        return cast(BoundChatAisa, self.bind().with_config(config, **kwargs))

    def bind_tools(
        self,
        tools: Sequence[Tool],
        *,
        tool_choice: str | bool | Json | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> BoundChatAisa:
        """Return the model with tools that it may call.

        Args:
            tools: functions, langchain tools, pydantic or TypedDict classes, JSON schemas, or OpenAI's own form.
            tool_choice: the name of one that must be called, `any` or `required` for one at least, `auto`, `none`.
            strict: whether arguments must fit their schema exactly.
            parallel_tool_calls: whether several may be called at once.
            kwargs: further options of the call.

        Raises:
            ConfigurationError: `tool_choice` names no such tool.
        """
        return self.bind().bind_tools(
            tools, tool_choice=tool_choice, strict=strict, parallel_tool_calls=parallel_tool_calls, **kwargs
        )

    def with_structured_output(
        self,
        schema: Json | type | None = None,
        *,
        method: Method | None = None,
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> StructuredChat:
        """Return the model so that it answers in the form of a schema.

        Args:
            schema: a pydantic class, of which instances are given; a TypedDict class, a JSON schema or an OpenAI tool,
                which give dicts. `json_mode` goes without one too.
            method: `function_calling` (default), `json_schema` (default beside tools) or `json_mode`, whose prompt must
                say what is wanted.
            include_raw: whether a dict of `raw` (the message), `parsed` and `parsing_error` is given.
            strict: whether the answer must fit exactly; not with `json_mode`.
            kwargs: further options of the call, and `tools` that may be called in place of an answer.

        Raises:
            ConfigurationError: what can't go together.
        """
        return self.bind().with_structured_output(
            schema, method=method, include_raw=include_raw, strict=strict, **kwargs
        )

    def fallback_to(self, *models: str | Fallback | Mapping[str, Any]) -> Self:
        """Return a chat model that asks these in turn, after those it asks already, when a model fails.

        Args:
            models: ids, or `Fallback(model, max_cost_usd=…)`.
        """
        with joining():
            policy = self.policy or Policy()
            before = policy.chain if self.fallbacks is None else tuple(self.fallbacks)
            return self._replaced(fallbacks=(*before, *checked_fallbacks(models)))

    def explain(self, messages: LanguageModelInput, **options: Any) -> RouteDecision:
        """Show which models these messages would be for, and why, without asking any.

        Args:
            messages: as `invoke` takes them.
            options: of the call.
        """
        with joining():
            body = self._body(self._convert_input(messages).to_messages(), None, options)
            return explain(body, policy=self.policy)

    def _replaced(self, **changes: Any) -> Self:
        given = {name: getattr(self, name) for name in self.model_fields_set}
        if self.profile == self._resolve_model_profile():
            del given["profile"]  # the catalogue's, which another model has its own of
        return type(self)(**{**given, **changes})

    @property
    def _asked(self) -> str:
        return self.model

    def _for_model(self, model: str, *, alone: bool) -> Self:
        if alone:
            return self._replaced(model=model, fallbacks=())
        before = self.fallbacks and [one for one in self.fallbacks if Fallback.of(one).model != model]
        return self._replaced(model=model, fallbacks=before)

    def _aisa_standing(self) -> tuple[Policy, str]:
        settled = self._connected()
        return settled.policy, settled.settings.key.token

    def close(self) -> None:
        """Close the connections of plain calls; copies of this model have the same."""
        self._connected().close()

    async def aclose(self) -> None:
        """Close the running loop's connections, and those of plain calls."""
        await self._connected().aclose()

    # ---- what langchain-core asks ------------------------------------------------------------------------------------

    @property
    def model_name(self) -> str:
        """Return the id, by the name that other chat models have it under."""
        return self.model

    def __repr_args__(self) -> Any:
        # Not what langchain-core and the catalogue say of themselves.
        return [(name, value) for name, value in super().__repr_args__() if name not in ("metadata", "profile")]

    @property
    def _llm_type(self) -> str:
        return "aisa-chat"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        fallbacks = [Fallback.of(one).model for one in self.fallbacks or ()]
        about = {"model": self.model, "base_url": self.base_url, **self._options()}
        return {**about, "fallbacks": fallbacks} if fallbacks else about

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        own = [self.stop] if isinstance(self.stop, str) else self.stop
        return LangSmithParams(**{**super()._get_ls_params(stop=stop or own, **kwargs), "ls_provider": PROVIDER})

    def _resolve_model_profile(self) -> ModelProfile | None:
        return profile_of(self.model)

    def get_num_tokens(self, text: str) -> int:
        """Estimate the tokens of a text, from above; no model is asked."""
        return estimate_text_tokens(text)

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """Estimate the tokens of messages, from above; no model is asked."""
        request: Json = {"messages": wire_messages(messages)}
        return measure_prompt({**request, "tools": wire_tools(tools)} if tools else request).tokens

    def _convert_cached_generations(self, cache_val: list[Generation]) -> list[ChatGeneration]:
        # langchain-core writes into what the cache holds, which a caller may hold as well.
        given = super()._convert_cached_generations([copy.copy(generation) for generation in cache_val])
        for generation in given:
            metadata = told_again(generation.message.response_metadata)
            generation.message = generation.message.model_copy(update={"response_metadata": metadata})
        return given

    @property
    def lc_secrets(self) -> dict[str, str]:
        """Name the environment variable that stands for the key where the model is written down."""
        return {"api_key": "AISA_API_KEY"}

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Say that `langchain_core.load.dumps` can write the model down, but for its policy and network."""
        return True


def _one_answer(body: Json) -> Json:
    if body.get("n") not in (None, 1):
        raise ConfigurationError(f"n={body['n']} can't be streamed: a stream is one answer. generate() gives them all.")
    return body
