-- The table, and the SQL that queries.sql builds on. The service runs this file at every start. It
-- is safe to run again: it keeps all rows, replaces the functions, and changes the table only if
-- something is missing. It also changes one setting of the role that runs it, in this database, and
-- on Supabase it revokes rights on a table that it creates or takes over.

BEGIN;

-- Several workers can start at the same time, and creating the table would fail in all but one.
-- This lock makes them take turns. It belongs to the transaction, because a session lock would
-- stay behind in a pooler such as PgBouncer.
SET LOCAL lock_timeout = '30s';  -- for this lock and every other one
SELECT pg_advisory_xact_lock(1716047398);  -- any number, the same in every version

DO $$
BEGIN
    -- Only UTF8 can store every character.
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE 'the encoding of the database is %, not UTF8', current_setting('server_encoding');
    END IF;
END $$;

-- The table of a new database. Do not add a column here, because an existing table would not get
-- it: see "New columns" below.
--
-- The primary key starts with user_id, so its index serves every statement that reads or changes a
-- task, and Citus (PostgreSQL spread over many servers) can distribute the table by user_id. The
-- collation "C" is fast, and no upgrade of the operating system can corrupt an index that uses it.
-- main.py checks every rule, and explains it to the caller. The types repeat the lengths as a
-- safety net.
DO $$
BEGIN
    -- CREATE TABLE IF NOT EXISTS would look only in the first schema of search_path.
    IF to_regclass('tasks') IS NULL THEN
        CREATE TABLE tasks (
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
        -- A variable that lasts until COMMIT. The last block of this file reads it.
        PERFORM set_config('tasks.just_set_up', 'true', true);
    END IF;
END $$;

-- Render a time as RFC 3339 in UTC. It is STABLE, like to_char. If it were IMMUTABLE, the planner
-- could not replace a call with the expression.
CREATE OR REPLACE FUNCTION rfc3339(instant timestamptz) RETURNS text
    LANGUAGE sql STABLE
    AS $$ SELECT to_char(instant AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') $$;

-- Render one task as the TaskResponse of main.py. It is declared IMMUTABLE because Citus accepts
-- nothing else in RETURNING. This is safe although it calls a STABLE function, because the result
-- depends on no setting.
--
-- If you add a parameter, PostgreSQL creates a second function and keeps the old one, so that a
-- service of the previous version continues to work while you deploy.
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
        SELECT row_to_json(task)::text
          FROM (
                   SELECT id,
                          user_id,
                          title,
                          description,
                          complete,
                          rfc3339(created_at) AS created_at,
                          rfc3339(updated_at) AS updated_at
               ) AS task
    $$;

-- If a client disconnects while its statement waits, PostgreSQL does not notice by itself. Let it
-- check every second and end such a statement, so that it cannot take effect later. This is set on
-- the role, for this database, because a session setting would not survive a pooler.
DO $$
BEGIN
    -- PostgreSQL 13 does not have this setting, and the result is NULL.
    IF current_setting('client_connection_check_interval', true) = '0' THEN
        EXECUTE format(
            'ALTER ROLE CURRENT_USER IN DATABASE %I SET client_connection_check_interval = 1000',
            current_database()
        );
    END IF;
EXCEPTION
    WHEN invalid_parameter_value OR insufficient_privilege THEN
        NULL;  -- Some systems, such as Windows, cannot check, and a host can forbid it.
END $$;

-- Skip this block when you read the file for the first time. It takes over the table that stage 1
-- of the hackathon made with SQLModel, and gives it the columns, types and primary key of the table
-- above. Rows keep their ids and times. If a value cannot be converted, or if something on the
-- table could later refuse a valid task, the start fails and the table stays as it was.
SET LOCAL TimeZone = 'UTC';  -- SQLModel stored times in UTC, without a time zone.
DO $$
DECLARE
    obstacles text;
    old_key text;
    old_sequence text;
BEGIN
    -- A table with all these columns is one that this service made or took over.
    IF (
        SELECT count(*)
          FROM pg_attribute
         WHERE attrelid = 'tasks'::regclass
           AND attname IN ('id', 'user_id', 'title', 'description', 'complete',
                           'created_at', 'updated_at', 'idempotency_key')
           AND NOT attisdropped
    ) = 8 THEN
        RETURN;
    END IF;

    SELECT string_agg(obstacle, '; ') INTO obstacles FROM (
        SELECT format(
                   CASE WHEN attname IS NULL THEN 'it has no column "%s"'
                        ELSE 'its column "%s" can be null' END,
                   name
               ) AS obstacle
          FROM unnest(ARRAY['id', 'user_id', 'title', 'description', 'complete',
                            'created_at', 'updated_at']) AS name
          LEFT JOIN pg_attribute
            ON attrelid = 'tasks'::regclass AND attname = name AND NOT attisdropped
         WHERE attname IS NULL
            OR (NOT attnotnull AND attname <> 'description')
        UNION ALL
        SELECT format('its column "%s" must be filled in', attname)
          FROM pg_attribute
         WHERE attrelid = 'tasks'::regclass
           AND attname NOT IN ('id', 'user_id', 'title', 'complete', 'created_at', 'updated_at')
           AND attnotnull
           AND (NOT atthasdef OR attname = 'description')
           AND attidentity = ''
           AND attnum > 0
           AND NOT attisdropped
        UNION ALL
        SELECT format('its column "%s" has a text of more than %s characters', name, maximum)
          FROM (VALUES ('user_id', 255), ('title', 200), ('description', 1000))
               AS limits (name, maximum)
         WHERE EXISTS (SELECT 1 FROM tasks WHERE length(to_jsonb(tasks) ->> name) > maximum)
        UNION ALL
        SELECT format('drop its constraint "%s"', conname)
          FROM pg_constraint
         WHERE (conrelid = 'tasks'::regclass AND contype IN ('f', 'u', 'c', 'x'))
            OR confrelid = 'tasks'::regclass
        UNION ALL
        SELECT format('drop its unique index "%s"', indexrelid::regclass)
          FROM pg_index
         WHERE indrelid = 'tasks'::regclass AND indisunique AND NOT indisprimary
        UNION ALL
        SELECT format('drop its trigger "%s"', tgname)
          FROM pg_trigger
         WHERE tgrelid = 'tasks'::regclass AND NOT tgisinternal
        UNION ALL
        SELECT format('drop its policy "%s"', polname)
          FROM pg_policy
         WHERE polrelid = 'tasks'::regclass
        UNION ALL
        SELECT DISTINCT format('drop the view "%s", which reads it', ev_class::regclass)
          FROM pg_rewrite
          JOIN pg_depend ON classid = 'pg_rewrite'::regclass AND objid = pg_rewrite.oid
         WHERE refclassid = 'pg_class'::regclass
           AND refobjid = 'tasks'::regclass
           AND ev_class <> 'tasks'::regclass
    ) AS found;
    IF obstacles IS NOT NULL THEN
        RAISE 'the table "tasks" does not belong to this service: %', obstacles;
    END IF;

    -- These have other names if the table was renamed from task to tasks.
    SELECT conname INTO old_key
      FROM pg_constraint
     WHERE conrelid = 'tasks'::regclass AND contype = 'p';
    old_sequence := pg_get_serial_sequence('tasks', 'id');

    EXECUTE format('ALTER TABLE tasks DROP CONSTRAINT IF EXISTS %I', coalesce(old_key, 'none'));
    ALTER TABLE tasks
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
    EXECUTE format('DROP SEQUENCE IF EXISTS %s', coalesce(old_sequence, 'tasks_id_seq'));
    DROP INDEX IF EXISTS ix_tasks_user_id, ix_task_user_id;
    ALTER TABLE tasks ALTER id ADD GENERATED ALWAYS AS IDENTITY;
    PERFORM set_config('tasks.just_set_up', 'true', true);
END $$;
-- End of the take-over.

-- New columns: add them here, below the take-over. ADD COLUMN IF NOT EXISTS would lock the table at
-- every start, before it looks, and so delay the requests of services that are running. This block
-- looks first:
--
--     DO $$
--     BEGIN
--         IF NOT EXISTS (
--             SELECT 1
--               FROM pg_attribute
--              WHERE attrelid = 'tasks'::regclass AND attname = 'priority' AND NOT attisdropped
--         ) THEN
--             ALTER TABLE tasks ADD COLUMN priority integer NOT NULL DEFAULT 0;
--         END IF;
--     END $$;
--
-- A column that is NOT NULL needs a DEFAULT for the rows that exist. .github/CONTRIBUTING.md lists
-- the other places that a new field needs.

-- Serves create_task: a user has at most one task with a given key. If you change an index, give it
-- a new name and drop the old one, because an existing database keeps the index that it has.
DO $$
BEGIN
    IF to_regclass('tasks_idempotency_key') IS NULL THEN
        CREATE UNIQUE INDEX tasks_idempotency_key
            ON tasks (user_id, idempotency_key)
         WHERE idempotency_key IS NOT NULL;
    END IF;
END $$;

-- Rows can arrive without advancing the sequence: by COPY, logical replication or the take-over.
-- If the sequence was never used and the table has rows, continue after the greatest id.
SELECT setval(pg_get_serial_sequence('tasks', 'id'), (SELECT max(id) FROM tasks))
  FROM pg_sequences
 WHERE format('%I.%I', schemaname, sequencename) = pg_get_serial_sequence('tasks', 'id')
   AND last_value IS NULL
   AND EXISTS (SELECT 1 FROM tasks);

-- Older Supabase projects grant all rights on a new table to these roles, and anon is everybody who
-- has the project's publishable key. Take these rights back, once.
DO $$
DECLARE
    api_role text;
BEGIN
    IF current_setting('tasks.just_set_up', true) = 'true' THEN
        FOR api_role IN
            SELECT rolname FROM pg_roles WHERE rolname IN ('anon', 'authenticated')
        LOOP
            EXECUTE format('REVOKE ALL ON tasks FROM %I', api_role);
        END LOOP;
    END IF;
END $$;

COMMIT;
