import { AppError } from "@agentvine/kit";

const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** Seconds of a duration as people write it: `90s`, `45m`, `12h`, `30d`. @throws AppError `command.usage` */
export const readDuration = (given: string, flag: string): number => {
  const [, count, unit = ""] = /^(\d{1,6})([smhd])$/.exec(given) ?? [];
  const seconds = secondsOf[unit];
  if (count === undefined || seconds === undefined)
    throw new AppError("command.usage", `${flag} takes a duration such as 45m, 12h or 30d, not "${given}"`);
  return Number(count) * seconds;
};
