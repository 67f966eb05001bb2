export { noteRecorded, recordEvent, recordEvents } from "./event.repository.ts";
export { type EventRoutesOptions, registerEventRoutes } from "./event.routes.ts";
export { createEventService, type EventService, type EventSource } from "./event.service.ts";
export { type NewEvent, positionedChannel } from "./event.ts";
export { type EventSequencer, startEventSequencer } from "./event-sequencer.service.ts";
