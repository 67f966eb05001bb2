export { createMailSender, type MailSender } from "./mail-sender.service.ts";
export { registerNoticeRoutes } from "./notice.routes.ts";
export { createNoticeService, type NoticeService } from "./notice.service.ts";
export type { IsLooking } from "./notice.ts";
export { createNoticeDelivery, triesMax } from "./notice-delivery.service.ts";
export { startNoticeOutbox } from "./notice-outbox.service.ts";
export { createNoticeSender } from "./notice-sender.service.ts";
export type { WaitingRequests } from "./waiting-requests.port.ts";
export { createWebhookSender } from "./webhook-sender.service.ts";
