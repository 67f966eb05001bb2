CREATE TABLE "rule_proposals" (
	"id" uuid PRIMARY KEY NOT NULL,
	"status" text DEFAULT 'open' NOT NULL,
	"rule" jsonb NOT NULL,
	"rule_hash" text NOT NULL,
	"facts" jsonb NOT NULL,
	"question" text NOT NULL,
	"worker_request_id" uuid NOT NULL,
	"repository_id" uuid NOT NULL,
	"author_id" uuid NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"decided_at" timestamp with time zone,
	"decided_by" uuid,
	"comment" text DEFAULT '' NOT NULL,
	"policy_version" integer,
	CONSTRAINT "rule_proposals_status_check" CHECK ("rule_proposals"."status" in ('open', 'accepted', 'dismissed'))
);
--> statement-breakpoint
ALTER TABLE "events" DROP CONSTRAINT "events_type_check";--> statement-breakpoint
ALTER TABLE "worker_requests" ADD COLUMN "rule_proposal_id" uuid;--> statement-breakpoint
ALTER TABLE "worker_requests" ADD COLUMN "rule_refusal" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "rule_proposals" ADD CONSTRAINT "rule_proposals_repository_id_repositories_id_fk" FOREIGN KEY ("repository_id") REFERENCES "public"."repositories"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "rule_proposals" ADD CONSTRAINT "rule_proposals_author_id_users_id_fk" FOREIGN KEY ("author_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "rule_proposals" ADD CONSTRAINT "rule_proposals_decided_by_users_id_fk" FOREIGN KEY ("decided_by") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "rule_proposals_open_key" ON "rule_proposals" USING btree ("rule_hash") WHERE status = 'open';--> statement-breakpoint
CREATE INDEX "rule_proposals_status_idx" ON "rule_proposals" USING btree ("status","created_at");--> statement-breakpoint
CREATE INDEX "rule_proposals_repository_id_idx" ON "rule_proposals" USING btree ("repository_id");--> statement-breakpoint
CREATE INDEX "rule_proposals_author_id_idx" ON "rule_proposals" USING btree ("author_id");--> statement-breakpoint
CREATE INDEX "rule_proposals_decided_by_idx" ON "rule_proposals" USING btree ("decided_by");--> statement-breakpoint
ALTER TABLE "events" ADD CONSTRAINT "events_type_check" CHECK ("events"."type" in ('task.created', 'task.updated', 'task.blocked', 'task.unblocked', 'task.queued', 'task.claimed', 'task.waiting', 'task.answered', 'task.requeued', 'task.submitted', 'task.approved', 'task.rejected', 'task.completed', 'task.failed', 'task.cancelled', 'task.deleted', 'work_order.enqueued', 'work_order.claimed', 'work_order.completed', 'work_order.failed', 'work_order.cancelled', 'work_order.expired', 'work_order.lease_lost', 'work_order.retried', 'work_order.released', 'work_order.parked', 'work_order.resumed', 'work_order.buried', 'work_order.requeued', 'execution.started', 'execution.progressed', 'execution.finished', 'worker.registered', 'worker.status_changed', 'worker.deregistered', 'repository.created', 'repository.updated', 'repository.deleted', 'worker_request.raised', 'worker_request.routed', 'worker_request.adopted', 'worker_request.changed', 'worker_request.answered', 'worker_request.denied', 'worker_request.unanswered', 'worker_request.expired', 'worker_request.cancelled', 'worker_request.superseded', 'worker_request.escalated', 'worker_request.delegated', 'worker_request.delivered', 'worker_request.spent', 'policy.changed', 'policy.rule_proposed', 'policy.rule_dismissed', 'message.posted', 'controller.registered', 'controller.vanished'));