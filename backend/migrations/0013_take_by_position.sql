DROP INDEX "chat_messages_take_id_idx";--> statement-breakpoint
ALTER TABLE "chat_messages" DROP COLUMN "take_id";