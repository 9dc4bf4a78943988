"""What is shipped: one script of others, as its makers made it, and nothing that is loaded from elsewhere."""

import re
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from click.testing import CliRunner

from ige_pipeline.cli.main import ige
from ige_pipeline.console.routes import CHANGE
from ige_pipeline.masking import masked

ROOT = Path(__file__).parents[2]

SHIPPED = files("ige_pipeline.console").joinpath("static")
HTMX = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"


def test_the_script_of_others_is_as_npm_has_it_and_has_its_licence() -> None:
    assert sha256(SHIPPED.joinpath("htmx-2.0.11.min.js").read_bytes()).hexdigest() == HTMX
    assert "Zero-Clause BSD" in SHIPPED.joinpath("htmx-2.0.11.LICENSE").read_text(encoding="utf-8")


def test_our_own_files_name_no_other_address_and_templates_mark_nothing_as_safe() -> None:
    for folder in ("static", "templates"):
        for file in files("ige_pipeline.console").joinpath(folder).iterdir():
            if file.name.startswith("htmx"):
                continue
            text = file.read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
            assert re.findall(r"https?://|//[a-z]+\.", text) == [], file.name
            assert not re.search(r"\|\s*safe|autoescape|<script>|\sstyle=|\son[a-z]+=", text), file.name


def test_numbers_are_cut_in_whatever_way_they_are_written() -> None:
    for written in ("+12125550142", "+1 (212) 555-0142", "212.555.0142", "555-0142"):
        assert masked(f"to {written}, today", shown=False) == "to …0142, today"
    assert masked("2026-11-24 and 48 h", shown=True) == "2026-11-24 and 48 h"
    assert masked(None, shown=False) == ""


TWINS = {
    "/stop": "stop",
    "/start": "start",
    "/contractors/{id:row}/pause": "pause",
    "/contractors/{id:row}/resume": "resume",
    "/contractors/{id:row}/opt-out": "opt-out",
    "/contractors/{id:row}/opt-in": "opt-out --lift",
    "/replies/{id:row}/opt-out": "opt-out --number",
    "/replies/{id:row}/opt-in": "opt-out --number",
    "/replies/{id:row}/seen": "replies seen",
    "/messages/{id:row}/cancel": "cancel",
    "/drafts/{id:row}/approve": "drafts approve",
    "/drafts/{id:row}/edit": "drafts edit",
    "/drafts/{id:row}/reject": "drafts reject",
    "/batches/{id:row}/approve": "batches approve",
    "/dead/redrive": "redrive",
    "/what-if": "preview --set",
}


def test_every_change_of_the_console_can_be_made_at_a_terminal_too_and_the_page_says_how() -> None:
    page = (ROOT / "docs" / "console.md").read_text(encoding="utf-8")

    assert TWINS.keys() == CHANGE.keys()
    assert [twin for twin in TWINS.values() if f"`ige {twin}`" not in page] == []
    for twin in TWINS.values():
        words = [word for word in twin.split() if not word.startswith("--")]
        assert CliRunner().invoke(ige, [*words, "--help"]).exit_code == 0
