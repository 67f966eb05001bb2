import { backoffDelayMs, type Clock, coerceError, type Logger, newId, sleep } from "@agentvine/kit";
import type { MailText } from "./mail-text.ts";

/** Takes a mail and sends it. */
export interface Mailer {
  send(mail: { to: string; subject: string; text: string; messageId: string }): Promise<void>;
}

export interface AccountMail {
  /** Whether mail is sent at all. */
  isOn: boolean;
  /**
   * Sends a mail in the background: nobody waits for it, and nobody learns from the time of an answer whether one was sent. Links are
   * kept nowhere, so what is not sent when the backend stops has to be asked for again.
   */
  send(to: string, text: MailText): void;
  /** Ends what still waits for another try. */
  stop(): Promise<void>;
}

const triesMax = 4;

export function createAccountMail(deps: {
  mailer: Mailer | undefined;
  clock: Clock;
  logger: Logger;
  /** Longest wait before the first new try; each further one doubles. */
  retryMs?: number | undefined;
}): AccountMail {
  const { mailer, logger, retryMs = 5_000 } = deps;
  const stopping = new AbortController();
  const underWay = new Set<Promise<void>>();

  const deliver = async (mailer: Mailer, to: string, { subject, text }: MailText): Promise<void> => {
    const messageId = `<${newId()}@agentvine>`;
    for (let tries = 1; ; tries += 1) {
      try {
        return await mailer.send({ to, subject, text, messageId });
      } catch (error) {
        // The text holds a link: it is not logged.
        logger.warn({ err: coerceError(error), tries }, "an account mail could not be sent");
        if (tries === triesMax) return;
        await sleep(backoffDelayMs(tries, { baseMs: retryMs, maxMs: 60_000 }), stopping.signal);
      }
    }
  };

  return {
    isOn: mailer !== undefined,
    send(to, text) {
      if (mailer === undefined) return;
      const sending = deliver(mailer, to, text)
        .catch(() => {
          // Stopped while it waited.
        })
        .finally(() => underWay.delete(sending));
      underWay.add(sending);
    },
    async stop() {
      stopping.abort();
      await Promise.all(underWay);
    },
  };
}
