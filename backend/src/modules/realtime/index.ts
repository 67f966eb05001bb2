export { presenceChannel } from "./presence.sockets.ts";
export { type Realtime, type RealtimeDeps, startRealtime } from "./realtime.sockets.ts";
