CREATE TABLE "worker_requests" (
	"id" uuid PRIMARY KEY NOT NULL,
	"task_id" uuid NOT NULL,
	"repository_id" uuid NOT NULL,
	"work_order_id" uuid NOT NULL,
	"execution_id" uuid NOT NULL,
	"worker_id" uuid,
	"attempt" integer NOT NULL,
	"call_id" text NOT NULL,
	"generation" integer DEFAULT 1 NOT NULL,
	"kind" text NOT NULL,
	"status" text NOT NULL,
	"fingerprint" text NOT NULL,
	"granted_fingerprint" text,
	"question" text NOT NULL,
	"reason" text DEFAULT '' NOT NULL,
	"options" jsonb NOT NULL,
	"approval" jsonb,
	"facts" jsonb NOT NULL,
	"rule_id" text NOT NULL,
	"policy_version" integer NOT NULL,
	"route_reason" text DEFAULT '' NOT NULL,
	"assigned_to" uuid,
	"deadline_at" timestamp with time zone,
	"deadline_seconds" integer NOT NULL,
	"on_timeout" text NOT NULL,
	"escalation" jsonb NOT NULL,
	"escalations" integer DEFAULT 0 NOT NULL,
	"controller_id" uuid,
	"lease_token_hash" text,
	"lease_expires_at" timestamp with time zone,
	"lost_leases" integer DEFAULT 0 NOT NULL,
	"answer_source" text,
	"answer_source_id" text,
	"answered_by" text DEFAULT '' NOT NULL,
	"decision" text,
	"choice" text,
	"answer_text" text DEFAULT '' NOT NULL,
	"edited_command" text,
	"scope" text DEFAULT 'once' NOT NULL,
	"citations" jsonb,
	"confidence" double precision,
	"answer_reason" text DEFAULT '' NOT NULL,
	"usage" jsonb,
	"correlation_id" text,
	"raised_at" timestamp with time zone DEFAULT now() NOT NULL,
	"routed_at" timestamp with time zone,
	"settled_at" timestamp with time zone,
	"delivered_at" timestamp with time zone,
	"spent_at" timestamp with time zone,
	"spent_by_attempt" integer,
	CONSTRAINT "worker_requests_kind_check" CHECK ("worker_requests"."kind" in ('clarification', 'question', 'approval')),
	CONSTRAINT "worker_requests_status_check" CHECK ("worker_requests"."status" in ('pending', 'automated', 'human', 'answered', 'denied', 'no_answer', 'expired', 'cancelled', 'superseded')),
	CONSTRAINT "worker_requests_on_timeout_check" CHECK ("worker_requests"."on_timeout" in ('deny', 'no_answer', 'escalate')),
	CONSTRAINT "worker_requests_answer_source_check" CHECK ("worker_requests"."answer_source" in ('rule', 'precedent', 'controller', 'person', 'deadline', 'system')),
	CONSTRAINT "worker_requests_scope_check" CHECK ("worker_requests"."scope" in ('once', 'task', 'rule'))
);
--> statement-breakpoint
ALTER TABLE "events" DROP CONSTRAINT "events_type_check";--> statement-breakpoint
ALTER TABLE "worker_requests" ADD CONSTRAINT "worker_requests_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "worker_requests" ADD CONSTRAINT "worker_requests_repository_id_repositories_id_fk" FOREIGN KEY ("repository_id") REFERENCES "public"."repositories"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "worker_requests" ADD CONSTRAINT "worker_requests_work_order_id_work_orders_id_fk" FOREIGN KEY ("work_order_id") REFERENCES "public"."work_orders"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "worker_requests" ADD CONSTRAINT "worker_requests_assigned_to_users_id_fk" FOREIGN KEY ("assigned_to") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "worker_requests_call_key" ON "worker_requests" USING btree ("work_order_id","attempt","call_id");--> statement-breakpoint
CREATE INDEX "worker_requests_task_id_idx" ON "worker_requests" USING btree ("task_id","fingerprint");--> statement-breakpoint
CREATE INDEX "worker_requests_work_order_id_idx" ON "worker_requests" USING btree ("work_order_id");--> statement-breakpoint
CREATE INDEX "worker_requests_execution_id_idx" ON "worker_requests" USING btree ("execution_id");--> statement-breakpoint
CREATE INDEX "worker_requests_repository_id_idx" ON "worker_requests" USING btree ("repository_id","fingerprint");--> statement-breakpoint
CREATE INDEX "worker_requests_status_idx" ON "worker_requests" USING btree ("status","raised_at");--> statement-breakpoint
CREATE INDEX "worker_requests_raised_at_idx" ON "worker_requests" USING btree ("raised_at");--> statement-breakpoint
CREATE INDEX "worker_requests_assigned_to_idx" ON "worker_requests" USING btree ("assigned_to") WHERE assigned_to is not null;--> statement-breakpoint
CREATE INDEX "worker_requests_live_deadline_idx" ON "worker_requests" USING btree ("deadline_at") WHERE status in ('pending', 'automated', 'human');--> statement-breakpoint
CREATE INDEX "worker_requests_live_task_idx" ON "worker_requests" USING btree ("task_id") WHERE status in ('pending', 'automated', 'human');--> statement-breakpoint
CREATE INDEX "worker_requests_automated_idx" ON "worker_requests" USING btree ("raised_at") WHERE status = 'automated';--> statement-breakpoint
CREATE INDEX "worker_requests_undelivered_idx" ON "worker_requests" USING btree ("settled_at") WHERE settled_at is not null and delivered_at is null;--> statement-breakpoint
ALTER TABLE "events" ADD CONSTRAINT "events_type_check" CHECK ("events"."type" in ('task.created', 'task.updated', 'task.blocked', 'task.unblocked', 'task.queued', 'task.claimed', 'task.waiting', 'task.answered', 'task.requeued', 'task.submitted', 'task.approved', 'task.rejected', 'task.completed', 'task.failed', 'task.cancelled', 'task.deleted', 'work_order.enqueued', 'work_order.claimed', 'work_order.completed', 'work_order.failed', 'work_order.cancelled', 'work_order.expired', 'work_order.lease_lost', 'work_order.retried', 'work_order.released', 'work_order.parked', 'work_order.resumed', 'work_order.buried', 'work_order.requeued', 'execution.started', 'execution.progressed', 'execution.finished', 'worker.registered', 'worker.status_changed', 'worker.deregistered', 'repository.created', 'repository.updated', 'repository.deleted', 'worker_request.raised', 'worker_request.routed', 'worker_request.adopted', 'worker_request.changed', 'worker_request.answered', 'worker_request.denied', 'worker_request.unanswered', 'worker_request.expired', 'worker_request.cancelled', 'worker_request.superseded', 'worker_request.escalated', 'worker_request.delegated', 'worker_request.delivered', 'worker_request.spent', 'controller.registered', 'controller.vanished'));