-- The statements of the routes. aiosql turns each one into a function of main.queries. The
-- name line declares its parameters, and ends in $ if it returns one value or in ^ if it returns
-- one row. Write a percent sign as %%.
--
-- Every statement except ready names the owner, user_id: nothing else separates the users.
-- PostgreSQL renders the tasks as JSON, and the handler sends that text to the caller unchanged.

-- name: list_tasks(user_id, complete, limit, offset)$
-- List a page of tasks, newest first, and count all that match. The primary key is read backwards,
-- so the matching tasks need no sort. They are rendered in a separate step after LIMIT: in page
-- itself, rfc3339 would also run for the rows that OFFSET skips. NOT MATERIALIZED lets both uses of
-- matching read the index. A filter that is NULL matches every task.
--
-- Put a new filter into matching, in parentheses, so that count sees it. Put a cursor such as
-- id < :before_id into page, so that it does not change count.
WITH matching AS NOT MATERIALIZED (
    SELECT id, user_id, title, description, complete, created_at, updated_at
      FROM tasks
     WHERE user_id = :user_id
       AND (:complete::boolean IS NULL OR complete = :complete)
),
page AS (
    SELECT id, user_id, title, description, complete, created_at, updated_at
      FROM matching
     ORDER BY id DESC
     LIMIT :limit
    OFFSET :offset
),
rendered AS (
    SELECT id,
           user_id,
           title,
           description,
           complete,
           rfc3339(created_at) AS created_at,
           rfc3339(updated_at) AS updated_at
      FROM page
)
SELECT json_build_object(
           'tasks', (SELECT coalesce(json_agg(rendered ORDER BY id DESC), '[]') FROM rendered),
           'count', (SELECT count(*) FROM matching)
       )::text;

-- name: create_task(user_id, title, description, complete, idempotency_key)^
-- Create a task. If this user has sent the key before, the update changes no value; it only makes
-- RETURNING return the existing task.
INSERT INTO tasks AS task (user_id, title, description, complete, idempotency_key)
VALUES (:user_id, :title, :description, :complete, :idempotency_key)
    ON CONFLICT (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL
    DO UPDATE SET idempotency_key = task.idempotency_key
RETURNING task_json(id, user_id, title, description, complete, created_at, updated_at),
          id;

-- name: get_task(user_id, task_id)$
-- Get one task.
SELECT task_json(id, user_id, title, description, complete, created_at, updated_at)
  FROM tasks
 WHERE user_id = :user_id
   AND id = :task_id;

-- name: replace_task(user_id, task_id, title, description, complete)$
-- Replace a task. If the clock of the server is set back, greatest() keeps updated_at as it is.
UPDATE tasks
   SET title = :title,
       description = :description,
       complete = :complete,
       updated_at = greatest(updated_at, now())
 WHERE user_id = :user_id
   AND id = :task_id
RETURNING task_json(id, user_id, title, description, complete, created_at, updated_at);

-- name: update_task(user_id, task_id, given, title, description, complete)$
-- Update the fields named in the array given and ignore the values of the others.
UPDATE tasks
   SET title = CASE WHEN 'title' = ANY (:given) THEN :title ELSE title END,
       description = CASE WHEN 'description' = ANY (:given) THEN :description ELSE description END,
       complete = CASE WHEN 'complete' = ANY (:given) THEN :complete ELSE complete END,
       updated_at = greatest(updated_at, now())
 WHERE user_id = :user_id
   AND id = :task_id
RETURNING task_json(id, user_id, title, description, complete, created_at, updated_at);

-- name: delete_task(user_id, task_id)$
-- Delete a task and return its id, or nothing if this user has no such task.
DELETE FROM tasks
 WHERE user_id = :user_id
   AND id = :task_id
RETURNING id;

-- name: ready()$
-- Is the schema there, and may this role read the table? No task is read.
SELECT to_regclass('tasks_idempotency_key') IS NOT NULL
   AND EXISTS (SELECT 1 FROM pg_proc WHERE proname = 'task_json')
   AND has_table_privilege(to_regclass('tasks'), 'SELECT');
