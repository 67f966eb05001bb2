// `node --import` this into a process to set its wall clock wrong by AGENTVINE_CHAOS_CLOCK_OFFSET_MS. Timers and the monotonic clock are
// as they were, as on a machine whose date is wrong.
const offsetMs = Number(process.env.AGENTVINE_CHAOS_CLOCK_OFFSET_MS ?? 0);
const TrueDate = globalThis.Date;

if (offsetMs !== 0) {
  class WrongDate extends TrueDate {
    constructor(...given) {
      super(...(given.length === 0 ? [TrueDate.now() + offsetMs] : given));
    }

    static now() {
      return TrueDate.now() + offsetMs;
    }
  }
  globalThis.Date = WrongDate;
}
