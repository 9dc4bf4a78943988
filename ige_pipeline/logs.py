"""How logs look: lines for people, or one JSON object a line for programs. Ids, never numbers or texts of messages."""

import json
import logging
import sys
from datetime import UTC, datetime

# What Dagster adds to a record, as far as it helps to find things again.
_IDS = {"run_id": "run", "job_name": "job", "op_name": "op", "step_key": "step"}


class JsonLines(logging.Formatter):
    """One object a line: at, level, logger, said, and the ids of Dagster's run where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. Of an error only its name is told: its text may quote a row."""
        told = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        meta = getattr(record, "dagster_meta", None) or {}
        told |= {ours: meta[theirs] for theirs, ours in _IDS.items() if meta.get(theirs)}
        told["said"] = meta.get("orig_message") or record.getMessage()
        if record.exc_info is not None and record.exc_info[0] is not None:
            told["error"] = record.exc_info[0].__name__
        return json.dumps(told, ensure_ascii=False, default=str)


def configure(log_format: str) -> None:
    """Let this process's own logs look so, on standard error; `text` leaves Python's way."""
    if log_format == "json":
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonLines())
        logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
