-- The table and the SQL that queries.sql stands on. Safe to run again and again: what is there already is left
-- alone. The service runs it at every start.
--
-- Many workers start at once, and CREATE TABLE IF NOT EXISTS alone fails in all but one of them. A lock of the
-- transaction makes them queue; one of the session would outlive it behind a pooler such as PgBouncer.

BEGIN;
SET LOCAL lock_timeout = '30s';  -- the longest wait for any one lock, and so for callers who queue behind a start
SELECT pg_advisory_xact_lock(hashtext('task-api schema'));

-- user_id comes first in the primary key: one index serves every statement, and the table can be distributed by it.
-- Its collation is "C" because users are compared, never sorted for a reader, and so that no upgrade of the host's
-- locale can spoil the index.
-- The lengths are in the types, and the rest of the rules in main.py: PostgreSQL reads each CHECK anew for every write,
-- and five of them took as long as the write itself.
CREATE TABLE IF NOT EXISTS tasks (
    id              bigint        GENERATED ALWAYS AS IDENTITY,
    user_id         varchar(255)  COLLATE "C" NOT NULL,
    title           varchar(200)  NOT NULL,
    description     varchar(1000),
    complete        boolean       NOT NULL DEFAULT false,
    created_at      timestamptz   NOT NULL DEFAULT now(),
    updated_at      timestamptz   NOT NULL DEFAULT now(),
    idempotency_key varchar(255)  COLLATE "C",

    CONSTRAINT tasks_pkey PRIMARY KEY (user_id, id)
);

-- A first reading may skip this block. A table that is there already is the one above, or the one that stage 1 of the
-- hackathon left (made by SQLModel, its times in UTC), which becomes the one above, once; any other stops the start.
SET LOCAL TimeZone = 'UTC';
DO $$
DECLARE misfit name;
BEGIN
    SELECT coalesce(wanted, attname) INTO misfit
      FROM unnest('{id, user_id, title, description, complete, created_at, updated_at, idempotency_key}'::name[]) AS wanted
      FULL JOIN (SELECT * FROM pg_attribute WHERE attrelid = 'tasks'::regclass AND attnum > 0 AND NOT attisdropped) AS found
        ON attname = wanted
     WHERE wanted NOT IN ('description', 'idempotency_key') AND attnotnull IS NOT TRUE OR wanted = 'description' AND attname IS NULL
        OR wanted IS NULL AND attnotnull AND NOT atthasdef AND attidentity = '';
    IF misfit IS NOT NULL THEN
        RAISE 'the table tasks is not of this service: column "%" is missing, or nullable, or required and unknown', misfit;
    ELSIF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'tasks'::regclass AND attname = 'idempotency_key') THEN
        ALTER TABLE tasks DROP CONSTRAINT IF EXISTS tasks_pkey, ALTER id DROP DEFAULT, ALTER id TYPE bigint,
            ALTER user_id TYPE varchar(255) COLLATE "C", ALTER title TYPE varchar(200), ALTER description TYPE varchar(1000),
            ALTER complete TYPE boolean, ALTER complete SET DEFAULT false,
            ALTER created_at TYPE timestamptz, ALTER created_at SET DEFAULT now(),
            ALTER updated_at TYPE timestamptz, ALTER updated_at SET DEFAULT now(),
            ADD idempotency_key varchar(255) COLLATE "C", ADD CONSTRAINT tasks_pkey PRIMARY KEY (user_id, id);
        DROP SEQUENCE IF EXISTS tasks_id_seq;
        DROP INDEX IF EXISTS ix_tasks_user_id;
        ALTER TABLE tasks ALTER id ADD GENERATED ALWAYS AS IDENTITY;
        PERFORM setval(pg_get_serial_sequence('tasks', 'id'), coalesce(max(id), 0) + 1, false) FROM tasks;
    END IF;
END $$;

-- A new column goes here: ALTER TABLE tasks ADD COLUMN IF NOT EXISTS, NOT NULL only with a DEFAULT.

-- Serves create_task: the same key of the same user is the same task. CREATE INDEX IF NOT EXISTS would lock the table
-- before it looks, and so hold up the writes of every service that runs already.
DO $$ BEGIN IF NOT EXISTS (
    SELECT FROM pg_index WHERE indrelid = 'tasks'::regclass AND indexrelid = to_regclass('tasks_idempotency_key')
) THEN
    CREATE UNIQUE INDEX tasks_idempotency_key ON tasks (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
END IF; END $$;

-- RFC 3339 in UTC. STABLE, so that the planner of list_tasks can put the expression in place of the call.
CREATE OR REPLACE FUNCTION rfc3339(instant timestamptz) RETURNS text
    LANGUAGE sql STABLE
    AS $$ SELECT to_char(instant AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') $$;

-- TaskResponse: one task as the API answers it. It takes columns and not a row, which Citus could not send along; and it
-- is IMMUTABLE, as Citus asks of whatever a RETURNING calls: what it returns depends on no setting. With one argument
-- more it would be a second function beside this one: change every call in queries.sql then.
CREATE OR REPLACE FUNCTION task_json(
    id bigint,
    user_id text,
    title text,
    description text,
    complete boolean,
    created_at timestamptz,
    updated_at timestamptz
) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
        SELECT json_build_object(
            'id', id,
            'user_id', user_id,
            'title', title,
            'description', description,
            'complete', complete,
            'created_at', rfc3339(created_at),
            'updated_at', rfc3339(updated_at)
        )::text
    $$;

COMMIT;
