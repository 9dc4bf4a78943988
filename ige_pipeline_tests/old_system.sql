-- The old system's database as it stands in production before we come: plain tables, serial ids, times without zone,
-- and rows that its five workers left behind. Only columns that the application is known to have.

CREATE TABLE contractors (
    id                  serial PRIMARY KEY,
    first_name          varchar(100),
    last_name           varchar(100),
    email               varchar(255),
    phone               varchar(50),
    company_name        varchar(255),
    ai_proactive_paused boolean DEFAULT false,
    ai_pause_reason     text,
    ai_pause_until      timestamp,
    updated_at          timestamp DEFAULT NOW()
);

CREATE TABLE ai_concierge_goals (
    id                 serial PRIMARY KEY,
    contractor_id      integer NOT NULL REFERENCES contractors (id),
    goal_type          varchar(100) NOT NULL,
    goal_description   text NOT NULL,
    target_milestone   text,
    priority_score     integer DEFAULT 5 CHECK (priority_score BETWEEN 1 AND 10),
    current_progress   integer DEFAULT 0 CHECK (current_progress BETWEEN 0 AND 100),
    next_milestone     text,
    success_criteria   jsonb,
    pattern_source     text,
    pattern_confidence numeric(3, 2) CHECK (pattern_confidence BETWEEN 0 AND 1),
    data_gaps          jsonb,
    status             varchar(50) DEFAULT 'active' CHECK (status IN ('active', 'completed', 'abandoned', 'blocked')),
    trigger_condition  text,
    last_action_at     timestamp,
    created_at         timestamp DEFAULT NOW(),
    updated_at         timestamp DEFAULT NOW(),
    completed_at       timestamp
);

CREATE TABLE ai_concierge_checklist_items (
    id                serial PRIMARY KEY,
    goal_id           integer REFERENCES ai_concierge_goals (id),
    contractor_id     integer NOT NULL REFERENCES contractors (id),
    checklist_item    text NOT NULL,
    item_type         varchar(100),
    status            varchar(50) DEFAULT 'pending'
                      CHECK (status IN ('pending', 'in_progress', 'completed', 'skipped')),
    trigger_condition text,
    executed_at       timestamp,
    execution_context jsonb,
    completed_at      timestamp,
    completion_notes  text,
    created_at        timestamp DEFAULT NOW(),
    updated_at        timestamp DEFAULT NOW()
);

CREATE TABLE ai_trust_indicators (
    id                     serial PRIMARY KEY,
    contractor_id          integer NOT NULL REFERENCES contractors (id),
    indicator_type         varchar(100) NOT NULL,
    indicator_description  text,
    context_data           jsonb,
    confidence_impact      integer CHECK (confidence_impact BETWEEN -10 AND 10),
    cumulative_trust_score integer CHECK (cumulative_trust_score BETWEEN 0 AND 100),
    recorded_at            timestamp DEFAULT NOW(),
    created_at             timestamp DEFAULT NOW(),
    updated_at             timestamp DEFAULT NOW()
);

CREATE TABLE contractor_action_items (
    id            serial PRIMARY KEY,
    contractor_id integer NOT NULL REFERENCES contractors (id),
    title         text,
    description   text,
    status        varchar(50) DEFAULT 'pending',
    due_date      timestamp,
    completed_at  timestamp,
    created_at    timestamp DEFAULT NOW(),
    updated_at    timestamp DEFAULT NOW()
);

CREATE TABLE contractor_followup_schedules (
    id                       serial PRIMARY KEY,
    contractor_id            integer NOT NULL REFERENCES contractors (id),
    action_item_id           integer REFERENCES contractor_action_items (id),
    event_id                 integer,
    scheduled_time           timestamp NOT NULL,
    followup_type            varchar(50) CHECK (followup_type IN
                             ('check_in', 'reminder', 'status_update', 'offer_help', 'completion_confirmation')),
    message_template         text,
    message_tone             varchar(50),
    status                   varchar(50) DEFAULT 'scheduled' CHECK (status IN ('scheduled', 'sent', 'cancelled')),
    sent_at                  timestamp,
    sent_by                  varchar(100),
    response_received_at     timestamp,
    response_text            text,
    ai_should_personalize    boolean DEFAULT true,
    ai_context_hints         jsonb,
    skip_if_completed        boolean DEFAULT true,
    is_recurring             boolean DEFAULT false,
    recurrence_interval_days integer,
    next_occurrence_id       integer,
    created_at               timestamp DEFAULT NOW(),
    updated_at               timestamp DEFAULT NOW()
);

CREATE TABLE events (
    id       serial PRIMARY KEY,
    name     varchar(255),
    date     timestamp,
    location text
);

CREATE TABLE event_messages (
    id                   serial PRIMARY KEY,
    event_id             integer REFERENCES events (id),
    contractor_id        integer REFERENCES contractors (id),
    message_type         varchar(100),
    message_category     varchar(100),
    scheduled_time       timestamp,
    actual_send_time     timestamp,
    message_content      text,
    personalization_data jsonb,
    response_received    text,
    response_time        timestamp,
    status               varchar(50) DEFAULT 'scheduled',
    error_message        text,
    channel              varchar(20) DEFAULT 'sms' CHECK (channel IN ('sms', 'email')),
    phone                varchar(50),
    direction            varchar(20) DEFAULT 'outbound',
    created_at           timestamp DEFAULT NOW(),
    updated_at           timestamp DEFAULT NOW()
);

CREATE TABLE ai_proactive_messages (
    id                     serial PRIMARY KEY,
    contractor_id          integer NOT NULL REFERENCES contractors (id),
    message_type           varchar(100) NOT NULL CHECK (message_type IN
                           ('check_in', 'milestone_follow_up', 'resource_suggestion', 'encouragement',
                            'course_correction', 'celebration')),
    message_content        text NOT NULL,
    ai_reasoning           text,
    context_data           jsonb,
    sent_at                timestamp,
    contractor_response    text,
    response_received_at   timestamp,
    conversation_continued boolean DEFAULT false,
    outcome_rating         integer CHECK (outcome_rating BETWEEN 1 AND 5),
    led_to_action          boolean DEFAULT false,
    created_at             timestamp DEFAULT NOW(),
    updated_at             timestamp DEFAULT NOW()
);

CREATE INDEX idx_proactive_contractor ON ai_proactive_messages (contractor_id);
CREATE INDEX idx_proactive_unsent ON ai_proactive_messages (sent_at) WHERE sent_at IS NULL;

INSERT INTO contractors (first_name, last_name, email, phone, company_name, ai_proactive_paused, updated_at)
VALUES ('Grace', 'Hopper', 'grace@example.com', '+12125550101', 'Hopper Decks', false, NOW() - interval '40 days'),
       ('Alan', 'Turing', 'alan@example.com', '(212) 555-0102', 'Turing Tiles', NULL, NULL),
       (NULL, NULL, NULL, NULL, NULL, true, NOW());

INSERT INTO ai_concierge_goals (contractor_id, goal_type, goal_description, priority_score, status, created_at,
                                updated_at)
VALUES (1, 'growth', 'Win two commercial contracts', 9, 'active', NOW() - interval '60 days', NOW() - interval '1 day'),
       (2, 'hiring', 'Hire an apprentice', 5, 'active', NOW() - interval '90 days', NOW() - interval '20 days');

INSERT INTO ai_concierge_checklist_items (goal_id, contractor_id, checklist_item, status, completed_at, created_at,
                                          updated_at)
VALUES (1, 1, 'Call the two suppliers', 'pending', NULL, NOW() - interval '30 days', NOW() - interval '30 days'),
       (1, 1, 'Renew the licence', 'completed', NOW() - interval '40 days', NOW() - interval '50 days',
        NOW() - interval '40 days');

INSERT INTO ai_trust_indicators (contractor_id, indicator_type, confidence_impact, cumulative_trust_score, recorded_at)
VALUES (1, 'positive_feedback', 5, 55, NOW() - interval '20 days');

-- What the old workers sent, and what they scheduled and never delivered.
INSERT INTO ai_proactive_messages (contractor_id, message_type, message_content, ai_reasoning, context_data, sent_at,
                                   contractor_response, response_received_at, created_at, updated_at)
VALUES (1, 'check_in', 'Hi Grace, how is the bid going?', 'Priority 9', '{"goal_id": 1}', NOW() - interval '30 days',
        'Good!', NOW() - interval '29 days', NOW() - interval '30 days', NOW() - interval '30 days'),
       (2, 'encouragement', 'Hi Alan, keep going with the apprentice.', 'Stalled', '{"goal_id": "2"}', NULL,
        NULL, NULL, NOW() - interval '100 days', NOW() - interval '100 days'),
       (2, 'encouragement', 'Hi Alan, one small step today?', NULL, NULL, NULL,
        NULL, NULL, NULL, NULL);
