"""What Dagster hands to the ops: this run's request, and the means to reach the world, made when an op asks for them.

They are functions, so that what is wrong with the surroundings fails the op with one sentence and not the start of the
process with a trace.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Literal, cast, get_args, get_origin

import dagster as dg
from pydantic import Field, ValidationError, create_model

from ige_pipeline.environment import Environment
from ige_pipeline.inbound.take_refusal import take_refusal
from ige_pipeline.refusal import Refusal
from ige_pipeline.run_request import RunRequest
from ige_pipeline.settings import Settings


class _Asked(dg.ConfigurableResource[RunRequest]):
    dry_run: bool = Field(default=False, description="Decide and explain, but schedule and send nothing.")
    as_of: str | None = Field(
        default=None,
        description="Evaluate triggers as of this moment (ISO 8601); for runs without a partition.",
    )

    triggers: list[str] = Field(default=[], description="Run only these triggers; all of them when empty.")

    def create_resource(self, context: dg.InitResourceContext) -> RunRequest:
        """Keep only what was set: the rest comes from the environment, the file and the defaults, in this order."""
        del context
        overrides = _set({name: getattr(self, name) for name in Settings.model_fields})
        return RunRequest(
            settings=lambda: Environment.of_process().settings(overrides),
            dry_run=self.dry_run,
            as_of=self.as_of,
            triggers=tuple(self.triggers),
            consent_needed=lambda: Environment.of_process().consent_needed,
        )


def _bounds(constraints: list[Any]) -> str:
    """Say the bounds of a setting in words."""
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    known = [
        f"{said} {getattr(each, name):g}" for each in constraints for name, said in words.items() if hasattr(each, name)
    ]
    return f" Allowed: {', '.join(known)}." if known else ""


def _optional(name: str) -> tuple[Any, Any]:
    """Make a field of the run config from a setting: the same sentence, empty unless set; bounds are checked on use."""
    field = Settings.model_fields[name]
    kinds: dict[Any, Any] = {int: int | None, float: float | None, bool: bool | None}
    described = f"{field.description} Default: {field.default}.{_bounds(field.metadata)}"
    if get_origin(field.annotation) is Literal:
        words = Enum(name, [(word, word) for word in get_args(field.annotation)])  # type: ignore[misc]
        return words | None, Field(default=None, description=described)
    return kinds.get(field.annotation, str | None), Field(default=None, description=described)


_fields: dict[str, Any] = {name: _optional(name) for name in Settings.model_fields}
RequestResource = create_model("RequestResource", __base__=_Asked, **_fields)


def _set(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a run's config sets, as words and figures."""
    plain = {name: value.value if isinstance(value, Enum) else value for name, value in given.items()}
    return {name: value for name, value in plain.items() if value is not None and name in Settings.model_fields}


def _within_bounds(config: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse at the launch what no surroundings make right; how settings fit together is asked when they are used.

    Dagster asks this before there is a run, and knows no bounds of its own.
    """
    try:
        Settings(**_set(config))
    except ValidationError as error:
        for wrong in error.errors():
            if wrong["type"] != "value_error":
                name = ".".join(str(part) for part in wrong["loc"])
                raise Refusal(f"{name} in the run's config is malformed: {wrong['msg']}.") from None
    return dict(config)


def _request() -> dg.ResourceDefinition:
    made = RequestResource().get_resource_definition()
    return cast("dg.ResourceDefinition", made.configured(_within_bounds, config_schema=made.config_schema.config_type))


class DatabaseResource(dg.ConfigurableResource[Callable[[], Any]]):
    """The database that IGE_DATABASE_URL names, or the embedded one; checked when an op first asks."""

    def create_resource(self, context: dg.InitResourceContext) -> Callable[[], Any]:
        """Return the function that opens it."""
        del context
        return lambda: Environment.of_process().checked_database()


class EndpointResource(dg.ConfigurableResource[Callable[[Settings], Any]]):
    """The webhook that N8N_OUTBOUND_WEBHOOK_URL (else N8N_WEBHOOK_URL) names."""

    def create_resource(self, context: dg.InitResourceContext) -> Callable[[Settings], Any]:
        """Return the function that makes it."""
        del context
        return lambda settings: Environment.of_process().endpoint(settings)


class ModelResource(dg.ConfigurableResource[Callable[[Settings], Any]]):
    """The model that writes, when OPENAI_API_KEY is set."""

    def create_resource(self, context: dg.InitResourceContext) -> Callable[[Settings], Any]:
        """Return the function that makes it, or makes nothing."""
        del context
        return lambda settings: Environment.of_process().model(settings)


class RefusalResource(dg.ConfigurableResource[Callable[..., None]]):
    """What is done with a number that the provider refuses in the answer to a POST."""

    def create_resource(self, context: dg.InitResourceContext) -> Callable[..., None]:
        """Return the function that suppresses it."""
        del context
        return take_refusal


def default_resources() -> dict[str, Any]:
    """Return the resources of production and of the sandbox alike."""
    return {
        "request": _request(),
        "database": DatabaseResource(),
        "endpoint": EndpointResource(),
        "model": ModelResource(),
        "take_refusal": RefusalResource(),
    }
