import { coerceError, type Logger, newId, retry } from "@agentvine/kit";
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
  logger: Logger;
  /** Longest wait before the first new try; each further one doubles. */
  retryMs?: number | undefined;
}): AccountMail {
  const { mailer, logger, retryMs = 5_000 } = deps;
  const stopping = new AbortController();
  const underWay = new Set<Promise<void>>();

  const deliver = async (mailer: Mailer, to: string, { subject, text }: MailText): Promise<void> => {
    const messageId = `<${newId()}@agentvine>`;
    // The text holds a link: it is not logged.
    const told = (error: unknown, tries: number): void =>
      logger.warn({ err: coerceError(error), tries }, "an account mail could not be sent");
    await retry(() => mailer.send({ to, subject, text, messageId }), {
      ...{ attemptsMax: triesMax, baseMs: retryMs, maxMs: 60_000, signal: stopping.signal },
      isRetryable: () => true,
      onRetry: told,
    }).catch((error: unknown) => {
      // Stopped while it waited: that is no failure.
      if (!stopping.signal.aborted) told(error, triesMax);
    });
  };

  return {
    isOn: mailer !== undefined,
    send(to, text) {
      if (mailer === undefined) return;
      const sending = deliver(mailer, to, text).finally(() => underWay.delete(sending));
      underWay.add(sending);
    },
    async stop() {
      stopping.abort();
      await Promise.all(underWay);
    },
  };
}
