CREATE TABLE "policies" (
	"version" integer PRIMARY KEY NOT NULL,
	"yaml" text NOT NULL,
	"rules" jsonb NOT NULL,
	"author_id" uuid,
	"comment" text DEFAULT '' NOT NULL,
	"based_on_version" integer,
	"restores_version" integer,
	"is_active" boolean NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"activated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "events" DROP CONSTRAINT "events_type_check";--> statement-breakpoint
ALTER TABLE "policies" ADD CONSTRAINT "policies_author_id_users_id_fk" FOREIGN KEY ("author_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "policies_active_key" ON "policies" USING btree ("is_active") WHERE is_active;--> statement-breakpoint
CREATE INDEX "policies_author_id_idx" ON "policies" USING btree ("author_id");--> statement-breakpoint
ALTER TABLE "events" ADD CONSTRAINT "events_type_check" CHECK ("events"."type" in ('task.created', 'task.updated', 'task.blocked', 'task.unblocked', 'task.queued', 'task.claimed', 'task.waiting', 'task.answered', 'task.requeued', 'task.submitted', 'task.approved', 'task.rejected', 'task.completed', 'task.failed', 'task.cancelled', 'task.deleted', 'work_order.enqueued', 'work_order.claimed', 'work_order.completed', 'work_order.failed', 'work_order.cancelled', 'work_order.expired', 'work_order.lease_lost', 'work_order.retried', 'work_order.released', 'work_order.parked', 'work_order.resumed', 'work_order.buried', 'work_order.requeued', 'execution.started', 'execution.progressed', 'execution.finished', 'worker.registered', 'worker.status_changed', 'worker.deregistered', 'repository.created', 'repository.updated', 'repository.deleted', 'worker_request.raised', 'worker_request.routed', 'worker_request.adopted', 'worker_request.changed', 'worker_request.answered', 'worker_request.denied', 'worker_request.unanswered', 'worker_request.expired', 'worker_request.cancelled', 'worker_request.superseded', 'worker_request.escalated', 'worker_request.delegated', 'worker_request.delivered', 'worker_request.spent', 'policy.changed', 'controller.registered', 'controller.vanished'));