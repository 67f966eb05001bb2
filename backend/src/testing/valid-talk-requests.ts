import { newId } from "@agentvine/kit";
import type { WorkFixture } from "./work-fixture.ts";

interface Attempt {
  ref: { workOrderId: string; attempt: number };
  token: string;
}

export interface TalkRequestDeps {
  fixture: () => WorkFixture;
  running: () => Promise<Attempt>;
  pendingTask: () => Promise<{ id: string }>;
}

const documentBody = { title: "d", type: "guide", content: "text", tags: ["a"], repositoryId: null };

/** Valid requests for the endpoints of chat and context. */
export function talkRequests({ fixture, running, pendingTask }: TalkRequestDeps) {
  const madeBy = async (path: string, body: object): Promise<string> =>
    (await fixture().app.request<{ id: string }>("POST", `/api/v1/${path}`, { body })).body.id;
  const newDocument = () => madeBy("context/documents", documentBody);
  const newConversation = async () => madeBy("chat/conversations", { taskId: (await pendingTask()).id });
  const newMessage = async () =>
    madeBy(`chat/conversations/${await newConversation()}/messages`, { content: "hello" });
  const newAttachment = async (conversationId: string): Promise<string> => {
    const { url, token } = fixture().app;
    const path = `/api/v1/chat/conversations/${conversationId}/attachments?name=a.txt`;
    const headers = { authorization: `Bearer ${token}`, "content-type": "text/plain" };
    const uploaded = await fetch(url + path, { method: "POST", headers, body: "hello" });
    return ((await uploaded.json()) as { id: string }).id;
  };
  const attachmentParams = async () => ({
    params: { attachmentId: await newAttachment(await newConversation()) },
  });
  const context = {
    create: async () => ({ body: documentBody }),
    list: async () => ({
      query: { search: "x", type: "guide", status: "active", tag: "a", repositoryId: newId() },
    }),
    get: async () => ({ params: { documentId: await newDocument() }, query: { version: 1 } }),
    update: async () => ({
      params: { documentId: await newDocument() },
      body: { ...documentBody, version: 1, status: "archived" },
    }),
    versions: async () => ({ params: { documentId: await newDocument() } }),
    diff: async () => ({ params: { documentId: await newDocument() }, query: { from: 1, to: 1 } }),
    tags: async () => ({}),
    match: async () => ({ query: { taskId: (await pendingTask()).id, text: "how", limit: 3 } }),
    forAttempt: async () => {
      const { ref, token } = await running();
      return { body: { ...ref, text: "how", limit: 3, wholeCharactersMax: 100 }, token };
    },
    documentForAttempt: async () => {
      const { ref, token } = await running();
      return { body: { ...ref, documentId: await newDocument(), offset: 0, charactersMax: 10 }, token };
    },
  };
  const chat = {
    createConversation: async () => ({ body: { taskId: (await pendingTask()).id } }),
    listConversations: async () => ({ query: { taskId: newId(), page: 1 } }),
    getConversation: async () => ({ params: { conversationId: await newConversation() } }),
    listMessages: async () => ({
      params: { conversationId: await newConversation() },
      query: { since: 0, before: 5, limit: 5 },
    }),
    postMessage: async () => {
      const conversationId = await newConversation();
      const attachmentIds = [await newAttachment(conversationId)];
      return { params: { conversationId }, body: { content: "hello", parentId: null, attachmentIds } };
    },
    // Its bytes are no JSON; the attachments' own tests ask what it makes of hostile names and bytes.
    uploadAttachment: null,
    downloadAttachment: attachmentParams,
    deleteAttachment: attachmentParams,
    editMessage: async () => ({ params: { messageId: await newMessage() }, body: { content: "hi" } }),
    withdrawMessage: async () => ({ params: { messageId: await newMessage() } }),
    takeMessages: async () => {
      const { ref, token } = await running();
      return { body: { ...ref, after: 0 }, token };
    },
    postAgentMessage: async () => {
      const { ref, token } = await running();
      return { body: { ...ref, messageId: newId(), content: "done" }, token };
    },
  };
  return { context, chat };
}
