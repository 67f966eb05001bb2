ALTER TABLE "worker_requests" ADD COLUMN "alike_group" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "worker_requests" ADD COLUMN "people_since" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "worker_requests_live_alike_idx" ON "worker_requests" USING btree ("alike_group") WHERE status in ('pending', 'automated', 'human');--> statement-breakpoint
UPDATE "worker_requests" SET "people_since" = coalesce("routed_at", "raised_at") WHERE "status" = 'human' OR "answer_source" = 'person';
