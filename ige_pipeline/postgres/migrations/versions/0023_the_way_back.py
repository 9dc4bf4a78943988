"""Take in what comes back: replies, receipts, and what became of a message.

Columns on `ai_proactive_messages` are nullable without a default, so that no row is written anew. A confirmation of an
opt-out is the one message that may go to a number that opted out: the table allows one for each opt-out.
"""

from ige_pipeline.postgres.schema_change import add_check, add_columns, create_index, execute

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

MESSAGES = "ai_proactive_messages"

COLUMNS = {
    # Which opt-out it confirms; nothing else makes a message pass a suppression.
    "confirms_opt_out": "bigint",
    # What the provider said of it last, and when that was.
    "provider_id": "text",
    "receipt_status": "text",
    "receipt_code": "text",
    "receipt_at": "timestamptz",
    # How often it was sent again because the phone could not be reached.
    "resent": "smallint",
    # When it was written down that nobody answered it.
    "ignored_at": "timestamptz",
}

CHECKS = {
    "confirmation_is_one": (
        "confirms_opt_out IS NULL OR (num_nulls(contractor_id, expires_at) = 0"
        " AND trigger_name IS NOT DISTINCT FROM 'opt_out_confirmation'"
        " AND source_message_type IS NOT DISTINCT FROM 'opt_out_confirmation')"
    ),
    "receipt_is_known": (
        "receipt_status IS NULL OR receipt_status IN ('queued', 'sent', 'delivered', 'undelivered', 'failed')"
    ),
}

# The provider's id makes a reply one, however often it comes. What cannot be read is kept as far as it could be.
INBOUND = """
CREATE TABLE IF NOT EXISTS ige_inbound_messages (
    id             bigserial PRIMARY KEY,
    provider_id    text NOT NULL UNIQUE,
    proof          text NOT NULL,
    received_at    timestamptz NOT NULL DEFAULT now(),
    sent_from      text,
    sent_to        text,
    phone_e164     text,
    body           text NOT NULL,
    media          smallint NOT NULL DEFAULT 0,
    meaning        text NOT NULL,
    rule           text,
    indicator      text,
    complaint      boolean NOT NULL DEFAULT false,
    contractor_id  bigint,
    message_id     bigint,
    first_response boolean NOT NULL DEFAULT false,
    answer         text,
    cancelled      integer NOT NULL DEFAULT 0,
    flag           text,
    seen_at        timestamptz,
    seen_by        text,
    CONSTRAINT meaning_is_known CHECK (meaning IN
        ('reply', 'opt_out', 'opt_in', 'help', 'unreadable')),
    CONSTRAINT seeing_is_signed CHECK ((seen_at IS NULL) = (seen_by IS NULL)),
    CONSTRAINT a_first_response_has_its_message CHECK (NOT first_response OR message_id IS NOT NULL)
)"""

# Whatever a provider said of a message, known or not, once.
RECEIPTS = """
CREATE TABLE IF NOT EXISTS ige_receipts (
    id          bigserial PRIMARY KEY,
    provider_id text NOT NULL,
    status      text NOT NULL,
    code        text NOT NULL DEFAULT '',
    proof       text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    phone_e164  text,
    message_id  bigint,
    done        text NOT NULL DEFAULT '',
    CONSTRAINT said_once UNIQUE (provider_id, status, code)
)"""

# What a contractor did counts for one message.
ATTRIBUTIONS = """
CREATE TABLE IF NOT EXISTS ige_attributions (
    subject_table text NOT NULL,
    subject_id    bigint NOT NULL,
    message_id    bigint NOT NULL,
    attributed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subject_table, subject_id)
)"""

OURS = {
    # What a person should look at, and the newest first.
    "ige_inbound_flagged": "ige_inbound_messages (id) WHERE flag IS NOT NULL AND seen_at IS NULL",
    "ige_inbound_by_number": "ige_inbound_messages (phone_e164, id DESC)",
    "ige_inbound_by_contractor": "ige_inbound_messages (contractor_id, id DESC)",
    "ige_inbound_by_message": "ige_inbound_messages (message_id) WHERE message_id IS NOT NULL",
    "ige_receipts_by_message": "ige_receipts (message_id, id)",
    "ige_receipts_of_nobody": "ige_receipts (received_at) WHERE message_id IS NULL",
    "ige_local_numbers": "ige_phones ((right(local_digits, 4))) WHERE local_digits IS NOT NULL",
}

UNANSWERED = (
    f"{MESSAGES} (sent_at) WHERE sent_at IS NOT NULL AND source_message_type IS NULL AND contractor_response IS NULL"
    " AND response_received_at IS NULL AND ignored_at IS NULL"
)


def upgrade() -> None:
    add_columns(MESSAGES, COLUMNS)
    for name, condition in CHECKS.items():
        add_check(MESSAGES, name, condition)
    for table in (INBOUND, RECEIPTS, ATTRIBUTIONS):
        execute(table)
    for name, definition in OURS.items():
        create_index(name, definition)
    create_index(
        "ige_one_confirmation_for_each_opt_out",
        f"{MESSAGES} (confirms_opt_out) WHERE confirms_opt_out IS NOT NULL",
        unique=True,
    )
    # Which were sent long enough ago to count as ignored? What was counted leaves the index.
    create_index("ige_unanswered_since", UNANSWERED)
    # What did somebody get done lately?
    create_index("ige_done_action_items", "contractor_action_items (completed_at) WHERE completed_at IS NOT NULL")
