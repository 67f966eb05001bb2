CREATE TABLE "credentials" (
	"id" uuid PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"repository_id" uuid,
	"host" text,
	"username" text,
	"sealed_value" text NOT NULL,
	"known_hosts" text,
	"created_by" uuid NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_used_at" timestamp with time zone,
	CONSTRAINT "credentials_kind_check" CHECK ("credentials"."kind" in ('token', 'ssh_key')),
	CONSTRAINT "credentials_place_check" CHECK (("credentials"."repository_id" is null) <> ("credentials"."host" is null))
);
--> statement-breakpoint
CREATE TABLE "repository_secrets" (
	"id" uuid PRIMARY KEY NOT NULL,
	"repository_id" uuid NOT NULL,
	"name" text NOT NULL,
	"sealed_value" text NOT NULL,
	"created_by" uuid NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_used_at" timestamp with time zone
);
--> statement-breakpoint
ALTER TABLE "credentials" ADD CONSTRAINT "credentials_repository_id_repositories_id_fk" FOREIGN KEY ("repository_id") REFERENCES "public"."repositories"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "credentials" ADD CONSTRAINT "credentials_created_by_users_id_fk" FOREIGN KEY ("created_by") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "repository_secrets" ADD CONSTRAINT "repository_secrets_repository_id_repositories_id_fk" FOREIGN KEY ("repository_id") REFERENCES "public"."repositories"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "repository_secrets" ADD CONSTRAINT "repository_secrets_created_by_users_id_fk" FOREIGN KEY ("created_by") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "credentials_repository_id_kind_key" ON "credentials" USING btree ("repository_id","kind");--> statement-breakpoint
CREATE UNIQUE INDEX "credentials_host_kind_key" ON "credentials" USING btree ("host","kind");--> statement-breakpoint
CREATE INDEX "credentials_created_by_idx" ON "credentials" USING btree ("created_by");--> statement-breakpoint
CREATE UNIQUE INDEX "repository_secrets_repository_id_name_key" ON "repository_secrets" USING btree ("repository_id","name");--> statement-breakpoint
CREATE INDEX "repository_secrets_created_by_idx" ON "repository_secrets" USING btree ("created_by");