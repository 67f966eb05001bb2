import { isAppError } from "@agentvine/kit";
import { describe, expect, it } from "vitest";
import { parseRemoteAddress } from "./remote-address.ts";

const open = { allowsPaths: true, allowsHttp: true };
const closed = { allowsPaths: false, allowsHttp: false };

describe("parseRemoteAddress", () => {
  it.each([
    ["https://github.com/acme/app.git", "https", "https://github.com/acme/app.git"],
    ["https://github.com./acme/app", "https", "https://github.com/acme/app"],
    ["HTTPS://GitHub.com/acme/app", "https", "https://github.com/acme/app"],
    ["git@github.com:acme/app.git", "ssh", "ssh://git@github.com/~/acme/app.git"],
    ["github.com:/srv/app.git", "ssh", "ssh://github.com/srv/app.git"],
    ["ssh://git@example.com:2222/acme/app", "ssh", "ssh://git@example.com:2222/acme/app"],
    ["http://127.0.0.1:3000/app", "http", "http://127.0.0.1:3000/app"],
    ["/srv/app with spaces", "local", "/srv/app with spaces"],
    ["/srv/a:b", "local", "/srv/a:b"],
    ["file:///srv/my%20app", "local", "/srv/my app"],
  ])("takes %s", (raw, transport, url) => {
    expect(parseRemoteAddress(raw, open)).toEqual({ transport, url });
  });

  it.each([
    "",
    "--upload-pack=touch x",
    "-oProxyCommand=x",
    "ext::sh -c touch%20x",
    "fd::7",
    "git://example.com/app",
    "relative/path",
    "https://user:token@github.com/acme/app",
    "https://token@github.com/acme/app",
    "ssh://git:secret@example.com/app",
    "ssh://-oProxyCommand=x/app",
    "-x@host:path",
    "file://host/share",
    "https://exa mple.com/x",
    "https://good\\@127.0.0.1/x",
    "https://example.com/\u0000",
    "a\nb:c",
  ])("refuses %j", (raw) => {
    expect(() => parseRemoteAddress(raw, open)).toThrow(
      expect.toSatisfy((error) => isAppError(error, "repository.url_invalid")),
    );
  });

  it.each(["/srv/app", "file:///srv/app", "http://example.com/app"])("takes %s in local mode only", (raw) => {
    expect(() => parseRemoteAddress(raw, closed)).toThrow("can't be used");
  });
});
