"""Environment in, plain adapters out. The only module that reads the environment."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from ige_pipeline.delivery.endpoint import WebhookEndpoint
from ige_pipeline.delivery.target import Target, check_target
from ige_pipeline.inbound.proof import Credentials, check
from ige_pipeline.loopback import is_loopback
from ige_pipeline.postgres.connection import Database, connect, normalise_url
from ige_pipeline.postgres.schema import require_schema
from ige_pipeline.refusal import Refusal
from ige_pipeline.safeguards.quiet_rules import holidays_of
from ige_pipeline.secret_files import FILES, value_of
from ige_pipeline.service_links import is_service_link
from ige_pipeline.settings import Settings

if TYPE_CHECKING:
    from ige_pipeline.generation.model import ModelWriter

EXECUTORS = ("in_process", "multiprocess", "celery", "k8s")
_KNOWN = frozenset(
    {
        "IGE_CONSOLE_PROXY_FROM",
        "IGE_CONSOLE_PROXY_HEADER",
        "IGE_CONSOLE_PROXY_SECRET",
        "IGE_CONSOLE_ROLES",
        "IGE_CONSOLE_TOKENS",
        "IGE_ALERT_WEBHOOK_URL",
        "IGE_CELERY_URL",
        "IGE_DATABASE_URL",
        "IGE_EXECUTOR",
        "IGE_INBOUND_SECRET",
        "IGE_INBOUND_TOKEN",
        "IGE_LOG_FORMAT",
        "IGE_OPENAI_MODEL",
        "IGE_PUBLIC_URL",
        "IGE_SCHEDULES",
        "IGE_SETTINGS",
        "IGE_STATE",
        "IGE_TWILIO_AUTH_TOKEN",
        "IGE_WEBHOOK_AUTH_HEADER",
        "IGE_WEBHOOK_SECRET",
    },
)
_WEBHOOK = ("N8N_OUTBOUND_WEBHOOK_URL", "N8N_WEBHOOK_URL")
_IDLE_STOP = timedelta(minutes=10)
_DEFAULT_MODEL = "gpt-4o-mini"


@dataclass(frozen=True)
class Environment:
    """What the surroundings say. Secrets are read where they are used and never kept in a name of their own."""

    values: Mapping[str, str] = field(repr=False)

    @classmethod
    def of_process(cls) -> "Environment":
        """Read this process's environment."""
        return cls(dict(os.environ))

    def get(self, name: str) -> str | None:
        """Return a variable's value, or what the file named by its `_FILE` twin holds; empty counts as not set."""
        return value_of(name, self.values)

    def settings(self, overrides: Mapping[str, Any] | None = None) -> Settings:
        """Return what a run obeys: overrides, then `IGE_…`, then the TOML file, then defaults; Refusal if malformed."""
        self._require_known_names()
        path = Path(self.get("IGE_SETTINGS") or "ige.toml")
        layers: dict[str, tuple[Any, str]] = {}
        for name, value in _read_toml(path, required=self.get("IGE_SETTINGS") is not None).items():
            layers[name] = (value, str(path))
        for name in Settings.model_fields:
            if (value := self.get(variable := f"IGE_{name.upper()}")) is not None:
                layers[name] = (value, variable)
        for name, value in (overrides or {}).items():
            layers[name] = (value, "the run's config")
        settings = _validated(layers)
        # Before any row is touched: a calendar that is not installed would otherwise be found missing at each message.
        holidays_of(settings.quiet_holidays)
        return settings

    def _require_known_names(self) -> None:
        """A mistyped safeguard must not quietly stay at its default."""
        known = {f"IGE_{name.upper()}" for name in Settings.model_fields} | _KNOWN | FILES
        for name in sorted(
            name
            for name, value in self.values.items()
            if name.startswith("IGE_")
            and not name.removeprefix("IGE_").startswith("TEST_")
            and name not in known
            and not is_service_link(name, value)
        ):
            meant = get_close_matches(name, known, n=1)
            raise Refusal(f"{name} is no variable of ours" + (f": perhaps {meant[0]} was meant." if meant else "."))

    def database(self) -> Database:
        """Return the database that IGE_DATABASE_URL names; unset, start the embedded server and bring it up to date."""
        url = self.get("IGE_DATABASE_URL")
        if url is not None:
            return Database(normalise_url(url))
        # Only a sandbox needs these, and every process of Dagster's would pay for them.
        from ige_pipeline.postgres import embedded  # noqa: PLC0415
        from ige_pipeline.postgres.migrate import migrate  # noqa: PLC0415

        url = embedded.ensure_running(self.state_folder / "postgres", idle_stop=_IDLE_STOP)
        migrate(url)
        return Database(url)

    def checked_database(self) -> Database:
        """Return the database after making sure that it answers and is at this code's schema; Refusal if not."""
        database = self.database()
        with connect(database.url) as conn:
            require_schema(conn)
        return database

    @property
    def state_folder(self) -> Path:
        """Where an embedded server and Dagster's state are kept: IGE_STATE, or `.ige` in the working folder."""
        return Path(self.get("IGE_STATE") or ".ige")

    @property
    def schedules_on(self) -> bool:
        """Whether jobs run by themselves: only where IGE_SCHEDULES is `on`."""
        said = (self.get("IGE_SCHEDULES") or "off").lower()
        if said not in {"on", "off"}:
            raise Refusal(f"IGE_SCHEDULES is {said!r}: write on or off.")
        return said == "on"

    @property
    def executor(self) -> str:
        """Where ops run: IGE_EXECUTOR, in this process unless it says otherwise; Refusal for a word we do not know."""
        name = self.get("IGE_EXECUTOR") or "in_process"
        if name not in EXECUTORS:
            raise Refusal(f"IGE_EXECUTOR is {name!r}: write one of {', '.join(EXECUTORS)}.")
        return name

    @property
    def celery_url(self) -> str:
        """Where Celery's workers listen: IGE_CELERY_URL, a Redis on this machine unless it says otherwise."""
        return self.get("IGE_CELERY_URL") or "redis://localhost:6379/0"

    @property
    def webhook(self) -> str | None:
        """Where messages are posted: the first of the webhook variables that is set."""
        return next((found for name in _WEBHOOK if (found := self.get(name))), None)

    @property
    def alert_webhook(self) -> str | None:
        """Where alerts are posted: IGE_ALERT_WEBHOOK_URL; Refusal where that is no web address."""
        url = self.get("IGE_ALERT_WEBHOOK_URL")
        if url is not None and not url.startswith(("http://", "https://")):
            raise Refusal("IGE_ALERT_WEBHOOK_URL is not a web address: write it as https://host/path.")
        return url

    @property
    def consent_needed(self) -> bool:
        """Whether a text could leave this machine: unless the webhook is loopback, and also where none is set yet."""
        return not is_loopback(self.webhook)

    def target(self, settings: Settings) -> Target:
        """Return where messages are posted; Refusal when neither webhook variable is set or one is malformed."""
        url = self.webhook
        if url is None:
            raise Refusal("N8N_OUTBOUND_WEBHOOK_URL is not set: set it to the webhook that sends your texts.")
        name = next(name for name in _WEBHOOK if self.get(name))
        return check_target(
            Target(
                variable=name,
                url=url,
                kind=settings.webhook_format,
                e164_region=settings.default_region if settings.webhook_phone_format == "e164" else None,
                auth_header=self.get("IGE_WEBHOOK_AUTH_HEADER"),
                secrets=self.get("IGE_WEBHOOK_SECRET"),
                timeout_s=settings.post_timeout_seconds,
            ),
        )

    def endpoint(self, settings: Settings) -> WebhookEndpoint:
        """Return the webhook, ready to be posted to; Refusal as for `target`."""
        return WebhookEndpoint(self.target(settings))

    def inbound_credentials(self) -> Credentials:
        """Return what senders of replies and receipts prove themselves with; Refusal when nothing is set."""
        return check(
            Credentials(
                tokens=self.get("IGE_INBOUND_TOKEN") or "",
                secrets=self.get("IGE_INBOUND_SECRET") or "",
                twilio_token=self.get("IGE_TWILIO_AUTH_TOKEN") or "",
                public_url=self.get("IGE_PUBLIC_URL") or "",
            )
        )

    @property
    def model_name(self) -> str:
        """Which model writes: IGE_OPENAI_MODEL."""
        return self.get("IGE_OPENAI_MODEL") or _DEFAULT_MODEL

    @property
    def log_format(self) -> str:
        """How logs look: IGE_LOG_FORMAT, lines for people unless it says `json`."""
        said = (self.get("IGE_LOG_FORMAT") or "text").lower()
        if said not in {"text", "json"}:
            raise Refusal(f"IGE_LOG_FORMAT is {said!r}: write text or json.")
        return said

    def model(self, settings: Settings) -> "ModelWriter | None":
        """Return the model that writes, or None without OPENAI_API_KEY: then the built-in templates do."""
        key = self.get("OPENAI_API_KEY")
        if key is None:
            return None
        # Only a batch asks a model, and every process of Dagster's would pay for these.
        from ige_pipeline.generation.model import ModelWriter  # noqa: PLC0415
        from ige_pipeline.generation.pace import Pace  # noqa: PLC0415
        from ige_pipeline.generation.price import of_model  # noqa: PLC0415

        name = self.model_name
        return ModelWriter(
            model=name,
            api_key=key,
            base_url=self.get("OPENAI_BASE_URL"),
            timeout_seconds=settings.model_timeout_seconds,
            total_seconds=settings.model_total_seconds,
            concurrency=settings.model_concurrency,
            retries=settings.model_retries,
            prompt_version=settings.model_prompt,
            language=settings.language,
            prices=of_model(name, stated=settings.model_prices),
            pace=Pace(
                requests_per_minute=settings.model_requests_per_minute,
                tokens_per_minute=settings.model_tokens_per_minute,
            ),
        )


def _read_toml(path: Path, *, required: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if required:
            raise Refusal(f"IGE_SETTINGS names {path}, which does not exist.") from error
        return {}
    except (OSError, ValueError) as error:
        raise Refusal(f"The settings file {path} cannot be read: {error}.") from error


def _validated(layers: Mapping[str, tuple[Any, str]]) -> Settings:
    try:
        return Settings(**{name: value for name, (value, _) in layers.items()})
    except ValidationError as error:
        first = cast("dict[str, Any]", error.errors()[0])
        name = str(first["loc"][0]) if first["loc"] else "settings"
        source = layers.get(name, (None, "the settings"))[1]
        if first["type"] == "extra_forbidden":
            raise Refusal(
                f"{source} sets {name}, which is not a setting: see docs/settings.md for all of them."
            ) from error
        raise Refusal(f"{name} in {source} is malformed: {_lower_first(first['msg'])}.") from error


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
