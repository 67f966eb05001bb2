create table api_keys (
  id uuid not null,
  name text not null,
  prefix text not null,
  key_hash text not null,
  permissions text[] not null,
  created_by uuid not null,
  created_at timestamp with time zone not null default now(),
  last_used_at timestamp with time zone,
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  rotated_from_id uuid,
  line_id uuid,
  constraint api_keys_created_by_users_id_fk FOREIGN KEY (created_by) REFERENCES users(id),
  constraint api_keys_line_id_api_keys_id_fk FOREIGN KEY (line_id) REFERENCES api_keys(id),
  constraint api_keys_rotated_from_id_api_keys_id_fk FOREIGN KEY (rotated_from_id) REFERENCES api_keys(id),
  constraint api_keys_pkey PRIMARY KEY (id)
);
CREATE INDEX api_keys_created_by_idx ON public.api_keys USING btree (created_by);
CREATE UNIQUE INDEX api_keys_key_hash_key ON public.api_keys USING btree (key_hash);
CREATE INDEX api_keys_line_id_idx ON public.api_keys USING btree (line_id);
CREATE INDEX api_keys_rotated_from_id_idx ON public.api_keys USING btree (rotated_from_id);

create table artifacts (
  id uuid not null,
  execution_id uuid not null,
  task_id uuid not null,
  kind text not null,
  name text not null,
  content_type text not null,
  size_bytes bigint not null,
  digest text not null,
  created_at timestamp with time zone not null default now(),
  constraint artifacts_kind_check CHECK ((kind = ANY (ARRAY['bundle'::text, 'diff'::text, 'evidence'::text, 'log'::text, 'analysis'::text, 'snapshot'::text, 'transcript'::text, 'coverage'::text, 'other'::text]))),
  constraint artifacts_digest_blobs_digest_fk FOREIGN KEY (digest) REFERENCES blobs(digest),
  constraint artifacts_execution_id_executions_id_fk FOREIGN KEY (execution_id) REFERENCES executions(id) ON DELETE CASCADE,
  constraint artifacts_task_id_tasks_id_fk FOREIGN KEY (task_id) REFERENCES tasks(id) ON DELETE CASCADE,
  constraint artifacts_pkey PRIMARY KEY (id)
);
CREATE INDEX artifacts_digest_idx ON public.artifacts USING btree (digest);
CREATE UNIQUE INDEX artifacts_execution_id_name_key ON public.artifacts USING btree (execution_id, name);
CREATE INDEX artifacts_kind_idx ON public.artifacts USING btree (kind);
CREATE INDEX artifacts_task_id_idx ON public.artifacts USING btree (task_id);

create table audit_log (
  id uuid not null,
  "position" bigint,
  occurred_at timestamp(3) with time zone not null default now(),
  action text not null,
  actor_kind text not null,
  actor_id text,
  user_id text,
  actor_name text,
  address text,
  user_agent text,
  request_id text,
  target_type text not null,
  target_id text,
  before jsonb,
  after jsonb,
  detail jsonb,
  constraint audit_log_action_check CHECK ((action ~ '^[a-z_]+\.[a-z_]+$'::text)),
  constraint audit_log_actor_kind_check CHECK ((actor_kind = ANY (ARRAY['user'::text, 'api_key'::text, 'attempt'::text, 'anonymous'::text, 'system'::text]))),
  constraint audit_log_pkey PRIMARY KEY (id)
);
CREATE INDEX audit_log_action_idx ON public.audit_log USING btree (action, id);
CREATE INDEX audit_log_actor_id_idx ON public.audit_log USING btree (actor_id, id);
CREATE INDEX audit_log_occurred_at_idx ON public.audit_log USING btree (occurred_at);
CREATE UNIQUE INDEX audit_log_position_key ON public.audit_log USING btree ("position");
CREATE INDEX audit_log_target_idx ON public.audit_log USING btree (target_type, target_id, id);
CREATE INDEX audit_log_unsealed_idx ON public.audit_log USING btree (id) WHERE ("position" IS NULL);
CREATE INDEX audit_log_user_id_idx ON public.audit_log USING btree (user_id, id);

create table audit_seals (
  number bigint not null,
  kind text not null,
  first_position bigint not null,
  last_position bigint not null,
  content_digest text not null,
  previous_digest text not null,
  digest text not null,
  sealed_at timestamp(3) with time zone not null default now(),
  constraint audit_seals_kind_check CHECK ((kind = ANY (ARRAY['entries'::text, 'removal'::text]))),
  constraint audit_seals_positions_check CHECK ((first_position <= last_position)),
  constraint audit_seals_pkey PRIMARY KEY (number)
);
CREATE INDEX audit_seals_kind_last_position_idx ON public.audit_seals USING btree (kind, last_position);
CREATE UNIQUE INDEX audit_seals_previous_digest_key ON public.audit_seals USING btree (previous_digest);

create table auth_tokens (
  id uuid not null,
  purpose text not null,
  token_hash text not null,
  user_id uuid,
  email text,
  role text,
  created_by uuid,
  created_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone not null,
  used_at timestamp with time zone,
  constraint auth_tokens_purpose_check CHECK ((purpose = ANY (ARRAY['set_up'::text, 'invitation'::text, 'reset_password'::text, 'verify_email'::text]))),
  constraint auth_tokens_role_check CHECK ((role = ANY (ARRAY['admin'::text, 'developer'::text, 'viewer'::text]))),
  constraint auth_tokens_created_by_users_id_fk FOREIGN KEY (created_by) REFERENCES users(id),
  constraint auth_tokens_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
  constraint auth_tokens_pkey PRIMARY KEY (id)
);
CREATE INDEX auth_tokens_created_by_idx ON public.auth_tokens USING btree (created_by);
CREATE INDEX auth_tokens_expires_at_idx ON public.auth_tokens USING btree (expires_at);
CREATE UNIQUE INDEX auth_tokens_token_hash_key ON public.auth_tokens USING btree (token_hash);
CREATE INDEX auth_tokens_user_id_idx ON public.auth_tokens USING btree (user_id);

create table blobs (
  digest text not null,
  size_bytes bigint not null,
  created_at timestamp with time zone not null default now(),
  constraint blobs_pkey PRIMARY KEY (digest)
);

create table chat_attachments (
  id uuid not null,
  conversation_id uuid not null,
  message_id uuid,
  ordinal integer not null default 0,
  uploaded_by text not null,
  file_name text not null,
  file_type text not null,
  file_size bigint not null,
  digest text not null,
  created_at timestamp with time zone not null default now(),
  constraint chat_attachments_conversation_id_conversations_id_fk FOREIGN KEY (conversation_id) REFERENCES conversations(id) ON DELETE CASCADE,
  constraint chat_attachments_digest_blobs_digest_fk FOREIGN KEY (digest) REFERENCES blobs(digest),
  constraint chat_attachments_message_id_chat_messages_id_fk FOREIGN KEY (message_id) REFERENCES chat_messages(id) ON DELETE CASCADE,
  constraint chat_attachments_pkey PRIMARY KEY (id)
);
CREATE INDEX chat_attachments_conversation_id_idx ON public.chat_attachments USING btree (conversation_id);
CREATE INDEX chat_attachments_digest_idx ON public.chat_attachments USING btree (digest);
CREATE INDEX chat_attachments_message_id_idx ON public.chat_attachments USING btree (message_id);
CREATE INDEX chat_attachments_unsent_idx ON public.chat_attachments USING btree (uploaded_by, created_at) WHERE (message_id IS NULL);

create table chat_messages (
  id uuid not null,
  conversation_id uuid not null,
  "position" bigint not null,
  change_position bigint not null,
  parent_message_id uuid,
  sender_type text not null,
  sender_id text,
  message_type text not null,
  message text not null,
  worker_request_id uuid,
  metadata jsonb not null default '{}'::jsonb,
  delivery_status text,
  taken_by_order_id uuid,
  taken_by_attempt integer,
  created_at timestamp with time zone not null default now(),
  edited_at timestamp with time zone,
  constraint chat_messages_delivery_status_check CHECK ((delivery_status = ANY (ARRAY['queued'::text, 'delivered'::text, 'withdrawn'::text]))),
  constraint chat_messages_message_type_check CHECK ((message_type = ANY (ARRAY['text'::text, 'request'::text, 'answer'::text, 'event'::text]))),
  constraint chat_messages_sender_type_check CHECK ((sender_type = ANY (ARRAY['person'::text, 'agent'::text, 'controller'::text, 'system'::text]))),
  constraint chat_messages_conversation_id_conversations_id_fk FOREIGN KEY (conversation_id) REFERENCES conversations(id) ON DELETE CASCADE,
  constraint chat_messages_parent_message_id_chat_messages_id_fk FOREIGN KEY (parent_message_id) REFERENCES chat_messages(id) ON DELETE SET NULL,
  constraint chat_messages_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX chat_messages_conversation_id_change_position_key ON public.chat_messages USING btree (conversation_id, change_position);
CREATE INDEX chat_messages_conversation_id_created_at_idx ON public.chat_messages USING btree (conversation_id, created_at);
CREATE UNIQUE INDEX chat_messages_conversation_id_position_key ON public.chat_messages USING btree (conversation_id, "position");
CREATE INDEX chat_messages_parent_message_id_idx ON public.chat_messages USING btree (parent_message_id);
CREATE INDEX chat_messages_queued_idx ON public.chat_messages USING btree (conversation_id) WHERE (delivery_status = 'queued'::text);
CREATE INDEX chat_messages_sender_idx ON public.chat_messages USING btree (sender_type, sender_id);

create table checkpoints (
  id uuid not null,
  task_id uuid not null,
  execution_id uuid not null,
  attempt integer not null,
  step integer not null,
  driver text not null,
  base_commit text not null,
  transcript_artifact_id uuid not null,
  snapshot_artifact_id uuid,
  data jsonb not null default '{}'::jsonb,
  created_at timestamp with time zone not null default now(),
  constraint checkpoints_execution_id_executions_id_fk FOREIGN KEY (execution_id) REFERENCES executions(id) ON DELETE CASCADE,
  constraint checkpoints_snapshot_artifact_id_artifacts_id_fk FOREIGN KEY (snapshot_artifact_id) REFERENCES artifacts(id) ON DELETE CASCADE,
  constraint checkpoints_task_id_tasks_id_fk FOREIGN KEY (task_id) REFERENCES tasks(id) ON DELETE CASCADE,
  constraint checkpoints_transcript_artifact_id_artifacts_id_fk FOREIGN KEY (transcript_artifact_id) REFERENCES artifacts(id) ON DELETE CASCADE,
  constraint checkpoints_pkey PRIMARY KEY (id)
);
CREATE INDEX checkpoints_execution_id_idx ON public.checkpoints USING btree (execution_id);
CREATE INDEX checkpoints_snapshot_artifact_id_idx ON public.checkpoints USING btree (snapshot_artifact_id);
CREATE INDEX checkpoints_task_id_idx ON public.checkpoints USING btree (task_id, attempt, step);
CREATE INDEX checkpoints_transcript_artifact_id_idx ON public.checkpoints USING btree (transcript_artifact_id);

create table context_document_versions (
  document_id uuid not null,
  version integer not null,
  title text not null,
  document_type text not null,
  content text not null,
  tags text[] not null,
  repository_id uuid,
  status text not null,
  created_by text not null,
  created_at timestamp with time zone not null default now(),
  constraint context_document_versions_document_id_context_documents_id_fk FOREIGN KEY (document_id) REFERENCES context_documents(id) ON DELETE CASCADE,
  constraint context_document_versions_document_id_version_pk PRIMARY KEY (document_id, version)
);

create table context_documents (
  id uuid not null,
  title text not null,
  document_type text not null,
  content text not null,
  tags text[] not null default '{}'::text[],
  repository_id uuid,
  status text not null,
  version integer not null default 1,
  metadata jsonb not null default '{}'::jsonb,
  created_by text not null,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  words tsvector not null,
  terms tsvector not null,
  constraint context_documents_document_type_check CHECK ((document_type = ANY (ARRAY['design'::text, 'plan'::text, 'specification'::text, 'guide'::text, 'reference'::text]))),
  constraint context_documents_status_check CHECK ((status = ANY (ARRAY['active'::text, 'archived'::text, 'proposed'::text]))),
  constraint context_documents_repository_id_repositories_id_fk FOREIGN KEY (repository_id) REFERENCES repositories(id) ON DELETE CASCADE,
  constraint context_documents_pkey PRIMARY KEY (id)
);
CREATE INDEX context_documents_created_by_idx ON public.context_documents USING btree (created_by);
CREATE INDEX context_documents_document_type_idx ON public.context_documents USING btree (document_type);
CREATE INDEX context_documents_repository_id_idx ON public.context_documents USING btree (repository_id);
CREATE INDEX context_documents_tags_idx ON public.context_documents USING gin (tags);
CREATE INDEX context_documents_terms_idx ON public.context_documents USING gin (terms);
CREATE INDEX context_documents_updated_at_idx ON public.context_documents USING btree (updated_at, id);
CREATE INDEX context_documents_words_idx ON public.context_documents USING gin (words);

create table controllers (
  id uuid not null,
  name text not null,
  instance_id uuid not null,
  api_key_id uuid,
  is_online boolean not null default true,
  version text not null,
  model text,
  is_scripted boolean not null default false,
  metrics jsonb,
  fault text not null default ''::text,
  registered_at timestamp with time zone not null default now(),
  last_heartbeat_at timestamp with time zone,
  constraint controllers_pkey PRIMARY KEY (id)
);
CREATE INDEX controllers_is_online_idx ON public.controllers USING btree (is_online);
CREATE UNIQUE INDEX controllers_name_key ON public.controllers USING btree (name);

create table conversations (
  id uuid not null,
  task_id uuid,
  title text not null default ''::text,
  created_by text,
  last_position bigint not null default 0,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  constraint conversations_task_id_tasks_id_fk FOREIGN KEY (task_id) REFERENCES tasks(id) ON DELETE CASCADE,
  constraint conversations_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX conversations_task_id_key ON public.conversations USING btree (task_id);
CREATE INDEX conversations_updated_at_idx ON public.conversations USING btree (updated_at, id);

create table credentials (
  id uuid not null,
  kind text not null,
  repository_id uuid,
  host text,
  username text,
  sealed_value text not null,
  known_hosts text,
  created_by uuid not null,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  last_used_at timestamp with time zone,
  constraint credentials_kind_check CHECK ((kind = ANY (ARRAY['token'::text, 'ssh_key'::text]))),
  constraint credentials_place_check CHECK (((repository_id IS NULL) <> (host IS NULL))),
  constraint credentials_created_by_users_id_fk FOREIGN KEY (created_by) REFERENCES users(id),
  constraint credentials_repository_id_repositories_id_fk FOREIGN KEY (repository_id) REFERENCES repositories(id) ON DELETE CASCADE,
  constraint credentials_pkey PRIMARY KEY (id)
);
CREATE INDEX credentials_created_by_idx ON public.credentials USING btree (created_by);
CREATE UNIQUE INDEX credentials_host_kind_key ON public.credentials USING btree (host, kind);
CREATE UNIQUE INDEX credentials_repository_id_kind_key ON public.credentials USING btree (repository_id, kind);

create table events (
  id uuid not null,
  "position" bigint,
  xid xid8 not null default pg_current_xact_id(),
  type text not null,
  task_id uuid,
  work_order_id uuid,
  execution_id uuid,
  worker_id uuid,
  attempt integer,
  correlation_id text,
  data jsonb not null default '{}'::jsonb,
  occurred_at timestamp with time zone not null default now(),
  constraint events_type_check CHECK ((type = ANY (ARRAY['task.created'::text, 'task.updated'::text, 'task.blocked'::text, 'task.unblocked'::text, 'task.queued'::text, 'task.claimed'::text, 'task.waiting'::text, 'task.answered'::text, 'task.requeued'::text, 'task.submitted'::text, 'task.approved'::text, 'task.rejected'::text, 'task.completed'::text, 'task.failed'::text, 'task.cancelled'::text, 'task.deleted'::text, 'work_order.enqueued'::text, 'work_order.claimed'::text, 'work_order.completed'::text, 'work_order.failed'::text, 'work_order.cancelled'::text, 'work_order.expired'::text, 'work_order.lease_lost'::text, 'work_order.retried'::text, 'work_order.released'::text, 'work_order.parked'::text, 'work_order.resumed'::text, 'work_order.buried'::text, 'work_order.requeued'::text, 'execution.started'::text, 'execution.progressed'::text, 'execution.finished'::text, 'worker.registered'::text, 'worker.status_changed'::text, 'worker.deregistered'::text, 'repository.created'::text, 'repository.updated'::text, 'repository.deleted'::text, 'worker_request.raised'::text, 'worker_request.routed'::text, 'worker_request.adopted'::text, 'worker_request.answered'::text, 'worker_request.denied'::text, 'worker_request.unanswered'::text, 'worker_request.expired'::text, 'worker_request.cancelled'::text, 'worker_request.superseded'::text, 'worker_request.escalated'::text, 'worker_request.delegated'::text, 'worker_request.delivered'::text, 'worker_request.spent'::text, 'policy.changed'::text, 'policy.rule_proposed'::text, 'policy.rule_dismissed'::text, 'message.posted'::text, 'controller.registered'::text, 'controller.vanished'::text]))),
  constraint events_pkey PRIMARY KEY (id)
);
CREATE INDEX events_execution_id_idx ON public.events USING btree (execution_id, "position") WHERE (("position" IS NOT NULL) AND (execution_id IS NOT NULL));
CREATE INDEX events_occurred_at_idx ON public.events USING brin (occurred_at);
CREATE UNIQUE INDEX events_position_key ON public.events USING btree ("position") WHERE ("position" IS NOT NULL);
CREATE INDEX events_task_id_idx ON public.events USING btree (task_id, "position") WHERE ("position" IS NOT NULL);
CREATE INDEX events_unpositioned_idx ON public.events USING btree (xid, id) WHERE ("position" IS NULL);

create table execution_logs (
  id bigint not null generated always as identity,
  execution_id uuid not null,
  level text not null,
  source text not null,
  stream text not null,
  message text not null,
  metadata jsonb not null default '{}'::jsonb,
  logged_at timestamp with time zone not null default now(),
  constraint execution_logs_level_check CHECK ((level = ANY (ARRAY['debug'::text, 'info'::text, 'warn'::text, 'error'::text]))),
  constraint execution_logs_source_check CHECK ((source = ANY (ARRAY['worker'::text, 'agent'::text, 'tool'::text, 'command'::text, 'gate'::text, 'git'::text]))),
  constraint execution_logs_stream_check CHECK ((stream = ANY (ARRAY['stdout'::text, 'stderr'::text]))),
  constraint execution_logs_execution_id_executions_id_fk FOREIGN KEY (execution_id) REFERENCES executions(id) ON DELETE CASCADE,
  constraint execution_logs_pkey PRIMARY KEY (id)
);
CREATE INDEX execution_logs_cursor_idx ON public.execution_logs USING btree (execution_id, id);
CREATE INDEX execution_logs_level_idx ON public.execution_logs USING btree (execution_id, level, logged_at);

create table executions (
  id uuid not null,
  task_id uuid not null,
  work_order_id uuid not null,
  worker_id uuid not null,
  kind text not null,
  attempt integer not null,
  status text not null,
  phase text,
  failure text,
  verification text,
  reason text not null default ''::text,
  summary text not null default ''::text,
  exit_code integer,
  sandbox text not null,
  agent text not null,
  is_scripted boolean not null default false,
  resumed_from_attempt integer,
  metrics jsonb,
  evidence jsonb,
  base_commit text,
  commit text,
  branch text,
  stdout_log text not null default ''::text,
  stderr_log text not null default ''::text,
  log_bytes bigint not null default 0,
  is_log_full boolean not null default false,
  correlation_id text,
  started_at timestamp with time zone not null default now(),
  completed_at timestamp with time zone,
  duration_seconds double precision,
  constraint executions_failure_check CHECK ((failure = ANY (ARRAY['agent'::text, 'verification'::text, 'setup'::text, 'checkout'::text, 'infrastructure'::text]))),
  constraint executions_kind_check CHECK ((kind = ANY (ARRAY['run'::text, 'publish'::text, 'verify'::text]))),
  constraint executions_phase_check CHECK ((phase = ANY (ARRAY['prepare'::text, 'checkout'::text, 'setup'::text, 'plan'::text, 'run'::text, 'verify'::text, 'upload'::text, 'publish'::text, 'cleanup'::text]))),
  constraint executions_sandbox_check CHECK ((sandbox = ANY (ARRAY['none'::text, 'bubblewrap'::text, 'container'::text, 'seatbelt'::text]))),
  constraint executions_status_check CHECK ((status = ANY (ARRAY['running'::text, 'succeeded'::text, 'failed'::text, 'refused'::text, 'cancelled'::text, 'timed_out'::text, 'parked'::text, 'released'::text, 'lost'::text]))),
  constraint executions_verification_check CHECK ((verification = ANY (ARRAY['passed'::text, 'failed'::text, 'unverified'::text]))),
  constraint executions_task_id_tasks_id_fk FOREIGN KEY (task_id) REFERENCES tasks(id) ON DELETE CASCADE,
  constraint executions_work_order_id_work_orders_id_fk FOREIGN KEY (work_order_id) REFERENCES work_orders(id) ON DELETE CASCADE,
  constraint executions_worker_id_workers_id_fk FOREIGN KEY (worker_id) REFERENCES workers(id),
  constraint executions_pkey PRIMARY KEY (id)
);
CREATE INDEX executions_kind_idx ON public.executions USING btree (kind);
CREATE INDEX executions_started_at_idx ON public.executions USING btree (started_at);
CREATE INDEX executions_status_idx ON public.executions USING btree (status);
CREATE UNIQUE INDEX executions_task_id_attempt_key ON public.executions USING btree (task_id, attempt);
CREATE INDEX executions_work_order_id_idx ON public.executions USING btree (work_order_id);
CREATE INDEX executions_worker_id_idx ON public.executions USING btree (worker_id);

create table idempotency_keys (
  actor text not null,
  route text not null,
  key text not null,
  request_hash text not null,
  status text not null,
  request_id text not null,
  response_status integer,
  response jsonb,
  created_at timestamp with time zone not null default now(),
  held_until timestamp with time zone not null,
  creation_id uuid not null default gen_random_uuid(),
  constraint idempotency_keys_status_check CHECK ((status = ANY (ARRAY['in_progress'::text, 'done'::text]))),
  constraint idempotency_keys_actor_route_key_pk PRIMARY KEY (actor, route, key)
);
CREATE INDEX idempotency_keys_created_at_idx ON public.idempotency_keys USING btree (created_at);

create table login_addresses (
  user_id uuid not null,
  address_block text not null,
  last_used_at timestamp with time zone not null default now(),
  constraint login_addresses_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
  constraint login_addresses_user_id_address_block_pk PRIMARY KEY (user_id, address_block)
);

create table login_failures (
  key text not null,
  failures integer not null,
  last_failed_at timestamp with time zone not null default now(),
  constraint login_failures_pkey PRIMARY KEY (key)
);
CREATE INDEX login_failures_last_failed_at_idx ON public.login_failures USING btree (last_failed_at);

create table notice_channels (
  id uuid not null,
  user_id uuid not null,
  kind text not null,
  name text not null,
  address text not null,
  format text not null,
  types text[] not null,
  scope text not null,
  is_enabled boolean not null default true,
  created_at timestamp with time zone not null default now(),
  last_sent_at timestamp with time zone,
  last_error text not null default ''::text,
  constraint notice_channels_format_check CHECK ((format = ANY (ARRAY['json'::text, 'slack'::text]))),
  constraint notice_channels_kind_check CHECK ((kind = ANY (ARRAY['email'::text, 'webhook'::text]))),
  constraint notice_channels_scope_check CHECK ((scope = ANY (ARRAY['mine'::text, 'all'::text]))),
  constraint notice_channels_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
  constraint notice_channels_pkey PRIMARY KEY (id)
);
CREATE INDEX notice_channels_user_id_idx ON public.notice_channels USING btree (user_id);

create table notices (
  id uuid not null,
  channel_id uuid not null,
  type text not null,
  task_id uuid,
  worker_request_id uuid,
  occasion text not null,
  status text not null default 'waiting'::text,
  tries integer not null default 0,
  reason text not null default ''::text,
  created_at timestamp with time zone not null default now(),
  available_at timestamp with time zone not null default now(),
  queued_at timestamp with time zone,
  ended_at timestamp with time zone,
  constraint notices_status_check CHECK ((status = ANY (ARRAY['waiting'::text, 'sent'::text, 'failed'::text, 'dropped'::text]))),
  constraint notices_type_check CHECK ((type = ANY (ARRAY['request.waiting'::text, 'task.in_review'::text, 'task.completed'::text, 'task.failed'::text, 'task.blocked'::text]))),
  constraint notices_channel_id_notice_channels_id_fk FOREIGN KEY (channel_id) REFERENCES notice_channels(id) ON DELETE CASCADE,
  constraint notices_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX notices_channel_id_occasion_key ON public.notices USING btree (channel_id, occasion);
CREATE INDEX notices_created_at_idx ON public.notices USING btree (created_at);
CREATE INDEX notices_waiting_idx ON public.notices USING btree (available_at) WHERE (status = 'waiting'::text);

create table policies (
  version integer not null,
  yaml text not null,
  rules jsonb not null,
  author_id uuid,
  comment text not null default ''::text,
  based_on_version integer,
  restores_version integer,
  is_active boolean not null,
  created_at timestamp with time zone not null default now(),
  activated_at timestamp with time zone not null default now(),
  constraint policies_author_id_users_id_fk FOREIGN KEY (author_id) REFERENCES users(id),
  constraint policies_pkey PRIMARY KEY (version)
);
CREATE UNIQUE INDEX policies_active_key ON public.policies USING btree (is_active) WHERE is_active;
CREATE INDEX policies_author_id_idx ON public.policies USING btree (author_id);

create table precedents (
  id uuid not null,
  repository_id uuid not null,
  kind text not null,
  fingerprint text not null,
  question text not null,
  options jsonb not null,
  choice text,
  text text not null,
  worker_request_id uuid not null,
  answered_by uuid not null,
  uses integer not null default 0,
  created_at timestamp with time zone not null default now(),
  revoked_at timestamp with time zone,
  revoked_by uuid,
  constraint precedents_kind_check CHECK ((kind = ANY (ARRAY['clarification'::text, 'question'::text, 'approval'::text]))),
  constraint precedents_answered_by_users_id_fk FOREIGN KEY (answered_by) REFERENCES users(id),
  constraint precedents_repository_id_repositories_id_fk FOREIGN KEY (repository_id) REFERENCES repositories(id) ON DELETE CASCADE,
  constraint precedents_revoked_by_users_id_fk FOREIGN KEY (revoked_by) REFERENCES users(id),
  constraint precedents_pkey PRIMARY KEY (id)
);
CREATE INDEX precedents_answered_by_idx ON public.precedents USING btree (answered_by);
CREATE UNIQUE INDEX precedents_live_key ON public.precedents USING btree (repository_id, fingerprint) WHERE (revoked_at IS NULL);
CREATE INDEX precedents_repository_id_idx ON public.precedents USING btree (repository_id, created_at);
CREATE INDEX precedents_revoked_by_idx ON public.precedents USING btree (revoked_by);

create table refresh_tokens (
  id uuid not null,
  session_id uuid not null,
  token_hash text not null,
  created_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone not null,
  used_at timestamp with time zone,
  successor_salt bytea,
  constraint refresh_tokens_session_id_sessions_id_fk FOREIGN KEY (session_id) REFERENCES sessions(id) ON DELETE CASCADE,
  constraint refresh_tokens_pkey PRIMARY KEY (id)
);
CREATE INDEX refresh_tokens_session_id_idx ON public.refresh_tokens USING btree (session_id);
CREATE UNIQUE INDEX refresh_tokens_token_hash_key ON public.refresh_tokens USING btree (token_hash);

create table repositories (
  id uuid not null,
  canonical_key text not null,
  url text not null,
  name text not null,
  default_branch text,
  settings jsonb not null,
  egress text[] not null default '{}'::text[],
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  constraint repositories_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX repositories_canonical_key_key ON public.repositories USING btree (canonical_key);
CREATE INDEX repositories_name_idx ON public.repositories USING btree (name);

create table repository_secrets (
  id uuid not null,
  repository_id uuid not null,
  name text not null,
  sealed_value text not null,
  created_by uuid not null,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  last_used_at timestamp with time zone,
  constraint repository_secrets_created_by_users_id_fk FOREIGN KEY (created_by) REFERENCES users(id),
  constraint repository_secrets_repository_id_repositories_id_fk FOREIGN KEY (repository_id) REFERENCES repositories(id) ON DELETE CASCADE,
  constraint repository_secrets_pkey PRIMARY KEY (id)
);
CREATE INDEX repository_secrets_created_by_idx ON public.repository_secrets USING btree (created_by);
CREATE UNIQUE INDEX repository_secrets_repository_id_name_key ON public.repository_secrets USING btree (repository_id, name);

create table rule_proposals (
  id uuid not null,
  status text not null default 'open'::text,
  rule jsonb not null,
  rule_hash text not null,
  facts jsonb not null,
  question text not null,
  worker_request_id uuid not null,
  repository_id uuid not null,
  author_id uuid not null,
  created_at timestamp with time zone not null default now(),
  decided_at timestamp with time zone,
  decided_by uuid,
  comment text not null default ''::text,
  policy_version integer,
  constraint rule_proposals_status_check CHECK ((status = ANY (ARRAY['open'::text, 'accepted'::text, 'dismissed'::text]))),
  constraint rule_proposals_author_id_users_id_fk FOREIGN KEY (author_id) REFERENCES users(id),
  constraint rule_proposals_decided_by_users_id_fk FOREIGN KEY (decided_by) REFERENCES users(id),
  constraint rule_proposals_repository_id_repositories_id_fk FOREIGN KEY (repository_id) REFERENCES repositories(id) ON DELETE CASCADE,
  constraint rule_proposals_pkey PRIMARY KEY (id)
);
CREATE INDEX rule_proposals_author_id_idx ON public.rule_proposals USING btree (author_id);
CREATE INDEX rule_proposals_decided_by_idx ON public.rule_proposals USING btree (decided_by);
CREATE UNIQUE INDEX rule_proposals_open_key ON public.rule_proposals USING btree (rule_hash) WHERE (status = 'open'::text);
CREATE INDEX rule_proposals_repository_id_idx ON public.rule_proposals USING btree (repository_id);
CREATE INDEX rule_proposals_status_idx ON public.rule_proposals USING btree (status, created_at);

create table sessions (
  id uuid not null,
  user_id uuid not null,
  user_agent text not null,
  address text not null,
  created_at timestamp with time zone not null default now(),
  last_used_at timestamp with time zone not null default now(),
  authenticated_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone not null,
  ended_at timestamp with time zone,
  end_reason text,
  constraint sessions_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES users(id),
  constraint sessions_pkey PRIMARY KEY (id)
);
CREATE INDEX sessions_expires_at_idx ON public.sessions USING btree (expires_at);
CREATE INDEX sessions_user_id_idx ON public.sessions USING btree (user_id);

create table settings (
  key text not null,
  value jsonb not null,
  updated_at timestamp with time zone not null default now(),
  constraint settings_pkey PRIMARY KEY (key)
);

create table stats_samples (
  sampled_at timestamp with time zone not null default now(),
  lanes jsonb not null,
  claimed integer not null,
  completed integer not null,
  failed integer not null,
  workers_online integer not null,
  constraint stats_samples_pkey PRIMARY KEY (sampled_at)
);

create table task_dependencies (
  task_id uuid not null,
  depends_on_task_id uuid not null,
  created_at timestamp with time zone not null default now(),
  constraint task_dependencies_self_check CHECK ((task_id <> depends_on_task_id)),
  constraint task_dependencies_depends_on_task_id_tasks_id_fk FOREIGN KEY (depends_on_task_id) REFERENCES tasks(id) ON DELETE CASCADE,
  constraint task_dependencies_task_id_tasks_id_fk FOREIGN KEY (task_id) REFERENCES tasks(id) ON DELETE CASCADE,
  constraint task_dependencies_task_id_depends_on_task_id_pk PRIMARY KEY (task_id, depends_on_task_id)
);
CREATE INDEX task_dependencies_depends_on_task_id_idx ON public.task_dependencies USING btree (depends_on_task_id);

create table task_words (
  task_id uuid not null,
  words tsvector not null,
  constraint task_words_task_id_tasks_id_fk FOREIGN KEY (task_id) REFERENCES tasks(id) ON DELETE CASCADE,
  constraint task_words_pkey PRIMARY KEY (task_id)
);
CREATE INDEX task_words_words_idx ON public.task_words USING gin (words) WITH (gin_pending_list_limit='512');

create table tasks (
  id uuid not null,
  title text not null,
  description text not null default ''::text,
  task_type text not null,
  permission_level text not null,
  priority text not null,
  status text not null,
  status_reason text not null default ''::text,
  repository_id uuid not null,
  repository_url text not null,
  branch_name text,
  issue_number integer,
  pr_number integer,
  agent jsonb not null default '{}'::jsonb,
  limits jsonb not null default '{}'::jsonb,
  required_labels text[] not null default '{}'::text[],
  timeout_seconds integer not null,
  context jsonb not null default '{}'::jsonb,
  metadata jsonb not null default '{}'::jsonb,
  created_by uuid not null,
  assigned_to uuid,
  parent_task_id uuid,
  attempt integer not null default 0,
  runs integer not null default 0,
  result jsonb,
  correlation_id text,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  started_at timestamp with time zone,
  completed_at timestamp with time zone,
  work_type text not null default ''::text,
  has_dependencies boolean not null default false,
  created_by_execution_id uuid,
  constraint tasks_attempt_check CHECK ((attempt >= 0)),
  constraint tasks_permission_level_check CHECK ((permission_level = ANY (ARRAY['autonomous'::text, 'supervised'::text, 'human_required'::text]))),
  constraint tasks_priority_check CHECK ((priority = ANY (ARRAY['low'::text, 'normal'::text, 'high'::text, 'critical'::text]))),
  constraint tasks_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'blocked'::text, 'queued'::text, 'in_progress'::text, 'waiting'::text, 'in_review'::text, 'completed'::text, 'failed'::text, 'cancelled'::text]))),
  constraint tasks_task_type_check CHECK ((task_type = ANY (ARRAY['feature'::text, 'bugfix'::text, 'test'::text, 'docs'::text, 'refactor'::text, 'review'::text]))),
  constraint tasks_assigned_to_workers_id_fk FOREIGN KEY (assigned_to) REFERENCES workers(id) ON DELETE SET NULL,
  constraint tasks_created_by_users_id_fk FOREIGN KEY (created_by) REFERENCES users(id),
  constraint tasks_parent_task_id_tasks_id_fk FOREIGN KEY (parent_task_id) REFERENCES tasks(id) ON DELETE SET NULL,
  constraint tasks_repository_id_repositories_id_fk FOREIGN KEY (repository_id) REFERENCES repositories(id),
  constraint tasks_pkey PRIMARY KEY (id)
);
CREATE INDEX tasks_assigned_to_idx ON public.tasks USING btree (assigned_to) WHERE (assigned_to IS NOT NULL);
CREATE INDEX tasks_completed_at_idx ON public.tasks USING btree (completed_at) WHERE (completed_at IS NOT NULL);
CREATE INDEX tasks_created_at_idx ON public.tasks USING btree (created_at, id);
CREATE INDEX tasks_created_by_idx ON public.tasks USING btree (created_by);
CREATE INDEX tasks_parent_task_id_idx ON public.tasks USING btree (parent_task_id) WHERE (parent_task_id IS NOT NULL);
CREATE INDEX tasks_priority_idx ON public.tasks USING btree (array_position('{low,normal,high,critical}'::text[], priority), created_at, id);
CREATE INDEX tasks_repository_id_idx ON public.tasks USING btree (repository_id, created_at, id);
CREATE INDEX tasks_status_idx ON public.tasks USING btree (status, created_at, id, task_type);
CREATE INDEX tasks_task_type_idx ON public.tasks USING btree (task_type);
CREATE INDEX tasks_title_idx ON public.tasks USING btree (title, id);
CREATE INDEX tasks_updated_at_idx ON public.tasks USING btree (updated_at, id);

create table users (
  id uuid not null,
  username text not null,
  email text not null,
  hashed_password text,
  full_name text not null default ''::text,
  role text not null,
  is_active boolean not null default true,
  is_verified boolean not null default false,
  settings jsonb not null default '{}'::jsonb,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  last_login_at timestamp with time zone,
  is_owner boolean not null default false,
  constraint users_role_check CHECK ((role = ANY (ARRAY['admin'::text, 'developer'::text, 'viewer'::text]))),
  constraint users_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX users_email_key ON public.users USING btree (email);
CREATE UNIQUE INDEX users_is_owner_key ON public.users USING btree (is_owner) WHERE is_owner;
CREATE INDEX users_role_idx ON public.users USING btree (role);
CREATE UNIQUE INDEX users_username_key ON public.users USING btree (username);

create table work_orders (
  id uuid not null,
  task_id uuid not null,
  kind text not null,
  queue_name text not null,
  status text not null,
  attempt integer not null default 0,
  payload jsonb not null default '{}'::jsonb,
  result jsonb,
  result_hash text,
  error_message text,
  retry_count integer not null default 0,
  max_retries integer not null,
  lost_leases integer not null default 0,
  timeout_seconds integer not null,
  enqueued_at timestamp with time zone not null default now(),
  ranked_at timestamp with time zone not null default now(),
  available_at timestamp with time zone not null default now(),
  claimed_at timestamp with time zone,
  lease_expires_at timestamp with time zone,
  completed_at timestamp with time zone,
  expires_at timestamp with time zone,
  worker_id uuid,
  worker_instance_id uuid,
  claim_key text,
  correlation_id text,
  work_type text not null,
  dead_lettered_at timestamp with time zone,
  constraint work_orders_kind_check CHECK ((kind = ANY (ARRAY['run'::text, 'publish'::text, 'verify'::text]))),
  constraint work_orders_lease_check CHECK (((status <> 'claimed'::text) OR ((lease_expires_at IS NOT NULL) AND (worker_id IS NOT NULL)))),
  constraint work_orders_queue_name_check CHECK ((queue_name = ANY (ARRAY['high_priority'::text, 'default'::text, 'low_priority'::text]))),
  constraint work_orders_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'claimed'::text, 'parked'::text, 'completed'::text, 'failed'::text, 'cancelled'::text, 'expired'::text]))),
  constraint work_orders_task_id_tasks_id_fk FOREIGN KEY (task_id) REFERENCES tasks(id) ON DELETE CASCADE,
  constraint work_orders_worker_id_workers_id_fk FOREIGN KEY (worker_id) REFERENCES workers(id) ON DELETE SET NULL,
  constraint work_orders_pkey PRIMARY KEY (id)
);
CREATE INDEX work_orders_claim_idx ON public.work_orders USING btree (work_type, ranked_at, available_at, id) WHERE (status = 'pending'::text);
CREATE UNIQUE INDEX work_orders_claim_key_key ON public.work_orders USING btree (worker_id, claim_key) WHERE ((status = 'claimed'::text) AND (claim_key IS NOT NULL));
CREATE INDEX work_orders_dead_letter_idx ON public.work_orders USING btree (dead_lettered_at) WHERE (dead_lettered_at IS NOT NULL);
CREATE INDEX work_orders_enqueued_at_idx ON public.work_orders USING btree (enqueued_at);
CREATE INDEX work_orders_expires_at_idx ON public.work_orders USING btree (expires_at);
CREATE INDEX work_orders_kind_idx ON public.work_orders USING btree (kind);
CREATE INDEX work_orders_lease_idx ON public.work_orders USING btree (lease_expires_at) WHERE (status = 'claimed'::text);
CREATE UNIQUE INDEX work_orders_live_task_key ON public.work_orders USING btree (task_id) WHERE (status = ANY (ARRAY['pending'::text, 'claimed'::text, 'parked'::text]));
CREATE INDEX work_orders_queue_name_idx ON public.work_orders USING btree (queue_name);
CREATE INDEX work_orders_status_idx ON public.work_orders USING btree (status);
CREATE INDEX work_orders_task_id_idx ON public.work_orders USING btree (task_id);
CREATE INDEX work_orders_worker_id_idx ON public.work_orders USING btree (worker_id);

create table worker_assignments (
  id uuid not null,
  worker_id uuid not null,
  work_order_id uuid not null,
  attempt integer not null,
  status text not null,
  result_hash text,
  answer jsonb,
  assigned_at timestamp with time zone not null default now(),
  completed_at timestamp with time zone,
  constraint worker_assignments_status_check CHECK ((status = ANY (ARRAY['active'::text, 'completed'::text, 'failed'::text, 'cancelled'::text, 'released'::text, 'parked'::text, 'lost'::text]))),
  constraint worker_assignments_work_order_id_work_orders_id_fk FOREIGN KEY (work_order_id) REFERENCES work_orders(id) ON DELETE CASCADE,
  constraint worker_assignments_worker_id_workers_id_fk FOREIGN KEY (worker_id) REFERENCES workers(id) ON DELETE CASCADE,
  constraint worker_assignments_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX worker_assignments_attempt_key ON public.worker_assignments USING btree (worker_id, work_order_id, attempt);
CREATE INDEX worker_assignments_status_idx ON public.worker_assignments USING btree (status);
CREATE INDEX worker_assignments_work_order_id_idx ON public.worker_assignments USING btree (work_order_id, attempt);

create table worker_capabilities (
  worker_id uuid not null,
  kind text not null,
  value text not null,
  created_at timestamp with time zone not null default now(),
  constraint worker_capabilities_kind_check CHECK ((kind = ANY (ARRAY['task_type'::text, 'label'::text, 'agent_driver'::text, 'agent_model'::text, 'sandbox'::text]))),
  constraint worker_capabilities_worker_id_workers_id_fk FOREIGN KEY (worker_id) REFERENCES workers(id) ON DELETE CASCADE,
  constraint worker_capabilities_worker_id_kind_value_pk PRIMARY KEY (worker_id, kind, value)
);
CREATE INDEX worker_capabilities_kind_value_idx ON public.worker_capabilities USING btree (kind, value);

create table worker_commands (
  "position" bigint not null generated always as identity,
  worker_id uuid not null,
  instance_id uuid,
  type text not null,
  work_order_id uuid,
  attempt integer,
  reason text not null default ''::text,
  created_at timestamp with time zone not null default now(),
  acknowledged_at timestamp with time zone,
  constraint worker_commands_type_check CHECK ((type = ANY (ARRAY['cancel'::text, 'drain'::text, 'stop_attempt'::text, 'message'::text]))),
  constraint worker_commands_work_order_id_work_orders_id_fk FOREIGN KEY (work_order_id) REFERENCES work_orders(id) ON DELETE CASCADE,
  constraint worker_commands_worker_id_workers_id_fk FOREIGN KEY (worker_id) REFERENCES workers(id) ON DELETE CASCADE,
  constraint worker_commands_pkey PRIMARY KEY ("position")
);
CREATE INDEX worker_commands_type_idx ON public.worker_commands USING btree (type);
CREATE INDEX worker_commands_work_order_id_idx ON public.worker_commands USING btree (work_order_id);
CREATE INDEX worker_commands_worker_id_position_idx ON public.worker_commands USING btree (worker_id, "position");

create table worker_requests (
  id uuid not null,
  task_id uuid not null,
  repository_id uuid not null,
  work_order_id uuid not null,
  execution_id uuid not null,
  worker_id uuid,
  attempt integer not null,
  call_id text not null,
  generation integer not null default 1,
  kind text not null,
  status text not null,
  fingerprint text not null,
  granted_fingerprint text,
  question text not null,
  reason text not null default ''::text,
  options jsonb not null,
  approval jsonb,
  facts jsonb not null,
  rule_id text not null,
  policy_version integer not null,
  route_reason text not null default ''::text,
  assigned_to uuid,
  deadline_at timestamp with time zone,
  deadline_seconds integer not null,
  on_timeout text not null,
  escalation jsonb not null,
  escalations integer not null default 0,
  controller_id uuid,
  lease_token_hash text,
  lease_expires_at timestamp with time zone,
  lost_leases integer not null default 0,
  answer_source text,
  answer_source_id text,
  answered_by text not null default ''::text,
  decision text,
  choice text,
  answer_text text not null default ''::text,
  edited_command text,
  scope text not null default 'once'::text,
  citations jsonb,
  confidence double precision,
  answer_reason text not null default ''::text,
  usage jsonb,
  correlation_id text,
  raised_at timestamp with time zone not null default now(),
  routed_at timestamp with time zone,
  settled_at timestamp with time zone,
  delivered_at timestamp with time zone,
  spent_at timestamp with time zone,
  spent_by_attempt integer,
  rule_proposal_id uuid,
  rule_refusal text not null default ''::text,
  alike_group text not null default ''::text,
  people_since timestamp with time zone,
  constraint worker_requests_answer_source_check CHECK ((answer_source = ANY (ARRAY['rule'::text, 'precedent'::text, 'controller'::text, 'person'::text, 'deadline'::text, 'system'::text]))),
  constraint worker_requests_kind_check CHECK ((kind = ANY (ARRAY['clarification'::text, 'question'::text, 'approval'::text]))),
  constraint worker_requests_on_timeout_check CHECK ((on_timeout = ANY (ARRAY['deny'::text, 'no_answer'::text, 'escalate'::text]))),
  constraint worker_requests_scope_check CHECK ((scope = ANY (ARRAY['once'::text, 'task'::text, 'rule'::text]))),
  constraint worker_requests_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'automated'::text, 'human'::text, 'answered'::text, 'denied'::text, 'no_answer'::text, 'expired'::text, 'cancelled'::text, 'superseded'::text]))),
  constraint worker_requests_assigned_to_users_id_fk FOREIGN KEY (assigned_to) REFERENCES users(id),
  constraint worker_requests_repository_id_repositories_id_fk FOREIGN KEY (repository_id) REFERENCES repositories(id),
  constraint worker_requests_task_id_tasks_id_fk FOREIGN KEY (task_id) REFERENCES tasks(id) ON DELETE CASCADE,
  constraint worker_requests_work_order_id_work_orders_id_fk FOREIGN KEY (work_order_id) REFERENCES work_orders(id) ON DELETE CASCADE,
  constraint worker_requests_pkey PRIMARY KEY (id)
);
CREATE INDEX worker_requests_assigned_to_idx ON public.worker_requests USING btree (assigned_to) WHERE (assigned_to IS NOT NULL);
CREATE INDEX worker_requests_automated_idx ON public.worker_requests USING btree (raised_at) WHERE (status = 'automated'::text);
CREATE UNIQUE INDEX worker_requests_call_key ON public.worker_requests USING btree (work_order_id, attempt, call_id);
CREATE INDEX worker_requests_execution_id_idx ON public.worker_requests USING btree (execution_id);
CREATE INDEX worker_requests_granted_idx ON public.worker_requests USING btree (task_id, granted_fingerprint) WHERE (granted_fingerprint IS NOT NULL);
CREATE INDEX worker_requests_live_alike_idx ON public.worker_requests USING btree (alike_group) WHERE (status = ANY (ARRAY['pending'::text, 'automated'::text, 'human'::text]));
CREATE INDEX worker_requests_live_deadline_idx ON public.worker_requests USING btree (deadline_at) WHERE (status = ANY (ARRAY['pending'::text, 'automated'::text, 'human'::text]));
CREATE INDEX worker_requests_live_raised_idx ON public.worker_requests USING btree (raised_at, id) WHERE (status = ANY (ARRAY['pending'::text, 'automated'::text, 'human'::text]));
CREATE INDEX worker_requests_live_task_idx ON public.worker_requests USING btree (task_id) WHERE (status = ANY (ARRAY['pending'::text, 'automated'::text, 'human'::text]));
CREATE INDEX worker_requests_raised_at_idx ON public.worker_requests USING btree (raised_at);
CREATE INDEX worker_requests_repository_id_idx ON public.worker_requests USING btree (repository_id, fingerprint);
CREATE INDEX worker_requests_status_idx ON public.worker_requests USING btree (status, raised_at);
CREATE INDEX worker_requests_task_id_idx ON public.worker_requests USING btree (task_id, fingerprint);
CREATE INDEX worker_requests_undelivered_idx ON public.worker_requests USING btree (settled_at) WHERE ((settled_at IS NOT NULL) AND (delivered_at IS NULL));
CREATE INDEX worker_requests_work_order_id_idx ON public.worker_requests USING btree (work_order_id);

create table worker_samples (
  worker_id uuid not null,
  sampled_at timestamp with time zone not null default now(),
  active_count integer not null,
  load_average double precision not null,
  memory_used_bytes bigint not null,
  disk_free_bytes bigint not null,
  constraint worker_samples_worker_id_workers_id_fk FOREIGN KEY (worker_id) REFERENCES workers(id) ON DELETE CASCADE,
  constraint worker_samples_worker_id_sampled_at_pk PRIMARY KEY (worker_id, sampled_at)
);
CREATE INDEX worker_samples_sampled_at_idx ON public.worker_samples USING btree (sampled_at);

create table workers (
  id uuid not null,
  name text not null,
  worker_type text not null,
  status text not null,
  status_reason text not null default ''::text,
  version text not null,
  instance_id uuid not null,
  max_concurrent_tasks integer not null,
  active_count integer not null default 0,
  timeout_seconds integer not null,
  context_window_size integer,
  config jsonb not null default '{}'::jsonb,
  capabilities jsonb not null,
  metrics jsonb,
  api_key_id uuid,
  last_heartbeat_at timestamp with time zone,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  deregistered_at timestamp with time zone,
  constraint workers_status_check CHECK ((status = ANY (ARRAY['idle'::text, 'busy'::text, 'draining'::text, 'offline'::text, 'error'::text]))),
  constraint workers_api_key_id_api_keys_id_fk FOREIGN KEY (api_key_id) REFERENCES api_keys(id) ON DELETE SET NULL,
  constraint workers_pkey PRIMARY KEY (id)
);
CREATE INDEX workers_api_key_id_idx ON public.workers USING btree (api_key_id);
CREATE INDEX workers_last_heartbeat_at_idx ON public.workers USING btree (last_heartbeat_at);
CREATE UNIQUE INDEX workers_name_key ON public.workers USING btree (name);
CREATE INDEX workers_status_idx ON public.workers USING btree (status);
CREATE INDEX workers_worker_type_idx ON public.workers USING btree (worker_type);
