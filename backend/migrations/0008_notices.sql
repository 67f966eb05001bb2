CREATE TABLE "notice_channels" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"address" text NOT NULL,
	"format" text NOT NULL,
	"types" text[] NOT NULL,
	"scope" text NOT NULL,
	"is_enabled" boolean DEFAULT true NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_sent_at" timestamp with time zone,
	"last_error" text DEFAULT '' NOT NULL,
	CONSTRAINT "notice_channels_kind_check" CHECK ("notice_channels"."kind" in ('email', 'webhook')),
	CONSTRAINT "notice_channels_format_check" CHECK ("notice_channels"."format" in ('json', 'slack')),
	CONSTRAINT "notice_channels_scope_check" CHECK ("notice_channels"."scope" in ('mine', 'all'))
);
--> statement-breakpoint
CREATE TABLE "notices" (
	"id" uuid PRIMARY KEY NOT NULL,
	"channel_id" uuid NOT NULL,
	"type" text NOT NULL,
	"task_id" uuid,
	"worker_request_id" uuid,
	"occasion" text NOT NULL,
	"status" text DEFAULT 'waiting' NOT NULL,
	"tries" integer DEFAULT 0 NOT NULL,
	"reason" text DEFAULT '' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"available_at" timestamp with time zone DEFAULT now() NOT NULL,
	"queued_at" timestamp with time zone,
	"ended_at" timestamp with time zone,
	CONSTRAINT "notices_type_check" CHECK ("notices"."type" in ('request.waiting', 'task.in_review', 'task.completed', 'task.failed', 'task.blocked')),
	CONSTRAINT "notices_status_check" CHECK ("notices"."status" in ('waiting', 'sent', 'failed', 'dropped'))
);
--> statement-breakpoint
ALTER TABLE "notice_channels" ADD CONSTRAINT "notice_channels_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "notices" ADD CONSTRAINT "notices_channel_id_notice_channels_id_fk" FOREIGN KEY ("channel_id") REFERENCES "public"."notice_channels"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "notice_channels_user_id_idx" ON "notice_channels" USING btree ("user_id");--> statement-breakpoint
CREATE UNIQUE INDEX "notices_channel_id_occasion_key" ON "notices" USING btree ("channel_id","occasion");--> statement-breakpoint
CREATE INDEX "notices_waiting_idx" ON "notices" USING btree ("available_at") WHERE "notices"."status" = 'waiting';--> statement-breakpoint
CREATE INDEX "notices_created_at_idx" ON "notices" USING btree ("created_at");