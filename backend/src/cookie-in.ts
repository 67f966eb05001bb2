import type { IncomingHttpHeaders } from "node:http";

/** The value of a cookie; undefined when the request has none of that name. */
export const cookieIn = ({ cookie }: Pick<IncomingHttpHeaders, "cookie">, name: string): string | undefined =>
  cookie
    ?.split(";")
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith(`${name}=`))
    ?.slice(name.length + 1);
