export { type RealtimeDeps, startRealtime } from "./realtime.server.ts";
