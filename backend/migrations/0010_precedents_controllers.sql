CREATE TABLE "controllers" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"instance_id" uuid NOT NULL,
	"api_key_id" uuid,
	"is_online" boolean DEFAULT true NOT NULL,
	"version" text NOT NULL,
	"model" text,
	"is_scripted" boolean DEFAULT false NOT NULL,
	"metrics" jsonb,
	"fault" text DEFAULT '' NOT NULL,
	"registered_at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_heartbeat_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "precedents" (
	"id" uuid PRIMARY KEY NOT NULL,
	"repository_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"fingerprint" text NOT NULL,
	"question" text NOT NULL,
	"options" jsonb NOT NULL,
	"choice" text,
	"text" text NOT NULL,
	"worker_request_id" uuid NOT NULL,
	"answered_by" uuid NOT NULL,
	"uses" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"revoked_at" timestamp with time zone,
	"revoked_by" uuid,
	CONSTRAINT "precedents_kind_check" CHECK ("precedents"."kind" in ('clarification', 'question', 'approval'))
);
--> statement-breakpoint
ALTER TABLE "precedents" ADD CONSTRAINT "precedents_repository_id_repositories_id_fk" FOREIGN KEY ("repository_id") REFERENCES "public"."repositories"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "precedents" ADD CONSTRAINT "precedents_answered_by_users_id_fk" FOREIGN KEY ("answered_by") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "precedents" ADD CONSTRAINT "precedents_revoked_by_users_id_fk" FOREIGN KEY ("revoked_by") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "controllers_name_key" ON "controllers" USING btree ("name");--> statement-breakpoint
CREATE INDEX "controllers_is_online_idx" ON "controllers" USING btree ("is_online");--> statement-breakpoint
CREATE UNIQUE INDEX "precedents_live_key" ON "precedents" USING btree ("repository_id","fingerprint") WHERE revoked_at is null;--> statement-breakpoint
CREATE INDEX "precedents_repository_id_idx" ON "precedents" USING btree ("repository_id","created_at");--> statement-breakpoint
CREATE INDEX "precedents_answered_by_idx" ON "precedents" USING btree ("answered_by");--> statement-breakpoint
CREATE INDEX "precedents_revoked_by_idx" ON "precedents" USING btree ("revoked_by");