export * from "./api-error.ts";
export * from "./client.ts";
export * from "./event-stream.ts";
export * from "./linked-signal.ts";
export * from "./socket.ts";
