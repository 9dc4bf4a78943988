"""What schemathesis makes of our OpenAPI page, sent to a real server: no error, no answer that is not described.

`make fuzz` runs this.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import uvicorn
from psycopg.rows import DictRow

from ige_pipeline.inbound.described import DESCRIBED
from ige_pipeline.inbound.proof import Credentials
from ige_pipeline.inbound.routes import Inbound
from ige_pipeline.postgres.connection import open_pool
from ige_pipeline.serve import app, run
from ige_pipeline.settings import Settings
from ige_pipeline_tests.factories import one
from ige_pipeline_tests.inbound.letters import waiting_for_answer

TOKEN = "a-token-that-nobody-guesses"
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
EXAMPLES = os.environ.get("IGE_TEST_EXAMPLES", "300")
# Whatever somebody sends is kept and answered, also what the page does not describe: nothing is rejected for that.
NOT_OURS = "negative_data_rejection"

pytestmark = pytest.mark.skipif("IGE_TEST_FUZZ" not in os.environ or not SCHEMATHESIS.exists(), reason="make fuzz")


@pytest.fixture
def address(database_url: str) -> Iterator[str]:
    """`ige serve`, as far as it is for machines."""
    ours = Settings(opt_out_confirmation="ours", sender_name="Acme")
    with open_pool(database_url, size=4) as pool, run.listen("127.0.0.1", 0) as listening:
        routes = Inbound(pool, Credentials(tokens=TOKEN), lambda: ours).routes()
        serving = app.application(pool, routes, described=DESCRIBED)
        server = uvicorn.Server(uvicorn.Config(serving, log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def test_no_request_breaks_anything_and_every_answer_is_described(
    conn: psycopg.Connection[DictRow], address: str, tmp_path: Path
) -> None:
    waiting_for_answer(conn)
    words = ["run", f"{address}/openapi.json", "--header", f"Authorization: Bearer {TOKEN}", "--seed", "1"]
    words += ["--exclude-checks", NOT_OURS, "--max-examples", EXAMPLES, "--request-timeout", "20"]

    done = subprocess.run(  # noqa: S603 - our own words
        [SCHEMATHESIS, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert one(conn.execute("SELECT count(*) AS n FROM ige_inbound_messages"))["n"] > 0
    assert one(conn.execute("SELECT count(*) AS n FROM ige_receipts"))["n"] > 0
