"""What the templates are made of: message types, styles, and the variants of each."""

from collections.abc import Mapping
from dataclasses import dataclass

from ige_pipeline.generation import untrusted

MESSAGE_TYPES = (
    "check_in",
    "milestone_follow_up",
    "resource_suggestion",
    "encouragement",
    "course_correction",
    "celebration",
)
STYLES = ("casual", "professional", "friendly")

# What a message is about; a variant that names one says more than one that does not.
SUBJECTS = ("item", "next_milestone", "target", "completed_item", "action_item", "event_name", "gap")
PLACEHOLDERS = frozenset({"greeting", "first_name", "company_name", *SUBJECTS})

# Made up, to show and to check what a text looks like with a value in each place.
EXAMPLE = {
    "first_name": "Maria",
    "company_name": "Vega Roofing",
    "item": "upload the insurance certificate",
    "next_milestone": "send the first three quotes",
    "target": "ten regular customers",
    "completed_item": "sign the supplier contract",
    "action_item": "renew the trade licence",
    "event_name": "Spring Contractor Meetup",
    "gap": "how many people work with you",
}


@dataclass(frozen=True, slots=True)
class Greeting:
    """How a style opens a message, with a first name and without."""

    named: str
    plain: str


@dataclass(frozen=True, slots=True)
class Variant:
    """One text of the data file; `number` is its place in its list, from 1."""

    message_type: str
    style: str
    number: int
    text: str

    @property
    def place(self) -> str:
        """Where it stands in the file, which is also its name."""
        return f"{self.message_type}/{self.style}/{self.number}"

    @property
    def source(self) -> str:
        """The source of a draft made from it."""
        return f"template:{self.place}"

    @property
    def needs(self) -> frozenset[str]:
        """The placeholders that must have a value; a greeting always has one."""
        return untrusted.placeholders(self.text) - {"greeting"}


@dataclass(frozen=True, slots=True)
class Templates:
    """All variants, and the greeting of each style."""

    greetings: Mapping[str, Greeting]
    variants: tuple[Variant, ...]
