CREATE TABLE "context_document_versions" (
	"document_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"title" text NOT NULL,
	"document_type" text NOT NULL,
	"content" text NOT NULL,
	"tags" text[] NOT NULL,
	"repository_id" uuid,
	"status" text NOT NULL,
	"created_by" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "context_document_versions_document_id_version_pk" PRIMARY KEY("document_id","version")
);
--> statement-breakpoint
CREATE TABLE "context_documents" (
	"id" uuid PRIMARY KEY NOT NULL,
	"title" text NOT NULL,
	"document_type" text NOT NULL,
	"content" text NOT NULL,
	"tags" text[] DEFAULT '{}'::text[] NOT NULL,
	"repository_id" uuid,
	"status" text NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"created_by" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"words" "tsvector" NOT NULL,
	"terms" "tsvector" NOT NULL,
	CONSTRAINT "context_documents_document_type_check" CHECK ("context_documents"."document_type" in ('design', 'plan', 'specification', 'guide', 'reference')),
	CONSTRAINT "context_documents_status_check" CHECK ("context_documents"."status" in ('active', 'archived', 'proposed'))
);
--> statement-breakpoint
CREATE TABLE "chat_messages" (
	"id" uuid PRIMARY KEY NOT NULL,
	"conversation_id" uuid NOT NULL,
	"position" bigint NOT NULL,
	"change_position" bigint NOT NULL,
	"parent_message_id" uuid,
	"sender_type" text NOT NULL,
	"sender_id" text,
	"message_type" text NOT NULL,
	"message" text NOT NULL,
	"worker_request_id" uuid,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"delivery_status" text,
	"take_id" uuid,
	"taken_by_order_id" uuid,
	"taken_by_attempt" integer,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"edited_at" timestamp with time zone,
	CONSTRAINT "chat_messages_sender_type_check" CHECK ("chat_messages"."sender_type" in ('person', 'agent', 'controller', 'system')),
	CONSTRAINT "chat_messages_message_type_check" CHECK ("chat_messages"."message_type" in ('text', 'request', 'answer', 'event')),
	CONSTRAINT "chat_messages_delivery_status_check" CHECK ("chat_messages"."delivery_status" in ('queued', 'delivered', 'withdrawn'))
);
--> statement-breakpoint
CREATE TABLE "conversations" (
	"id" uuid PRIMARY KEY NOT NULL,
	"task_id" uuid,
	"title" text DEFAULT '' NOT NULL,
	"created_by" text,
	"last_position" bigint DEFAULT 0 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "events" DROP CONSTRAINT "events_type_check";--> statement-breakpoint
ALTER TABLE "worker_commands" DROP CONSTRAINT "worker_commands_type_check";--> statement-breakpoint
ALTER TABLE "context_document_versions" ADD CONSTRAINT "context_document_versions_document_id_context_documents_id_fk" FOREIGN KEY ("document_id") REFERENCES "public"."context_documents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "context_documents" ADD CONSTRAINT "context_documents_repository_id_repositories_id_fk" FOREIGN KEY ("repository_id") REFERENCES "public"."repositories"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "chat_messages" ADD CONSTRAINT "chat_messages_conversation_id_conversations_id_fk" FOREIGN KEY ("conversation_id") REFERENCES "public"."conversations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "chat_messages" ADD CONSTRAINT "chat_messages_parent_message_id_chat_messages_id_fk" FOREIGN KEY ("parent_message_id") REFERENCES "public"."chat_messages"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "conversations" ADD CONSTRAINT "conversations_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "context_documents_updated_at_idx" ON "context_documents" USING btree ("updated_at","id");--> statement-breakpoint
CREATE INDEX "context_documents_document_type_idx" ON "context_documents" USING btree ("document_type");--> statement-breakpoint
CREATE INDEX "context_documents_repository_id_idx" ON "context_documents" USING btree ("repository_id");--> statement-breakpoint
CREATE INDEX "context_documents_created_by_idx" ON "context_documents" USING btree ("created_by");--> statement-breakpoint
CREATE INDEX "context_documents_tags_idx" ON "context_documents" USING gin ("tags");--> statement-breakpoint
CREATE INDEX "context_documents_words_idx" ON "context_documents" USING gin ("words");--> statement-breakpoint
CREATE INDEX "context_documents_terms_idx" ON "context_documents" USING gin ("terms");--> statement-breakpoint
CREATE UNIQUE INDEX "chat_messages_conversation_id_position_key" ON "chat_messages" USING btree ("conversation_id","position");--> statement-breakpoint
CREATE UNIQUE INDEX "chat_messages_conversation_id_change_position_key" ON "chat_messages" USING btree ("conversation_id","change_position");--> statement-breakpoint
CREATE INDEX "chat_messages_conversation_id_created_at_idx" ON "chat_messages" USING btree ("conversation_id","created_at");--> statement-breakpoint
CREATE INDEX "chat_messages_sender_idx" ON "chat_messages" USING btree ("sender_type","sender_id");--> statement-breakpoint
CREATE INDEX "chat_messages_parent_message_id_idx" ON "chat_messages" USING btree ("parent_message_id");--> statement-breakpoint
CREATE INDEX "chat_messages_queued_idx" ON "chat_messages" USING btree ("conversation_id") WHERE "chat_messages"."delivery_status" = 'queued';--> statement-breakpoint
CREATE INDEX "chat_messages_take_id_idx" ON "chat_messages" USING btree ("take_id") WHERE "chat_messages"."take_id" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "conversations_task_id_key" ON "conversations" USING btree ("task_id");--> statement-breakpoint
CREATE INDEX "conversations_updated_at_idx" ON "conversations" USING btree ("updated_at","id");--> statement-breakpoint
ALTER TABLE "events" ADD CONSTRAINT "events_type_check" CHECK ("events"."type" in ('task.created', 'task.updated', 'task.blocked', 'task.unblocked', 'task.queued', 'task.claimed', 'task.waiting', 'task.answered', 'task.requeued', 'task.submitted', 'task.approved', 'task.rejected', 'task.completed', 'task.failed', 'task.cancelled', 'task.deleted', 'work_order.enqueued', 'work_order.claimed', 'work_order.completed', 'work_order.failed', 'work_order.cancelled', 'work_order.expired', 'work_order.lease_lost', 'work_order.retried', 'work_order.released', 'work_order.parked', 'work_order.resumed', 'work_order.buried', 'work_order.requeued', 'execution.started', 'execution.progressed', 'execution.finished', 'worker.registered', 'worker.status_changed', 'worker.deregistered', 'repository.created', 'repository.updated', 'repository.deleted', 'worker_request.raised', 'worker_request.routed', 'worker_request.adopted', 'worker_request.changed', 'worker_request.answered', 'worker_request.denied', 'worker_request.unanswered', 'worker_request.expired', 'worker_request.cancelled', 'worker_request.superseded', 'worker_request.escalated', 'worker_request.delegated', 'worker_request.delivered', 'worker_request.spent', 'policy.changed', 'message.posted', 'controller.registered', 'controller.vanished'));--> statement-breakpoint
ALTER TABLE "worker_commands" ADD CONSTRAINT "worker_commands_type_check" CHECK ("worker_commands"."type" in ('cancel', 'drain', 'stop_attempt', 'message'));