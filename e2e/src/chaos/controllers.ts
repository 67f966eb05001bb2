import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { Client } from "@agentvine/client";
import { endpoints } from "@agentvine/contracts";
import { type Scenario, type ScriptedModel, startScriptedModel } from "@agentvine/scripted-model";
import { type Member, type MemberPlace, makeMember } from "./member.ts";

/** What the model of the run says when it answers. */
export const modelAnswer = "Every name means what it says.";

const title = "What the names of chaos mean";

/** Sure of most questions, unsure of some, and now and then of one that it makes no answer of; the same for the same question. */
const scenario: Scenario = {
  name: "chaos",
  matches: () => true,
  respond: ({ phases }) => {
    const asked = phases[0]?.instruction ?? "";
    const [draw = 0] = createHash("sha256").update(asked).digest();
    if (draw < 25) return { text: "It surely means something." };
    const source = new RegExp(`<<<SOURCE (S\\d+) \\(document\\)\\n${title}`).exec(asked)?.[1] ?? "S?";
    const citations = [{ source, quote: modelAnswer }];
    const confidence = draw < 75 ? 0.2 : 0.95;
    return { calls: [{ name: "answer", input: { answer: modelAnswer, confidence, citations } }] };
  },
};

export const startModel = (): Promise<ScriptedModel> => startScriptedModel({ scenarios: [scenario] });

/** Writes down what the model may answer from. */
export async function writeDocument(client: Client): Promise<void> {
  const content = `What does a name like t1 or t200 mean? ${modelAnswer}`;
  await client.call(endpoints.context.create, { body: { title, type: "reference", content } });
}

const entry = fileURLToPath(new URL("../../../controller/dist/main.js", import.meta.url));

/** The built controller. */
export const controllerMember = (place: MemberPlace, modelUrl: string): Promise<Member> =>
  makeMember({
    name: place.name,
    isReal: true,
    backendUrl: place.backendUrl,
    dataDir: place.dataDir,
    launch: async (_clockOffsetMs, serverUrl) => {
      const child = spawn(process.execPath, [entry], {
        stdio: ["ignore", "ignore", "inherit"],
        env: {
          PATH: process.env.PATH ?? "",
          AGENTVINE_HOME: place.dataDir,
          AGENTVINE_SERVER: serverUrl,
          AGENTVINE_TOKEN: place.token,
          AGENTVINE_CONTROLLER_NAME: place.name,
          AGENTVINE_MODEL: "scripted/demo",
          AGENTVINE_MODEL_BASE_URL: modelUrl,
          AGENTVINE_LOG_LEVEL: "error",
        },
      });
      const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
      return { pid: child.pid ?? 0, exited, signal: (signal) => child.kill(signal) };
    },
  });
