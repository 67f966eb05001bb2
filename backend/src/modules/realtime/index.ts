export { type RealtimeDeps, startRealtime } from "./realtime.sockets.ts";
