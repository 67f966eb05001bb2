DROP INDEX "work_orders_claim_idx";--> statement-breakpoint
ALTER TABLE "work_orders" ADD COLUMN "work_type" text NOT NULL;--> statement-breakpoint
ALTER TABLE "work_orders" ADD COLUMN "dead_lettered_at" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "work_orders_dead_letter_idx" ON "work_orders" USING btree ("dead_lettered_at") WHERE "work_orders"."dead_lettered_at" is not null;--> statement-breakpoint
CREATE INDEX "work_orders_claim_idx" ON "work_orders" USING btree ("work_type","ranked_at","available_at","id") WHERE "work_orders"."status" = 'pending';