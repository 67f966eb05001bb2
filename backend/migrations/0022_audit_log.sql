CREATE TABLE "audit_log" (
	"id" uuid PRIMARY KEY NOT NULL,
	"position" bigint,
	"occurred_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"action" text NOT NULL,
	"actor_kind" text NOT NULL,
	"actor_id" text,
	"user_id" text,
	"actor_name" text,
	"address" text,
	"user_agent" text,
	"request_id" text,
	"target_type" text NOT NULL,
	"target_id" text,
	"before" jsonb,
	"after" jsonb,
	"detail" jsonb,
	CONSTRAINT "audit_log_actor_kind_check" CHECK ("audit_log"."actor_kind" in ('user', 'api_key', 'attempt', 'anonymous', 'system')),
	CONSTRAINT "audit_log_action_check" CHECK ("audit_log"."action" ~ '^[a-z_]+\.[a-z_]+$')
);
--> statement-breakpoint
CREATE TABLE "audit_seals" (
	"number" bigint PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"first_position" bigint NOT NULL,
	"last_position" bigint NOT NULL,
	"content_digest" text NOT NULL,
	"previous_digest" text NOT NULL,
	"digest" text NOT NULL,
	"sealed_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "audit_seals_kind_check" CHECK ("audit_seals"."kind" in ('entries', 'removal')),
	CONSTRAINT "audit_seals_positions_check" CHECK ("audit_seals"."first_position" <= "audit_seals"."last_position")
);
--> statement-breakpoint
CREATE UNIQUE INDEX "audit_log_position_key" ON "audit_log" USING btree ("position");--> statement-breakpoint
CREATE INDEX "audit_log_unsealed_idx" ON "audit_log" USING btree ("id") WHERE position is null;--> statement-breakpoint
CREATE INDEX "audit_log_occurred_at_idx" ON "audit_log" USING btree ("occurred_at");--> statement-breakpoint
CREATE INDEX "audit_log_action_idx" ON "audit_log" USING btree ("action","id");--> statement-breakpoint
CREATE INDEX "audit_log_actor_id_idx" ON "audit_log" USING btree ("actor_id","id");--> statement-breakpoint
CREATE INDEX "audit_log_user_id_idx" ON "audit_log" USING btree ("user_id","id");--> statement-breakpoint
CREATE INDEX "audit_log_target_idx" ON "audit_log" USING btree ("target_type","target_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "audit_seals_previous_digest_key" ON "audit_seals" USING btree ("previous_digest");--> statement-breakpoint
CREATE INDEX "audit_seals_kind_last_position_idx" ON "audit_seals" USING btree ("kind","last_position");--> statement-breakpoint
CREATE INDEX "events_occurred_at_idx" ON "events" USING brin ("occurred_at");
--> statement-breakpoint
-- Written by hand from here on: what keeps the audit log append-only.
CREATE FUNCTION "audit_refuse_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, lower(TG_OP) USING ERRCODE = 'restrict_violation';
END $$;--> statement-breakpoint
-- The one change of an entry: the sealing gives it its position, once.
CREATE FUNCTION "audit_guard_update"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD."position" IS NULL AND NEW."position" IS NOT NULL
    AND to_jsonb(NEW) - 'position' = to_jsonb(OLD) - 'position' THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'audit_log is append-only: update is refused' USING ERRCODE = 'restrict_violation';
END $$;--> statement-breakpoint
-- The one removal of an entry: a seal of the chain states it already.
CREATE FUNCTION "audit_guard_delete"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT FROM "audit_seals" s WHERE s."kind" = 'removal'
      AND s."last_position" >= OLD."position" AND s."first_position" <= OLD."position"
  ) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'audit_log is append-only: no seal states the removal of this entry' USING ERRCODE = 'restrict_violation';
END $$;--> statement-breakpoint
CREATE TRIGGER "audit_log_update" BEFORE UPDATE ON "audit_log" FOR EACH ROW EXECUTE FUNCTION "audit_guard_update"();--> statement-breakpoint
CREATE TRIGGER "audit_log_delete" BEFORE DELETE ON "audit_log" FOR EACH ROW EXECUTE FUNCTION "audit_guard_delete"();--> statement-breakpoint
CREATE TRIGGER "audit_log_truncate" BEFORE TRUNCATE ON "audit_log" FOR EACH STATEMENT EXECUTE FUNCTION "audit_refuse_change"();--> statement-breakpoint
CREATE TRIGGER "audit_seals_change" BEFORE UPDATE OR DELETE ON "audit_seals" FOR EACH ROW EXECUTE FUNCTION "audit_refuse_change"();--> statement-breakpoint
CREATE TRIGGER "audit_seals_truncate" BEFORE TRUNCATE ON "audit_seals" FOR EACH STATEMENT EXECUTE FUNCTION "audit_refuse_change"();
