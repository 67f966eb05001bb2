-- The words of the tasks that are there already, apart as withWordsApart (task-words.ts) puts them.
INSERT INTO "task_words" ("task_id", "words")
SELECT "id", to_tsvector('simple', translate("title" || ' ' || "description", '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', repeat(' ', 32)))
FROM "tasks";
