-- The table and the SQL that queries.sql stands on. Safe to run again and again: what is there already is left
-- alone. The service runs it at every start.
--
-- Many workers start at once, and CREATE TABLE IF NOT EXISTS alone fails in all but one of them. A lock of the
-- transaction makes them queue; one of the session would outlive it behind a pooler such as PgBouncer.

BEGIN;

SELECT pg_advisory_xact_lock(hashtext('task-api schema'));

-- user_id comes first in the primary key: one index serves every statement, and the table can be distributed by it.
-- Its collation is "C" because users are compared, never sorted for a reader, and so that no upgrade of the host's
-- locale can spoil the index.
-- The lengths are in the types, and the rest of the rules in main.py: PostgreSQL reads each CHECK anew for every write,
-- and five of them took as long as the write itself.
CREATE TABLE IF NOT EXISTS tasks (
    user_id         varchar(255)  COLLATE "C" NOT NULL,
    id              bigint        GENERATED ALWAYS AS IDENTITY,
    title           varchar(200)  NOT NULL,
    description     varchar(1000),
    complete        boolean       NOT NULL DEFAULT false,
    created_at      timestamptz   NOT NULL DEFAULT now(),
    updated_at      timestamptz   NOT NULL DEFAULT now(),
    idempotency_key varchar(255)  COLLATE "C",

    CONSTRAINT tasks_pkey PRIMARY KEY (user_id, id)
);

-- Serves create_task: the same key of the same user is the same task.
CREATE UNIQUE INDEX IF NOT EXISTS tasks_idempotency_key
    ON tasks (user_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

-- RFC 3339 in UTC. Like the function below it costs no call: the planner puts the expression in its place.
CREATE OR REPLACE FUNCTION rfc3339(instant timestamptz) RETURNS text
    LANGUAGE sql STABLE
    AS $$ SELECT (to_json(instant AT TIME ZONE 'UTC') #>> '{}') || 'Z' $$;

-- TaskResponse: one task as the API answers it. It takes columns and not a row, which Citus could not send along.
CREATE OR REPLACE FUNCTION task_response(
    id bigint,
    user_id text,
    title text,
    description text,
    created_at timestamptz,
    updated_at timestamptz,
    complete boolean
) RETURNS json
    LANGUAGE sql STABLE
    AS $$
        SELECT json_build_object(
            'id', id,
            'user_id', user_id,
            'title', title,
            'description', description,
            'created_at', rfc3339(created_at),
            'updated_at', rfc3339(updated_at),
            'complete', complete
        )
    $$;

COMMIT;
