import { entry } from "./error-entry.ts";

/** Codes of what agents ask, who answers, and who is told. Part of the catalog. */
export const decisionErrors = {
  "worker_request.not_found": entry(
    "not_found",
    "There is no such worker request.",
    "List the worker requests.",
  ),
  "worker_request.settled": entry(
    "conflict",
    "The worker request is already settled.",
    "Read the answer in `data.answer`; it stands.",
  ),
  "worker_request.changed": entry(
    "conflict",
    "The worker request changed since it was shown.",
    "Read it again and answer what it asks now.",
  ),
  "worker_request.option_unknown": entry(
    "invalid",
    "The answer is none of those offered.",
    "Choose one of the options named.",
  ),
  "worker_request.answer_invalid": entry(
    "invalid",
    "The answer does not fit the request.",
    "Allow or deny an approval; give a text or a choice to a question.",
  ),
  "worker_request.not_routed": entry(
    "conflict",
    "The worker request is not routed to a controller.",
    "Leave it: a person or a rule settles it.",
  ),
  "worker_request.lease_lost": entry(
    "conflict",
    "The controller no longer holds the worker request.",
    "Drop the answer.",
  ),
  "worker_request.spent": entry("conflict", "The approval was used already.", "Ask again for another call."),
  "worker_request.not_allowed": entry(
    "conflict",
    "This call was not allowed.",
    "Run the call that was allowed, or ask for this one.",
  ),
  "notice_channel.not_found": entry(
    "not_found",
    "There is no such notice channel.",
    "List your notice channels.",
  ),
  "notice_channel.mail_not_configured": entry(
    "invalid",
    "This installation can't send e-mail.",
    "Set AGENTVINE_SMTP_URL and AGENTVINE_MAIL_FROM, or use a webhook.",
  ),
  "notice_channel.address_refused": entry(
    "invalid",
    "Webhooks may not lead into a private network, and with accounts e-mail goes to one's own verified address alone.",
    "Use a public address, or set AGENTVINE_ALLOW_PRIVATE_HOSTS; for e-mail, give the verified address of your account.",
  ),
  "notice_channel.limit_reached": entry(
    "conflict",
    "There are too many notice channels.",
    "Remove one that is not used.",
  ),
  "rule_proposal.not_found": entry(
    "not_found",
    "There is no such proposed rule.",
    "List the proposed rules.",
  ),
  "rule_proposal.decided": entry(
    "conflict",
    "The proposed rule was accepted or dismissed already.",
    "Leave it; what is in the policy is changed there.",
  ),
  "rule_proposal.without_effect": entry(
    "conflict",
    "The active policy with the proposed rule would not decide what it was proposed for.",
    "Look at what decides it instead, or write the rule by hand.",
  ),
  "precedent.not_found": entry("not_found", "There is no such precedent.", "List the precedents."),
  "controller.superseded": entry(
    "conflict",
    "Another process has registered under the controller's name.",
    "Stop this process, or give it a name of its own.",
  ),
  "controller.name_taken": entry(
    "conflict",
    "A controller of that name registered with another key, which is still valid.",
    "Give the controller a name of its own, or use that key. An administrator frees the name by revoking it.",
  ),
  "document.not_found": entry("not_found", "There is no such document.", "List the documents."),
  "document.changed": entry(
    "conflict",
    "The document was changed meanwhile.",
    "Read it again and make the change from its version.",
  ),
  "document.not_grounded": entry(
    "conflict",
    "The answer can't be proposed as a document.",
    "Propose answers that the controller gave itself and that rest on earlier answers of people.",
  ),
  "conversation.not_found": entry("not_found", "There is no such conversation.", "List the conversations."),
  "socket.limit_reached": entry(
    "limited",
    "There are too many live connections of this caller.",
    "Close some; AGENTVINE_SOCKETS_PER_CALLER_MAX sets the limit.",
    true,
  ),
  "message.not_found": entry("not_found", "There is no such message.", "List the messages."),
  "message.delivered": entry(
    "conflict",
    "The agent has taken the message, or it was withdrawn.",
    "Write another one.",
  ),
  "attachment.not_found": entry(
    "not_found",
    "There is no such attachment.",
    "Upload it again; what no message names within a day is removed.",
  ),
  "attachment.type_mismatch": entry(
    "invalid",
    "The bytes are not what the Content-Type says.",
    "Send the type in `data.contentType`, or application/octet-stream.",
  ),
  "attachment.limit_reached": entry(
    "conflict",
    "There are too many attachments.",
    "Send them with several messages; remove uploads that no message names.",
  ),
  "message.not_own": entry("forbidden", "The message is somebody else's.", "Write one of your own."),
  "controller.not_found": entry("not_found", "There is no such controller.", "Register it again."),
} as const;
