"""Reads what pip-audit left (`EXIT_CODE REPORT STANDARD_ERROR`); exits with 1 unless all is well or far away."""  # noqa: INP001

import json
import re
import sys
from pathlib import Path

FOUND = 1
TIMED_OUT = 124
UNREACHED = re.compile(
    r"Could not connect to PyPI|PyPI is not redirecting"
    r"|requests\.exceptions\.(ConnectionError|ConnectTimeout|ReadTimeout|SSLError|ProxyError|ChunkedEncodingError)"
    r"|requests\.exceptions\.HTTPError: 5\d\d ",
)
NOBODY_ASKED = "the advisory database cannot be reached from here: NOTHING WAS AUDITED."


def judge(code: int, report: Path, said: Path) -> tuple[bool, list[str]]:
    """Return whether this may pass, and what to tell."""
    try:
        pins = json.loads(report.read_text())["dependencies"]
    except (OSError, ValueError, KeyError):
        return _without_report(code, said.read_text())
    looked_up = [pin for pin in pins if "skip_reason" not in pin]
    if pins and not looked_up and all("not found" in pin["skip_reason"] for pin in pins):
        return True, [NOBODY_ASKED]
    wrong = [f"{pin['name']} was not looked up: {pin['skip_reason']}" for pin in pins if "skip_reason" in pin]
    wrong += [advisory for pin in looked_up for advisory in _advisories(pin)]
    if not wrong and (code or not pins):
        wrong = [f"pip-audit ended with {code} and a report of {len(pins)} dependencies without advisories."]
    return not wrong, [f"{len(looked_up)} of {len(pins)} dependencies were looked up.", *wrong]


def _advisories(pin: dict) -> list[str]:
    name = f"{pin['name']} {pin['version']}"
    return [f"{name} has {v['id']}; fixed in {', '.join(v['fix_versions']) or 'no version yet'}." for v in pin["vulns"]]


def _without_report(code: int, said: str) -> tuple[bool, list[str]]:
    if code == FOUND and UNREACHED.search(said):
        return True, [NOBODY_ASKED]
    if code == TIMED_OUT:
        return False, ["pip-audit did not come to an end."]
    return False, [f"pip-audit ended with {code} and left no report:", *said.strip().splitlines()[-5:]]


if __name__ == "__main__":
    passes, lines = judge(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
    sys.stdout.write("".join(f"audit: {line}\n" for line in lines))
    sys.exit(not passes)
