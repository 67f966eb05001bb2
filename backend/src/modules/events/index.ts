export { noteRecorded, recordEvent, recordEvents } from "./event.repository.ts";
export { registerEventRoutes } from "./event.routes.ts";
export { createEventService, type EventService } from "./event.service.ts";
export type { NewEvent } from "./event.ts";
export { startEventSequencer } from "./event-sequencer.service.ts";
