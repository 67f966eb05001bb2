DROP INDEX "events_work_order_id_idx";--> statement-breakpoint
DROP INDEX "events_worker_id_idx";--> statement-breakpoint
DROP INDEX "events_type_idx";--> statement-breakpoint
DROP INDEX "events_occurred_at_idx";--> statement-breakpoint
DROP INDEX "events_position_key";--> statement-breakpoint
DROP INDEX "events_task_id_idx";--> statement-breakpoint
DROP INDEX "events_execution_id_idx";--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "work_type" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "has_dependencies" boolean DEFAULT false NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "events_position_key" ON "events" USING btree ("position") WHERE "events"."position" is not null;--> statement-breakpoint
CREATE INDEX "events_task_id_idx" ON "events" USING btree ("task_id","position") WHERE "events"."position" is not null;--> statement-breakpoint
CREATE INDEX "events_execution_id_idx" ON "events" USING btree ("execution_id","position") WHERE "events"."position" is not null and "events"."execution_id" is not null;