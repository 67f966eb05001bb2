import { isIP } from "node:net";
import { z } from "zod";

const partsOf = (text: string): string[] =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");

/** A list by comma whose every part must be right; `problemOf` says what is wrong with one. */
const listOf = (problemOf: (part: string) => string | undefined) =>
  z
    .string()
    .default("")
    .transform(partsOf)
    .superRefine((parts, context) => {
      for (const part of parts) {
        const message = problemOf(part);
        if (message !== undefined) context.addIssue({ code: "custom", message });
      }
    });

function originProblem(text: string): string | undefined {
  if (text.includes("*")) return "must name each origin in full: * stands for none";
  const isOrigin = /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
  return isOrigin
    ? undefined
    : `${JSON.stringify(text)} is no origin: give scheme and host as browsers send them, such as https://board.example.org`;
}

/** Origins of web pages, exact. */
export const originListSchema = listOf(originProblem);

function proxyProblem(text: string): string | undefined {
  const [address = "", bits, more] = text.split("/");
  const family = isIP(address);
  const isNetwork =
    bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
  if (family === 0 || !isNetwork || more !== undefined)
    return `${JSON.stringify(text)} is no address: give it in numbers, or a network such as 10.0.0.0/8`;
  return Number(bits ?? 1) === 0
    ? `${text} would trust everybody, who could then pass for any address: name your proxies`
    : undefined;
}

/** Addresses and networks. */
export const cidrListSchema = listOf(proxyProblem);
