-- Every statement that the handlers of main.py run, in the format of aiosql: the name line
-- holds the parameters and ends in $ for the first value of the first row, ^ for that row, or !
-- for how many rows changed; the sentence below it is its documentation. :name is a parameter;
-- where it may be NULL and no column tells its type, write it as in :complete::boolean. A % is %%.
-- Every one but ready names the owner, user_id: nothing else keeps it from others' rows.
-- A statement, its handler and its operationId share one name.
--
-- PostgreSQL renders the answer as JSON text, which is sent on as it is: a task_json(…), or what
-- ends in ::text. Without GROUP BY, a count or a sum is one row even where there are no tasks: the
-- count 0, the sum NULL unless it is in a coalesce(…, 0).

-- name: list_tasks(user_id, complete, limit, offset)$
-- Newest first: a backward scan of the primary key, so nothing is sorted. A filter of NULL lets
-- everything through. A further one goes beside it (in page the count would not see it), and in
-- parentheses: an OR without would show the tasks of others. To look for a text, take
-- strpos(title, :q) > 0, since LIKE has wildcards.
WITH matching AS NOT MATERIALIZED (
    SELECT id,
           user_id,
           title,
           description,
           complete,
           rfc3339(created_at) AS created_at,
           rfc3339(updated_at) AS updated_at
      FROM tasks
     WHERE user_id = :user_id
       AND (:complete::boolean IS NULL OR complete = :complete)
),
page AS (
    SELECT matching AS task
      FROM matching
     ORDER BY id DESC
     LIMIT :limit
    OFFSET :offset
)
SELECT json_build_object(
           'tasks', (SELECT coalesce(json_agg(task), '[]') FROM page),
           'count', (SELECT count(*) FROM matching)
       )::text;

-- name: create_task(user_id, title, description, complete, idempotency_key)^
-- A key seen before changes nothing: the empty update only makes RETURNING answer with the task
-- that is there.
INSERT INTO tasks AS task (user_id, title, description, complete, idempotency_key)
VALUES (:user_id, :title, :description, :complete, :idempotency_key)
    ON CONFLICT (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL
    DO UPDATE SET idempotency_key = task.idempotency_key
RETURNING task_json(id, user_id, title, description, complete, created_at, updated_at),
          id;

-- name: get_task(user_id, task_id)$
-- One task.
SELECT task_json(id, user_id, title, description, complete, created_at, updated_at)
  FROM tasks
 WHERE user_id = :user_id
   AND id = :task_id;

-- name: replace_task(user_id, task_id, title, description, complete)$
-- The clock of a database may be set back; updated_at does not follow it.
UPDATE tasks
   SET title = :title,
       description = :description,
       complete = :complete,
       updated_at = greatest(updated_at, now())
 WHERE user_id = :user_id
   AND id = :task_id
RETURNING task_json(id, user_id, title, description, complete, created_at, updated_at);

-- name: update_task(user_id, task_id, given, title, description, complete)$
-- Sets the fields whose names are in given, an array. The values of the others are ignored. For
-- a new field copy a line, and change all four names in it.
UPDATE tasks
   SET title = CASE WHEN 'title' = ANY (:given) THEN :title ELSE title END,
       description = CASE WHEN 'description' = ANY (:given) THEN :description ELSE description END,
       complete = CASE WHEN 'complete' = ANY (:given) THEN :complete ELSE complete END,
       updated_at = greatest(updated_at, now())
 WHERE user_id = :user_id
   AND id = :task_id
RETURNING task_json(id, user_id, title, description, complete, created_at, updated_at);

-- name: delete_task(user_id, task_id)$
-- The id tells a task that was deleted from one that was never there. A statement that deletes
-- many ends in !, has no found() in its handler, and no filter that NULL switches off.
DELETE FROM tasks
 WHERE user_id = :user_id
   AND id = :task_id
RETURNING id;

-- name: ready()$
-- Is the table there? It reads no row of it.
SELECT to_regclass('tasks') IS NOT NULL;
