"""Create what says whom we may text: opt-outs, consents, and the phone book that makes numbers comparable.

Numbers in the first two are E.164; `ige_phones` says which E.164 number a stored one is. Each index says what it is
for; the ones on tables of others are built CONCURRENTLY.
"""

from ige_pipeline.postgres.schema_change import create_index, execute

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# As libphonenumber writes it: some countries have numbers of three digits, or of more than the fifteen of E.164.
E164 = r"'^\+[1-9][0-9]{2,18}$'"

# Longer ones are no phone numbers: they are judged without being kept.
PHONES = f"""
CREATE TABLE IF NOT EXISTS ige_phones (
    raw          text NOT NULL,
    region       text NOT NULL,
    verdict      text NOT NULL,
    e164         text,
    local_digits text,
    zones        text[],
    state        text,
    read_by      text NOT NULL,
    read_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (raw, region),
    CONSTRAINT raw_is_short CHECK (length(raw) <= 64),
    CONSTRAINT verdict_is_known CHECK (verdict IN ('possible', 'local_only', 'impossible', 'none')),
    CONSTRAINT number_is_e164 CHECK (e164 ~ {E164}),
    CONSTRAINT possible_has_a_number CHECK ((verdict = 'possible') = (e164 IS NOT NULL)),
    CONSTRAINT local_has_its_digits CHECK ((verdict = 'local_only') = (local_digits IS NOT NULL))
)"""

# One row a number: a second opt-out changes nothing, a lifted one can be made again. The audit trail has the history.
SUPPRESSIONS = f"""
CREATE TABLE IF NOT EXISTS ige_suppressions (
    phone_e164    text PRIMARY KEY,
    reason        text NOT NULL,
    source        text NOT NULL,
    suppressed_at timestamptz NOT NULL DEFAULT now(),
    lifted_at     timestamptz,
    lifted_by     text,
    CONSTRAINT number_is_e164 CHECK (phone_e164 ~ {E164}),
    CONSTRAINT suppression_says_why CHECK (btrim(reason) <> '' AND btrim(source) <> ''),
    CONSTRAINT lifting_is_signed CHECK ((lifted_at IS NULL) = (lifted_by IS NULL))
)"""

# Evidence: rows are added, and revoked; a consent given again is a new row.
CONSENTS = f"""
CREATE TABLE IF NOT EXISTS ige_consents (
    id         bigserial PRIMARY KEY,
    phone_e164 text NOT NULL,
    basis      text NOT NULL,
    source     text NOT NULL,
    given_at   timestamptz,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT number_is_e164 CHECK (phone_e164 ~ {E164}),
    CONSTRAINT consent_is_in_words CHECK (btrim(basis) <> '' AND btrim(source) <> ''),
    CONSTRAINT consent_was_given_or_revoked CHECK (num_nonnulls(given_at, revoked_at) >= 1),
    CONSTRAINT consent_ends_after_it_began CHECK (revoked_at >= given_at),
    CONSTRAINT consent_has_real_times CHECK (isfinite(given_at) AND isfinite(revoked_at))
)"""

INDEXES = {
    # Which other spellings, and so which other contractors, are this number?
    "ige_phones_by_number": "ige_phones (e164) WHERE e164 IS NOT NULL",
    # A local number may be any that ends alike; four digits leave one in ten thousand to compare.
    "ige_suppressions_by_ending": "ige_suppressions ((right(phone_e164, 4))) WHERE lifted_at IS NULL",
    "ige_consents_by_number": "ige_consents (phone_e164, given_at, revoked_at)",
    "ige_revoked_consents_by_ending": "ige_consents ((right(phone_e164, 4))) WHERE revoked_at IS NOT NULL",
    # Who else has this number? Only short values: a long one must not make another program's INSERT fail.
    "ige_contractors_by_phone": "contractors (phone) WHERE length(phone) <= 64",
    # The complaints of a week without reading the other indicators.
    "ige_complaints": (
        "ai_trust_indicators (contractor_id, recorded_at DESC)"
        " WHERE indicator_type IN ('negative_feedback', 'ignored_suggestion')"
    ),
}


def upgrade() -> None:
    execute(PHONES)
    execute(SUPPRESSIONS)
    execute(CONSENTS)
    for name, definition in INDEXES.items():
        create_index(name, definition)
