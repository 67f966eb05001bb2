import { linkSignals } from "@agentvine/client";
import { type Clock, coerceError, type Logger, type sleep as realSleep } from "@agentvine/kit";
import type { AgentEvent, AgentServices, Hear, Relay } from "../../agents/agent-driver.ts";
import { openRelay } from "../../relay/open-relay.ts";
import type { RequestDesk } from "../decisions/request-desk.ts";
import { createRelayCalls } from "./relay-calls.ts";
import { SteppedQuestions } from "./stepped-questions.ts";

export interface AgentRelayOptions {
  /** Program of the relay. */
  readonly entry: string;
  /** Folder for sockets. */
  readonly directory: string;
  readonly desk: RequestDesk;
  readonly services: AgentServices;
  readonly liveMsMax: number;
  readonly pollSeconds: number;
  readonly clock: Clock;
  readonly sleep: typeof realSleep;
  /** Ends all waiting: the work was stopped. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/** Opens relays for the turns of an agent that is no part of this process. Null, with the reason in the log, when none can be opened. */
export const createRelayOpener =
  ({ entry, directory, desk, services, signal, logger, ...waiting }: AgentRelayOptions) =>
  async (onEvent: (event: AgentEvent) => void, hear: Hear): Promise<Relay | null> => {
    const turn = linkSignals(signal);
    const { liveMsMax, pollSeconds, clock, sleep } = waiting;
    const questions = new SteppedQuestions({
      ...{ desk, liveMsMax, clock, sleep },
      ...{ stepMs: pollSeconds * 1_000, signal: turn.signal },
    });
    try {
      const handle = createRelayCalls({ questions, services, hear, sleep, onEvent });
      const relay = await openRelay({ entry, directory, handle });
      return {
        ...relay,
        close: async () => {
          turn.abort("closed");
          await relay.close();
        },
      };
    } catch (error) {
      turn.unlink();
      logger.warn({ err: coerceError(error) }, "no relay can be opened: the agent can't ask anybody");
      return null;
    }
  };
