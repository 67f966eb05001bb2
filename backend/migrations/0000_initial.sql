CREATE TABLE "api_keys" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"prefix" text NOT NULL,
	"key_hash" text NOT NULL,
	"permissions" text[] NOT NULL,
	"created_by" uuid NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_used_at" timestamp with time zone,
	"expires_at" timestamp with time zone,
	"revoked_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "events" (
	"id" uuid PRIMARY KEY NOT NULL,
	"position" bigint,
	"xid" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"type" text NOT NULL,
	"task_id" uuid,
	"work_order_id" uuid,
	"execution_id" uuid,
	"worker_id" uuid,
	"attempt" integer,
	"correlation_id" text,
	"data" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"occurred_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "events_type_check" CHECK ("events"."type" in ('task.created', 'task.updated', 'task.blocked', 'task.unblocked', 'task.queued', 'task.claimed', 'task.waiting', 'task.requeued', 'task.submitted', 'task.approved', 'task.rejected', 'task.completed', 'task.failed', 'task.cancelled', 'task.deleted', 'work_order.enqueued', 'work_order.claimed', 'work_order.completed', 'work_order.failed', 'work_order.cancelled', 'work_order.expired', 'work_order.lease_lost', 'work_order.retried', 'work_order.released', 'work_order.parked', 'work_order.resumed', 'work_order.buried', 'work_order.requeued', 'execution.started', 'execution.progressed', 'execution.finished', 'worker.registered', 'worker.status_changed', 'worker.deregistered', 'repository.created', 'repository.updated', 'repository.deleted'))
);
--> statement-breakpoint
CREATE TABLE "artifacts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"execution_id" uuid NOT NULL,
	"task_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"content_type" text NOT NULL,
	"size_bytes" bigint NOT NULL,
	"digest" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "artifacts_kind_check" CHECK ("artifacts"."kind" in ('bundle', 'diff', 'evidence', 'log', 'analysis', 'snapshot', 'transcript', 'coverage', 'other'))
);
--> statement-breakpoint
CREATE TABLE "blobs" (
	"digest" text PRIMARY KEY NOT NULL,
	"size_bytes" bigint NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "checkpoints" (
	"id" uuid PRIMARY KEY NOT NULL,
	"task_id" uuid NOT NULL,
	"execution_id" uuid NOT NULL,
	"attempt" integer NOT NULL,
	"step" integer NOT NULL,
	"driver" text NOT NULL,
	"base_commit" text NOT NULL,
	"transcript_artifact_id" uuid NOT NULL,
	"snapshot_artifact_id" uuid,
	"data" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "execution_logs" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "execution_logs_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"execution_id" uuid NOT NULL,
	"level" text NOT NULL,
	"source" text NOT NULL,
	"stream" text NOT NULL,
	"message" text NOT NULL,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"logged_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "execution_logs_level_check" CHECK ("execution_logs"."level" in ('debug', 'info', 'warn', 'error')),
	CONSTRAINT "execution_logs_source_check" CHECK ("execution_logs"."source" in ('worker', 'agent', 'tool', 'command', 'gate', 'git')),
	CONSTRAINT "execution_logs_stream_check" CHECK ("execution_logs"."stream" in ('stdout', 'stderr'))
);
--> statement-breakpoint
CREATE TABLE "executions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"task_id" uuid NOT NULL,
	"work_order_id" uuid NOT NULL,
	"worker_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"attempt" integer NOT NULL,
	"status" text NOT NULL,
	"phase" text,
	"failure" text,
	"verification" text,
	"reason" text DEFAULT '' NOT NULL,
	"summary" text DEFAULT '' NOT NULL,
	"exit_code" integer,
	"sandbox" text NOT NULL,
	"agent" text NOT NULL,
	"is_scripted" boolean DEFAULT false NOT NULL,
	"resumed_from_attempt" integer,
	"metrics" jsonb,
	"evidence" jsonb,
	"base_commit" text,
	"commit" text,
	"branch" text,
	"stdout_log" text DEFAULT '' NOT NULL,
	"stderr_log" text DEFAULT '' NOT NULL,
	"log_bytes" bigint DEFAULT 0 NOT NULL,
	"is_log_full" boolean DEFAULT false NOT NULL,
	"correlation_id" text,
	"started_at" timestamp with time zone DEFAULT now() NOT NULL,
	"completed_at" timestamp with time zone,
	"duration_seconds" double precision,
	CONSTRAINT "executions_kind_check" CHECK ("executions"."kind" in ('run', 'publish', 'verify')),
	CONSTRAINT "executions_status_check" CHECK ("executions"."status" in ('running', 'succeeded', 'failed', 'refused', 'cancelled', 'timed_out', 'parked', 'released', 'lost')),
	CONSTRAINT "executions_phase_check" CHECK ("executions"."phase" in ('prepare', 'checkout', 'setup', 'plan', 'run', 'verify', 'upload', 'publish', 'cleanup')),
	CONSTRAINT "executions_failure_check" CHECK ("executions"."failure" in ('agent', 'verification', 'setup', 'checkout', 'infrastructure')),
	CONSTRAINT "executions_verification_check" CHECK ("executions"."verification" in ('passed', 'failed', 'unverified')),
	CONSTRAINT "executions_sandbox_check" CHECK ("executions"."sandbox" in ('none', 'bubblewrap', 'container', 'seatbelt'))
);
--> statement-breakpoint
CREATE TABLE "repositories" (
	"id" uuid PRIMARY KEY NOT NULL,
	"canonical_key" text NOT NULL,
	"url" text NOT NULL,
	"name" text NOT NULL,
	"default_branch" text,
	"settings" jsonb NOT NULL,
	"egress" text[] DEFAULT '{}'::text[] NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"actor" text NOT NULL,
	"route" text NOT NULL,
	"key" text NOT NULL,
	"request_hash" text NOT NULL,
	"status" text NOT NULL,
	"request_id" text NOT NULL,
	"response_status" integer,
	"response" jsonb,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"held_until" timestamp with time zone NOT NULL,
	CONSTRAINT "idempotency_keys_actor_route_key_pk" PRIMARY KEY("actor","route","key"),
	CONSTRAINT "idempotency_keys_status_check" CHECK ("idempotency_keys"."status" in ('in_progress', 'done'))
);
--> statement-breakpoint
CREATE TABLE "settings" (
	"key" text PRIMARY KEY NOT NULL,
	"value" jsonb NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "stats_samples" (
	"sampled_at" timestamp with time zone PRIMARY KEY DEFAULT now() NOT NULL,
	"lanes" jsonb NOT NULL,
	"claimed" integer NOT NULL,
	"completed" integer NOT NULL,
	"failed" integer NOT NULL,
	"workers_online" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "task_dependencies" (
	"task_id" uuid NOT NULL,
	"depends_on_task_id" uuid NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "task_dependencies_task_id_depends_on_task_id_pk" PRIMARY KEY("task_id","depends_on_task_id"),
	CONSTRAINT "task_dependencies_self_check" CHECK ("task_dependencies"."task_id" <> "task_dependencies"."depends_on_task_id")
);
--> statement-breakpoint
CREATE TABLE "tasks" (
	"id" uuid PRIMARY KEY NOT NULL,
	"title" text NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"task_type" text NOT NULL,
	"permission_level" text NOT NULL,
	"priority" text NOT NULL,
	"status" text NOT NULL,
	"status_reason" text DEFAULT '' NOT NULL,
	"repository_id" uuid NOT NULL,
	"repository_url" text NOT NULL,
	"branch_name" text,
	"issue_number" integer,
	"pr_number" integer,
	"agent" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"limits" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"required_labels" text[] DEFAULT '{}'::text[] NOT NULL,
	"timeout_seconds" integer NOT NULL,
	"context" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"created_by" uuid NOT NULL,
	"assigned_to" uuid,
	"parent_task_id" uuid,
	"attempt" integer DEFAULT 0 NOT NULL,
	"runs" integer DEFAULT 0 NOT NULL,
	"result" jsonb,
	"correlation_id" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp with time zone,
	"completed_at" timestamp with time zone,
	CONSTRAINT "tasks_task_type_check" CHECK ("tasks"."task_type" in ('feature', 'bugfix', 'test', 'docs', 'refactor', 'review')),
	CONSTRAINT "tasks_permission_level_check" CHECK ("tasks"."permission_level" in ('autonomous', 'supervised', 'human_required')),
	CONSTRAINT "tasks_priority_check" CHECK ("tasks"."priority" in ('low', 'normal', 'high', 'critical')),
	CONSTRAINT "tasks_status_check" CHECK ("tasks"."status" in ('pending', 'blocked', 'queued', 'in_progress', 'waiting', 'in_review', 'completed', 'failed', 'cancelled')),
	CONSTRAINT "tasks_attempt_check" CHECK ("tasks"."attempt" >= 0)
);
--> statement-breakpoint
CREATE TABLE "users" (
	"id" uuid PRIMARY KEY NOT NULL,
	"username" text NOT NULL,
	"email" text NOT NULL,
	"hashed_password" text,
	"full_name" text DEFAULT '' NOT NULL,
	"role" text NOT NULL,
	"is_active" boolean DEFAULT true NOT NULL,
	"is_verified" boolean DEFAULT false NOT NULL,
	"settings" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_login_at" timestamp with time zone,
	CONSTRAINT "users_role_check" CHECK ("users"."role" in ('admin', 'developer', 'viewer'))
);
--> statement-breakpoint
CREATE TABLE "work_orders" (
	"id" uuid PRIMARY KEY NOT NULL,
	"task_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"queue_name" text NOT NULL,
	"status" text NOT NULL,
	"attempt" integer DEFAULT 0 NOT NULL,
	"payload" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"result" jsonb,
	"result_hash" text,
	"error_message" text,
	"retry_count" integer DEFAULT 0 NOT NULL,
	"max_retries" integer NOT NULL,
	"lost_leases" integer DEFAULT 0 NOT NULL,
	"timeout_seconds" integer NOT NULL,
	"enqueued_at" timestamp with time zone DEFAULT now() NOT NULL,
	"ranked_at" timestamp with time zone DEFAULT now() NOT NULL,
	"available_at" timestamp with time zone DEFAULT now() NOT NULL,
	"claimed_at" timestamp with time zone,
	"lease_expires_at" timestamp with time zone,
	"completed_at" timestamp with time zone,
	"expires_at" timestamp with time zone,
	"worker_id" uuid,
	"worker_instance_id" uuid,
	"claim_key" text,
	"correlation_id" text,
	CONSTRAINT "work_orders_kind_check" CHECK ("work_orders"."kind" in ('run', 'publish', 'verify')),
	CONSTRAINT "work_orders_queue_name_check" CHECK ("work_orders"."queue_name" in ('high_priority', 'default', 'low_priority')),
	CONSTRAINT "work_orders_status_check" CHECK ("work_orders"."status" in ('pending', 'claimed', 'parked', 'completed', 'failed', 'cancelled', 'expired')),
	CONSTRAINT "work_orders_lease_check" CHECK ("work_orders"."status" <> 'claimed' or ("work_orders"."lease_expires_at" is not null and "work_orders"."worker_id" is not null))
);
--> statement-breakpoint
CREATE TABLE "worker_assignments" (
	"id" uuid PRIMARY KEY NOT NULL,
	"worker_id" uuid NOT NULL,
	"work_order_id" uuid NOT NULL,
	"attempt" integer NOT NULL,
	"status" text NOT NULL,
	"result_hash" text,
	"answer" jsonb,
	"assigned_at" timestamp with time zone DEFAULT now() NOT NULL,
	"completed_at" timestamp with time zone,
	CONSTRAINT "worker_assignments_status_check" CHECK ("worker_assignments"."status" in ('active', 'completed', 'failed', 'cancelled', 'released', 'parked', 'lost'))
);
--> statement-breakpoint
CREATE TABLE "worker_commands" (
	"position" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "worker_commands_position_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"worker_id" uuid NOT NULL,
	"instance_id" uuid,
	"type" text NOT NULL,
	"work_order_id" uuid,
	"attempt" integer,
	"reason" text DEFAULT '' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"acknowledged_at" timestamp with time zone,
	CONSTRAINT "worker_commands_type_check" CHECK ("worker_commands"."type" in ('cancel', 'drain', 'stop_attempt'))
);
--> statement-breakpoint
CREATE TABLE "worker_capabilities" (
	"worker_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"value" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "worker_capabilities_worker_id_kind_value_pk" PRIMARY KEY("worker_id","kind","value"),
	CONSTRAINT "worker_capabilities_kind_check" CHECK ("worker_capabilities"."kind" in ('task_type', 'label', 'agent_driver', 'agent_model', 'sandbox'))
);
--> statement-breakpoint
CREATE TABLE "worker_samples" (
	"worker_id" uuid NOT NULL,
	"sampled_at" timestamp with time zone DEFAULT now() NOT NULL,
	"active_count" integer NOT NULL,
	"load_average" double precision NOT NULL,
	"memory_used_bytes" bigint NOT NULL,
	"disk_free_bytes" bigint NOT NULL,
	CONSTRAINT "worker_samples_worker_id_sampled_at_pk" PRIMARY KEY("worker_id","sampled_at")
);
--> statement-breakpoint
CREATE TABLE "workers" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"worker_type" text NOT NULL,
	"status" text NOT NULL,
	"status_reason" text DEFAULT '' NOT NULL,
	"version" text NOT NULL,
	"instance_id" uuid NOT NULL,
	"max_concurrent_tasks" integer NOT NULL,
	"active_count" integer DEFAULT 0 NOT NULL,
	"timeout_seconds" integer NOT NULL,
	"context_window_size" integer,
	"config" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"capabilities" jsonb NOT NULL,
	"metrics" jsonb,
	"api_key_id" uuid,
	"last_heartbeat_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"deregistered_at" timestamp with time zone,
	CONSTRAINT "workers_status_check" CHECK ("workers"."status" in ('idle', 'busy', 'draining', 'offline', 'error'))
);
--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_created_by_users_id_fk" FOREIGN KEY ("created_by") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "artifacts" ADD CONSTRAINT "artifacts_execution_id_executions_id_fk" FOREIGN KEY ("execution_id") REFERENCES "public"."executions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "artifacts" ADD CONSTRAINT "artifacts_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "artifacts" ADD CONSTRAINT "artifacts_digest_blobs_digest_fk" FOREIGN KEY ("digest") REFERENCES "public"."blobs"("digest") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "checkpoints" ADD CONSTRAINT "checkpoints_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "checkpoints" ADD CONSTRAINT "checkpoints_execution_id_executions_id_fk" FOREIGN KEY ("execution_id") REFERENCES "public"."executions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "checkpoints" ADD CONSTRAINT "checkpoints_transcript_artifact_id_artifacts_id_fk" FOREIGN KEY ("transcript_artifact_id") REFERENCES "public"."artifacts"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "checkpoints" ADD CONSTRAINT "checkpoints_snapshot_artifact_id_artifacts_id_fk" FOREIGN KEY ("snapshot_artifact_id") REFERENCES "public"."artifacts"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "execution_logs" ADD CONSTRAINT "execution_logs_execution_id_executions_id_fk" FOREIGN KEY ("execution_id") REFERENCES "public"."executions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "executions" ADD CONSTRAINT "executions_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "executions" ADD CONSTRAINT "executions_work_order_id_work_orders_id_fk" FOREIGN KEY ("work_order_id") REFERENCES "public"."work_orders"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "executions" ADD CONSTRAINT "executions_worker_id_workers_id_fk" FOREIGN KEY ("worker_id") REFERENCES "public"."workers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_dependencies" ADD CONSTRAINT "task_dependencies_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_dependencies" ADD CONSTRAINT "task_dependencies_depends_on_task_id_tasks_id_fk" FOREIGN KEY ("depends_on_task_id") REFERENCES "public"."tasks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_repository_id_repositories_id_fk" FOREIGN KEY ("repository_id") REFERENCES "public"."repositories"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_created_by_users_id_fk" FOREIGN KEY ("created_by") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_assigned_to_workers_id_fk" FOREIGN KEY ("assigned_to") REFERENCES "public"."workers"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_parent_task_id_tasks_id_fk" FOREIGN KEY ("parent_task_id") REFERENCES "public"."tasks"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "work_orders" ADD CONSTRAINT "work_orders_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "work_orders" ADD CONSTRAINT "work_orders_worker_id_workers_id_fk" FOREIGN KEY ("worker_id") REFERENCES "public"."workers"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "worker_assignments" ADD CONSTRAINT "worker_assignments_worker_id_workers_id_fk" FOREIGN KEY ("worker_id") REFERENCES "public"."workers"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "worker_assignments" ADD CONSTRAINT "worker_assignments_work_order_id_work_orders_id_fk" FOREIGN KEY ("work_order_id") REFERENCES "public"."work_orders"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "worker_commands" ADD CONSTRAINT "worker_commands_worker_id_workers_id_fk" FOREIGN KEY ("worker_id") REFERENCES "public"."workers"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "worker_commands" ADD CONSTRAINT "worker_commands_work_order_id_work_orders_id_fk" FOREIGN KEY ("work_order_id") REFERENCES "public"."work_orders"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "worker_capabilities" ADD CONSTRAINT "worker_capabilities_worker_id_workers_id_fk" FOREIGN KEY ("worker_id") REFERENCES "public"."workers"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "worker_samples" ADD CONSTRAINT "worker_samples_worker_id_workers_id_fk" FOREIGN KEY ("worker_id") REFERENCES "public"."workers"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workers" ADD CONSTRAINT "workers_api_key_id_api_keys_id_fk" FOREIGN KEY ("api_key_id") REFERENCES "public"."api_keys"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "api_keys_key_hash_key" ON "api_keys" USING btree ("key_hash");--> statement-breakpoint
CREATE INDEX "api_keys_created_by_idx" ON "api_keys" USING btree ("created_by");--> statement-breakpoint
CREATE UNIQUE INDEX "events_position_key" ON "events" USING btree ("position");--> statement-breakpoint
CREATE INDEX "events_unpositioned_idx" ON "events" USING btree ("xid","id") WHERE "events"."position" is null;--> statement-breakpoint
CREATE INDEX "events_task_id_idx" ON "events" USING btree ("task_id","position");--> statement-breakpoint
CREATE INDEX "events_execution_id_idx" ON "events" USING btree ("execution_id","position");--> statement-breakpoint
CREATE INDEX "events_work_order_id_idx" ON "events" USING btree ("work_order_id");--> statement-breakpoint
CREATE INDEX "events_worker_id_idx" ON "events" USING btree ("worker_id");--> statement-breakpoint
CREATE INDEX "events_type_idx" ON "events" USING btree ("type");--> statement-breakpoint
CREATE INDEX "events_occurred_at_idx" ON "events" USING btree ("occurred_at");--> statement-breakpoint
CREATE UNIQUE INDEX "artifacts_execution_id_name_key" ON "artifacts" USING btree ("execution_id","name");--> statement-breakpoint
CREATE INDEX "artifacts_task_id_idx" ON "artifacts" USING btree ("task_id");--> statement-breakpoint
CREATE INDEX "artifacts_digest_idx" ON "artifacts" USING btree ("digest");--> statement-breakpoint
CREATE INDEX "artifacts_kind_idx" ON "artifacts" USING btree ("kind");--> statement-breakpoint
CREATE INDEX "checkpoints_task_id_idx" ON "checkpoints" USING btree ("task_id","attempt","step");--> statement-breakpoint
CREATE INDEX "checkpoints_execution_id_idx" ON "checkpoints" USING btree ("execution_id");--> statement-breakpoint
CREATE INDEX "checkpoints_transcript_artifact_id_idx" ON "checkpoints" USING btree ("transcript_artifact_id");--> statement-breakpoint
CREATE INDEX "checkpoints_snapshot_artifact_id_idx" ON "checkpoints" USING btree ("snapshot_artifact_id");--> statement-breakpoint
CREATE INDEX "execution_logs_cursor_idx" ON "execution_logs" USING btree ("execution_id","id");--> statement-breakpoint
CREATE INDEX "execution_logs_level_idx" ON "execution_logs" USING btree ("execution_id","level","logged_at");--> statement-breakpoint
CREATE UNIQUE INDEX "executions_task_id_attempt_key" ON "executions" USING btree ("task_id","attempt");--> statement-breakpoint
CREATE INDEX "executions_work_order_id_idx" ON "executions" USING btree ("work_order_id");--> statement-breakpoint
CREATE INDEX "executions_worker_id_idx" ON "executions" USING btree ("worker_id");--> statement-breakpoint
CREATE INDEX "executions_status_idx" ON "executions" USING btree ("status");--> statement-breakpoint
CREATE INDEX "executions_kind_idx" ON "executions" USING btree ("kind");--> statement-breakpoint
CREATE INDEX "executions_started_at_idx" ON "executions" USING btree ("started_at");--> statement-breakpoint
CREATE UNIQUE INDEX "repositories_canonical_key_key" ON "repositories" USING btree ("canonical_key");--> statement-breakpoint
CREATE INDEX "repositories_name_idx" ON "repositories" USING btree ("name");--> statement-breakpoint
CREATE INDEX "idempotency_keys_created_at_idx" ON "idempotency_keys" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "task_dependencies_depends_on_task_id_idx" ON "task_dependencies" USING btree ("depends_on_task_id");--> statement-breakpoint
CREATE INDEX "tasks_status_idx" ON "tasks" USING btree ("status");--> statement-breakpoint
CREATE INDEX "tasks_task_type_idx" ON "tasks" USING btree ("task_type");--> statement-breakpoint
CREATE INDEX "tasks_priority_idx" ON "tasks" USING btree ("priority");--> statement-breakpoint
CREATE INDEX "tasks_permission_level_idx" ON "tasks" USING btree ("permission_level");--> statement-breakpoint
CREATE INDEX "tasks_repository_id_idx" ON "tasks" USING btree ("repository_id");--> statement-breakpoint
CREATE INDEX "tasks_created_by_idx" ON "tasks" USING btree ("created_by");--> statement-breakpoint
CREATE INDEX "tasks_assigned_to_idx" ON "tasks" USING btree ("assigned_to");--> statement-breakpoint
CREATE INDEX "tasks_parent_task_id_idx" ON "tasks" USING btree ("parent_task_id");--> statement-breakpoint
CREATE INDEX "tasks_created_at_idx" ON "tasks" USING btree ("created_at","id");--> statement-breakpoint
CREATE UNIQUE INDEX "users_username_key" ON "users" USING btree ("username");--> statement-breakpoint
CREATE UNIQUE INDEX "users_email_key" ON "users" USING btree ("email");--> statement-breakpoint
CREATE INDEX "users_role_idx" ON "users" USING btree ("role");--> statement-breakpoint
CREATE INDEX "work_orders_claim_idx" ON "work_orders" USING btree ("ranked_at","id") WHERE "work_orders"."status" = 'pending';--> statement-breakpoint
CREATE INDEX "work_orders_lease_idx" ON "work_orders" USING btree ("lease_expires_at") WHERE "work_orders"."status" = 'claimed';--> statement-breakpoint
CREATE UNIQUE INDEX "work_orders_claim_key_key" ON "work_orders" USING btree ("worker_id","claim_key") WHERE "work_orders"."status" = 'claimed' and "work_orders"."claim_key" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "work_orders_live_task_key" ON "work_orders" USING btree ("task_id") WHERE "work_orders"."status" in ('pending', 'claimed', 'parked');--> statement-breakpoint
CREATE INDEX "work_orders_task_id_idx" ON "work_orders" USING btree ("task_id");--> statement-breakpoint
CREATE INDEX "work_orders_worker_id_idx" ON "work_orders" USING btree ("worker_id");--> statement-breakpoint
CREATE INDEX "work_orders_queue_name_idx" ON "work_orders" USING btree ("queue_name");--> statement-breakpoint
CREATE INDEX "work_orders_status_idx" ON "work_orders" USING btree ("status");--> statement-breakpoint
CREATE INDEX "work_orders_kind_idx" ON "work_orders" USING btree ("kind");--> statement-breakpoint
CREATE INDEX "work_orders_enqueued_at_idx" ON "work_orders" USING btree ("enqueued_at");--> statement-breakpoint
CREATE INDEX "work_orders_expires_at_idx" ON "work_orders" USING btree ("expires_at");--> statement-breakpoint
CREATE UNIQUE INDEX "worker_assignments_attempt_key" ON "worker_assignments" USING btree ("worker_id","work_order_id","attempt");--> statement-breakpoint
CREATE INDEX "worker_assignments_work_order_id_idx" ON "worker_assignments" USING btree ("work_order_id","attempt");--> statement-breakpoint
CREATE INDEX "worker_assignments_status_idx" ON "worker_assignments" USING btree ("status");--> statement-breakpoint
CREATE INDEX "worker_commands_worker_id_position_idx" ON "worker_commands" USING btree ("worker_id","position");--> statement-breakpoint
CREATE INDEX "worker_commands_work_order_id_idx" ON "worker_commands" USING btree ("work_order_id");--> statement-breakpoint
CREATE INDEX "worker_commands_type_idx" ON "worker_commands" USING btree ("type");--> statement-breakpoint
CREATE INDEX "worker_capabilities_kind_value_idx" ON "worker_capabilities" USING btree ("kind","value");--> statement-breakpoint
CREATE INDEX "worker_samples_sampled_at_idx" ON "worker_samples" USING btree ("sampled_at");--> statement-breakpoint
CREATE UNIQUE INDEX "workers_name_key" ON "workers" USING btree ("name");--> statement-breakpoint
CREATE INDEX "workers_worker_type_idx" ON "workers" USING btree ("worker_type");--> statement-breakpoint
CREATE INDEX "workers_status_idx" ON "workers" USING btree ("status");--> statement-breakpoint
CREATE INDEX "workers_last_heartbeat_at_idx" ON "workers" USING btree ("last_heartbeat_at");--> statement-breakpoint
CREATE INDEX "workers_api_key_id_idx" ON "workers" USING btree ("api_key_id");