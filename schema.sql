-- The table and the SQL that queries.sql stands on. Safe to run again and again: rows and a table
-- that fits are left alone, the functions are replaced. The service runs it at every start.

BEGIN;

-- Many workers start at once, and CREATE TABLE IF NOT EXISTS alone may fail in all but one.
-- A lock of the transaction makes them queue; one of the session would outlive it behind a
-- pooler such as PgBouncer.
SET LOCAL lock_timeout = '30s';  -- for each lock; while we wait for it, requests queue behind us
SELECT pg_advisory_xact_lock(hashtext('task-api schema'));

DO $$
BEGIN
    -- Can it store any character, and count it as one?
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE 'the encoding of the database is %, not UTF8', current_setting('server_encoding');
    END IF;
END $$;

-- The table of a new database. A new column does not go here, but below ("A new column goes here"),
-- where it reaches the tables that are there, too.
-- user_id comes first in the primary key: that index serves all statements but create_task, and
-- the table can be distributed by user_id. Its collation is "C" because users are compared, never
-- sorted for a reader, and so that no upgrade of the host's locale can spoil the index.
-- The lengths are in the types, and the rest of the rules in main.py: PostgreSQL reads each CHECK
-- anew for every write, and five of them took as long as the write itself.
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

-- A first reading may skip this block. A table that is there already is the one above, or the one
-- that stage 1 of the hackathon left (made by SQLModel, its times in UTC), which becomes the one
-- above, once; a further column that need not be filled in stays. What would refuse good tasks
-- stops the start, and stays as it is.
SET LOCAL TimeZone = 'UTC';
DO $$
DECLARE
    misfit text;
BEGIN
    -- Which column is missing?
    SELECT name INTO misfit
      FROM unnest(ARRAY[
               'id', 'user_id', 'title', 'description', 'complete', 'created_at', 'updated_at'
           ]) WITH ORDINALITY AS wanted (name, place)
     WHERE NOT EXISTS (
               SELECT FROM pg_attribute
                WHERE attrelid = 'tasks'::regclass
                  AND attname = name
                  AND NOT attisdropped
           )
     ORDER BY place
     LIMIT 1;
    IF FOUND THEN
        RAISE 'the table tasks is not of this service: it has no column "%"', misfit;
    END IF;

    -- Has it idempotency_key? Then it is taken for the one above.
    IF EXISTS (
        SELECT FROM pg_attribute
         WHERE attrelid = 'tasks'::regclass
           AND attname = 'idempotency_key'
           AND NOT attisdropped
    ) THEN
        RETURN;
    END IF;

    -- Which column may be null that must not be?
    SELECT attname INTO misfit
      FROM pg_attribute
     WHERE attrelid = 'tasks'::regclass
       AND attname IN ('id', 'user_id', 'title', 'complete', 'created_at', 'updated_at')
       AND NOT attnotnull
     ORDER BY attnum
     LIMIT 1;
    IF FOUND THEN
        RAISE 'the table tasks is not of this service: its column "%" may be null', misfit;
    END IF;

    -- Which other column must be filled in? Or is description NOT NULL?
    SELECT attname INTO misfit
      FROM pg_attribute
     WHERE attrelid = 'tasks'::regclass
       AND attname NOT IN ('id', 'user_id', 'title', 'complete', 'created_at', 'updated_at')
       AND attnum > 0
       AND NOT attisdropped
       AND attnotnull
       AND (NOT atthasdef OR attname = 'description')
       AND attidentity = ''
     ORDER BY attnum
     LIMIT 1;
    IF FOUND THEN
        RAISE 'the table tasks is not of this service: its column "%" must be filled in', misfit;
    END IF;

    -- Which constraint would refuse a good task, or a change of the primary key?
    SELECT conname INTO misfit
      FROM pg_constraint
     WHERE (conrelid = 'tasks'::regclass AND contype IN ('f', 'u', 'c', 'x'))
        OR confrelid = 'tasks'::regclass
     ORDER BY conname
     LIMIT 1;
    IF FOUND THEN
        RAISE 'the table tasks is not of this service: drop its constraint "%"', misfit;
    END IF;

    -- Which unique index would, that is no constraint?
    SELECT indexrelid::regclass INTO misfit
      FROM pg_index
     WHERE indrelid = 'tasks'::regclass
       AND indisunique
       AND NOT indisprimary
     ORDER BY indexrelid
     LIMIT 1;
    IF FOUND THEN
        RAISE 'the table tasks is not of this service: drop its unique index "%"', misfit;
    END IF;

    -- Which trigger might?
    SELECT tgname INTO misfit
      FROM pg_trigger
     WHERE tgrelid = 'tasks'::regclass
       AND NOT tgisinternal
     ORDER BY tgname
     LIMIT 1;
    IF FOUND THEN
        RAISE 'the table tasks is not of this service: drop its trigger "%"', misfit;
    END IF;

    -- Which view would keep its columns from changing?
    SELECT ev_class::regclass INTO misfit
      FROM pg_rewrite
      JOIN pg_depend ON pg_depend.classid = 'pg_rewrite'::regclass AND objid = pg_rewrite.oid
     WHERE refobjid = 'tasks'::regclass
       AND ev_class <> 'tasks'::regclass
     ORDER BY ev_class
     LIMIT 1;
    IF FOUND THEN
        RAISE 'the table tasks is not of this service: drop the view "%" of it', misfit;
    END IF;

    -- Which text is too long?
    SELECT CASE
               WHEN length(user_id::text) > 255 THEN 'user_id'
               WHEN length(title::text) > 200 THEN 'title'
               ELSE 'description'
           END INTO misfit
      FROM tasks
     WHERE length(user_id::text) > 255
        OR length(title::text) > 200
        OR length(description::text) > 1000
     LIMIT 1;
    IF FOUND THEN
        RAISE 'the table tasks is not of this service: its column "%" has a longer text', misfit;
    END IF;

    -- No misfit: it becomes the one above. Every row keeps its id and its times.
    ALTER TABLE tasks
        DROP CONSTRAINT IF EXISTS tasks_pkey,
        ALTER id DROP DEFAULT,
        ALTER id TYPE bigint,
        ALTER user_id TYPE varchar(255) COLLATE "C",
        ALTER title TYPE varchar(200),
        ALTER description TYPE varchar(1000),
        ALTER complete TYPE boolean,
        ALTER complete SET DEFAULT false,
        ALTER created_at TYPE timestamptz,
        ALTER created_at SET DEFAULT now(),
        ALTER updated_at TYPE timestamptz,
        ALTER updated_at SET DEFAULT now(),
        ADD idempotency_key varchar(255) COLLATE "C",
        ADD CONSTRAINT tasks_pkey PRIMARY KEY (user_id, id);
    DROP SEQUENCE IF EXISTS tasks_id_seq;
    DROP INDEX IF EXISTS ix_tasks_user_id;
    ALTER TABLE tasks ALTER id ADD GENERATED ALWAYS AS IDENTITY;
    PERFORM setval(pg_get_serial_sequence('tasks', 'id'), coalesce(max(id), 0) + 1, false)
       FROM tasks;
END $$;

-- A new column goes here. ADD COLUMN IF NOT EXISTS would lock the table at every start, before it
-- looks, and so hold up the requests of every service that runs already. This one looks first:
--
--     DO $$
--     BEGIN
--         IF NOT EXISTS (
--             SELECT FROM pg_attribute
--              WHERE attrelid = 'tasks'::regclass AND attname = 'priority' AND NOT attisdropped
--         ) THEN
--             ALTER TABLE tasks ADD COLUMN priority integer NOT NULL DEFAULT 0;
--         END IF;
--     END $$;
--
-- A column that is NOT NULL needs a DEFAULT: there are rows already. The column then goes into
-- task_json below; into queries.sql, list_tasks, every call of task_json, and the statements that
-- write it, name line included; and into main.py, TaskCreate (TaskUpdate inherits it), TaskPatch
-- and TaskResponse.

-- Serves create_task: the same key of the same user is the same task. CREATE INDEX IF NOT EXISTS
-- would lock the table before it looks, too.
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_index
         WHERE indrelid = 'tasks'::regclass
           AND indexrelid = to_regclass('tasks_idempotency_key')
    ) THEN
        CREATE UNIQUE INDEX tasks_idempotency_key
            ON tasks (user_id, idempotency_key)
         WHERE idempotency_key IS NOT NULL;
    END IF;
END $$;

-- RFC 3339 in UTC. STABLE, so that the planner of list_tasks can put the expression in place of
-- the call.
CREATE OR REPLACE FUNCTION rfc3339(instant timestamptz) RETURNS text
    LANGUAGE sql STABLE
    AS $$ SELECT to_char(instant AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') $$;

-- TaskResponse: one task as the API answers it. It takes columns and not a row, which Citus
-- (PostgreSQL spread over many servers) could not send along; and it is IMMUTABLE, as Citus asks
-- of whatever a RETURNING calls: what it returns depends on no setting. With one argument more it
-- is a second function, and the old one stays in the database, for services that still run from
-- before: change every call in queries.sql, or a call that was forgotten goes on as it did. The
-- tests would notice.
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

-- Has a client hung up while its statement still waits? Have PostgreSQL look each second, and end
-- it: what main.py gives up is then not done later, even if its cancellation got lost. It is set
-- for the role, in this database, since behind a pooler a connection cannot be told anything.
DO $$
BEGIN
    -- Version 13 does not have it: this is NULL then.
    IF current_setting('client_connection_check_interval', true) = '0' THEN
        EXECUTE format(
            'ALTER ROLE CURRENT_USER IN DATABASE %I SET client_connection_check_interval = 1000',
            current_database()
        );
    END IF;
EXCEPTION
    WHEN invalid_parameter_value OR insufficient_privilege THEN
        NULL;  -- Windows cannot look; and maybe some host does not let it be set
END $$;

COMMIT;
