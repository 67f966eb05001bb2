import { createServer } from "node:net";
import { AppError } from "@agentvine/kit";

/** A port of the loopback interface that nobody listens on now. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });

/** @throws AppError `server.port_in_use` naming the remedy when somebody listens on the port already. */
export const assertPortFree = (host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      const taken = `port ${port} is taken by another program: choose another with --port`;
      if (error.code === "EADDRINUSE") reject(new AppError("server.port_in_use", taken));
      else
        reject(
          new AppError("config.invalid", `can't listen on ${host}:${port}: ${error.code ?? error.message}`),
        );
    });
    server.listen(port, host, () => server.close(() => resolve()));
  });
