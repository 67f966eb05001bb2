import type { SendMailOptions, Transporter } from "nodemailer";

export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  /** The same for each try of a notice: mail programs show a repeat once. */
  readonly messageId: string;
}

export interface MailSender {
  /** @throws an error that says in words why the server did not take it */
  send(mail: Mail): Promise<void>;
  close(): void;
}

/**
 * Sends e-mail over SMTP. nodemailer is loaded with the first mail: most starts never send one.
 * @param url with user and password when the server wants them; never logged
 */
export function createMailSender({ url, from }: { url: string; from: string }): MailSender {
  let transport: Promise<Transporter> | undefined;
  let isClosed = false;
  const open = async (): Promise<Transporter> => {
    const { createTransport } = await import("nodemailer");
    return createTransport(url, { from });
  };
  return {
    async send({ to, subject, text, messageId }) {
      transport ??= open();
      const mail: SendMailOptions = {
        to,
        subject,
        text,
        messageId,
        headers: { "auto-submitted": "auto-generated" },
        // Nothing of a notice may make the server read files or fetch addresses.
        disableFileAccess: true,
        disableUrlAccess: true,
      };
      const connection = await transport;
      await connection.sendMail(mail);
      if (isClosed) connection.close();
    },
    close() {
      isClosed = true;
      void transport?.then((connection) => connection.close());
    },
  };
}
