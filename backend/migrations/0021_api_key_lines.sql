ALTER TABLE "api_keys" ADD COLUMN "rotated_from_id" uuid;--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "line_id" uuid;--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_rotated_from_id_api_keys_id_fk" FOREIGN KEY ("rotated_from_id") REFERENCES "public"."api_keys"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_line_id_api_keys_id_fk" FOREIGN KEY ("line_id") REFERENCES "public"."api_keys"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "api_keys_rotated_from_id_idx" ON "api_keys" USING btree ("rotated_from_id");--> statement-breakpoint
CREATE INDEX "api_keys_line_id_idx" ON "api_keys" USING btree ("line_id");