import { endpoints } from "@agentvine/contracts";
import { create as contentDisposition } from "content-disposition";
import type { FastifyInstance } from "fastify";
import { route } from "../../http/route.ts";
import type { AttachmentService } from "./attachment.service.ts";

/** Routes of attachments; one may hold at most `bytesMax` bytes. */
export function registerAttachmentRoutes(
  app: FastifyInstance,
  service: AttachmentService,
  bytesMax: number,
): void {
  const { uploadAttachment, downloadAttachment, deleteAttachment } = endpoints.chat;
  route(
    app,
    { ...uploadAttachment, rawBodyBytesMax: bytesMax },
    ({ actor, params, query, rawBody, request }) =>
      service.upload(
        actor,
        {
          conversationId: params.conversationId,
          name: query.name,
          contentType: request.headers["content-type"],
        },
        rawBody,
      ),
  );
  route(app, downloadAttachment, async ({ params, reply }) => {
    const { attachment, content } = await service.open(params.attachmentId);
    // Saved, never shown; and should something show it all the same, it runs nothing and has no origin.
    void reply
      .type(attachment.contentType)
      .header("content-disposition", contentDisposition(attachment.name))
      .header("content-security-policy", "sandbox; default-src 'none'")
      .header("x-content-type-options", "nosniff")
      .header("cross-origin-resource-policy", "same-origin")
      .header("content-length", attachment.sizeBytes);
    return content;
  });
  route(app, deleteAttachment, ({ actor, params }) => service.remove(actor, params.attachmentId));
}
