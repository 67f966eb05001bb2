export { type RealtimeDeps, startRealtime } from "./realtime.service.ts";
