CREATE TABLE "task_words" (
	"task_id" uuid PRIMARY KEY NOT NULL,
	"words" "tsvector" NOT NULL
);
--> statement-breakpoint
DROP INDEX "tasks_permission_level_idx";--> statement-breakpoint
DROP INDEX "tasks_status_idx";--> statement-breakpoint
DROP INDEX "tasks_priority_idx";--> statement-breakpoint
DROP INDEX "tasks_repository_id_idx";--> statement-breakpoint
DROP INDEX "tasks_assigned_to_idx";--> statement-breakpoint
DROP INDEX "tasks_parent_task_id_idx";--> statement-breakpoint
DROP INDEX "tasks_completed_at_idx";--> statement-breakpoint
ALTER TABLE "task_words" ADD CONSTRAINT "task_words_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "task_words_words_idx" ON "task_words" USING gin ("words") WITH (gin_pending_list_limit=512);--> statement-breakpoint
CREATE INDEX "tasks_updated_at_idx" ON "tasks" USING btree ("updated_at","id");--> statement-breakpoint
CREATE INDEX "tasks_title_idx" ON "tasks" USING btree ("title","id");--> statement-breakpoint
CREATE INDEX "tasks_status_idx" ON "tasks" USING btree ("status","created_at","id","task_type");--> statement-breakpoint
CREATE INDEX "tasks_priority_idx" ON "tasks" USING btree (array_position('{low,normal,high,critical}'::text[], "priority"),"created_at","id");--> statement-breakpoint
CREATE INDEX "tasks_repository_id_idx" ON "tasks" USING btree ("repository_id","created_at","id");--> statement-breakpoint
CREATE INDEX "tasks_assigned_to_idx" ON "tasks" USING btree ("assigned_to") WHERE "tasks"."assigned_to" is not null;--> statement-breakpoint
CREATE INDEX "tasks_parent_task_id_idx" ON "tasks" USING btree ("parent_task_id") WHERE "tasks"."parent_task_id" is not null;--> statement-breakpoint
CREATE INDEX "tasks_completed_at_idx" ON "tasks" USING btree ("completed_at") WHERE "tasks"."completed_at" is not null;