import type { EndpointShape } from "@agentvine/contracts";
import type { TestApp, TestResponse } from "./build-test-app.ts";

/** Sends an endpoint's own example, which is a request that it would take from whoever may. */
export async function sendExample(
  app: TestApp,
  { method, path, example }: EndpointShape,
  token: string | null,
): Promise<TestResponse<{ error?: { code: string; data?: Record<string, unknown> } }>> {
  const { params = {}, query = {}, body } = (example ?? {}) as Record<string, Record<string, unknown>>;
  const filled = path.replace(/:(\w+)/g, (_, name: string) =>
    encodeURIComponent(String(params[name] ?? "x")),
  );
  const search = new URLSearchParams(
    Object.entries(query).map(([key, value]): [string, string] => [key, String(value)]),
  );
  return await app.request(method, `${filled}?${search}`, {
    token,
    ...(method === "GET" || body === undefined ? {} : { body }),
  });
}
