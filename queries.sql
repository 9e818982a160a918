-- Every statement that the handlers of main.py run, in the format of aiosql: the name line holds the parameters and ends
-- in $ for one value or ^ for one row (a handler awaits no more); the sentence below it is its documentation. :name is a
-- parameter: give one that may be NULL a type, as :complete::boolean, and write a % as %%. Every statement names the
-- owner, user_id, and nothing else keeps it from other users' rows. A statement, its handler and its operationId share
-- one name.
--
-- PostgreSQL renders the answer: JSON as text, which is sent on as it is.

-- name: list_tasks(user_id, complete, limit, offset)$
-- Newest first: a backward scan of the primary key, so nothing is sorted. A filter of NULL lets everything through; it
-- stands here twice, for the page and for the count.
SELECT json_build_object(
           'tasks', coalesce(json_agg(page), '[]'),
           'count', (
               SELECT count(*)
                 FROM tasks
                WHERE user_id = :user_id
                  AND (:complete::boolean IS NULL OR complete = :complete)
           )
       )::text
  FROM (
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
            ORDER BY id DESC
            LIMIT :limit
           OFFSET :offset
       ) AS page;

-- name: create_task(user_id, title, description, complete, idempotency_key)^
-- A key seen before changes nothing: the empty update only makes RETURNING answer with the task that is there.
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

-- name: update_task(user_id, task_id, title, set_description, description, complete)$
-- NULL leaves title and complete as they are; for a description it is a value, so set_description tells whether to set it.
UPDATE tasks
   SET title = coalesce(:title, title),
       description = CASE WHEN :set_description THEN :description ELSE description END,
       complete = coalesce(:complete, complete),
       updated_at = greatest(updated_at, now())
 WHERE user_id = :user_id
   AND id = :task_id
RETURNING task_json(id, user_id, title, description, complete, created_at, updated_at);

-- name: delete_task(user_id, task_id)$
-- The id tells a task that was deleted from one that was never there.
DELETE FROM tasks
 WHERE user_id = :user_id
   AND id = :task_id
RETURNING id;

-- name: ready()$
-- Does the database answer? The one statement without an owner, since it reads no table.
SELECT 1;
