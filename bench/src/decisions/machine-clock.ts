/** Milliseconds of the monotonic clock that all processes of a machine share. */
export const machineMs = (): number => Number(process.hrtime.bigint()) / 1_000_000;
