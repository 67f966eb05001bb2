import { AppError, isPrivateHost } from "@agentvine/kit";
import { describe, expect, test } from "vitest";
import { parseRepositoryUrl } from "./repository-url.ts";

const local = { allowsPaths: true, allowsPrivateHosts: false };
const open = { allowsPaths: true, allowsPrivateHosts: true };
const remote = { allowsPaths: false, allowsPrivateHosts: false };

const keyOf = (url: string, gate = local) => {
  const address = parseRepositoryUrl(url, gate);
  return address.kind === "remote" ? address.canonicalKey : `path ${address.path}`;
};

describe("every spelling of one repository has one key", () => {
  test.each([
    [
      "github.com/acme/shop",
      [
        "https://github.com/acme/shop",
        "https://github.com/acme/shop.git",
        "https://github.com/acme/shop/",
        "https://github.com/acme/shop.git/",
        "https://GitHub.com/Acme/Shop",
        "https://github.com:443/acme/shop",
        "https://github.com./acme/shop",
        "https://github.com//acme//shop",
        "https://github.com/acme/%73hop",
        "ssh://git@github.com/acme/shop.git",
        "ssh://github.com:22/acme/shop",
        "git@github.com:acme/shop.git",
        "git@github.com:/acme/shop",
        "github.com:acme/shop",
        "GIT@GITHUB.COM:acme/shop".replace("GIT@", "git@"),
      ],
    ],
    [
      "git.example.org/Team/Shop",
      [
        "https://GIT.example.org/Team/Shop.git",
        "git@git.example.org:Team/Shop",
        "ssh://git@git.example.org/Team/Shop",
      ],
    ],
    ["git.example.org:2222/a", ["ssh://git@git.example.org:2222/a.git"]],
    [
      "alice@host.example.org/srv/a",
      ["alice@host.example.org:srv/a", "ssh://alice@host.example.org/srv/a.git"],
    ],
  ])("%s", (key, spellings) => {
    for (const spelling of spellings) {
      expect(keyOf(spelling), spelling).toBe(key);
    }
  });

  test("different repositories keep different keys", () => {
    const keys = [
      "https://git.example.org/a/b",
      "https://git.example.org/A/b",
      "https://git.example.org/a/b/c",
      "https://git.example.org:8443/a/b",
      "https://git.example.net/a/b",
      "bob@git.example.org:a/b",
    ].map((url) => keyOf(url));
    expect(new Set(keys).size).toBe(6);
  });

  test("the name is the last part of the path", () => {
    expect(parseRepositoryUrl("git@github.com:acme/shop.git", local)).toMatchObject({ name: "shop" });
  });
});

describe("paths", () => {
  test.each([
    ["/srv/git/a", "/srv/git/a"],
    ["/srv/$(touch;x);'", "/srv/$(touch;x);'"],
    ["file:///srv/git/a", "/srv/git/a"],
    ["file:///srv/with%20space", "/srv/with space"],
  ])("%s is taken in local mode only", (url, path) => {
    expect(parseRepositoryUrl(url, local)).toEqual({ kind: "path", path });
    expect(() => parseRepositoryUrl(url, remote)).toThrow(/local mode only/);
  });
});

describe("refused", () => {
  test.each([
    "",
    "shop",
    "./shop",
    "../shop",
    "~/shop",
    "--upload-pack=touch /tmp/x",
    "-oProxyCommand=x",
    "https://",
    "https:///a",
    "https://example.org",
    "https://example.org/",
    "https://example.org/.git",
    "http://example.org/a",
    "git://example.org/a",
    "ftp://example.org/a",
    "ext::sh",
    "ext::sh -c touch%20x",
    "javascript://example.org/a",
    "https://token@github.com/a/b",
    "https://user:pass@github.com/a/b",
    "ssh://git:pass@github.com/a/b",
    "ssh://-oProxyCommand=x/a",
    "ssh://-x@example.org/a",
    "-x@example.org:a",
    "-example.org:a",
    "git@-example.org:a",
    "git@example.org:-a",
    "git@example.org:a/../../b",
    "ssh://git@example.org/a/%2e%2e/%2e%2e/b",
    "https://example.org/a?token=x",
    "https://example.org/a#x",
    "git@example.org:a?x",
    "https://example.org/a%00b",
    "https://example.org/a%0ab",
    "https://example.org/%E0%A4%A",
    "https://example.org/a b",
    "https://example.org/a\nb",
    "https://exa mple.org/a",
    "https://example.org\\@evil.org/a",
    "file://host/a",
    "file:///a?x",
    "file:///a%0a",
    "git@exam$ple.org:a",
    "g;t@example.org:a",
    "https://[::1/a",
  ])("%j", (url) => {
    let error: unknown;
    try {
      parseRepositoryUrl(url, local);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ code: "repository.url_invalid", issues: [{ path: "url" }] });
  });
});

describe("private networks", () => {
  test.each([
    "127.0.0.1",
    "2130706433",
    "0x7f.1",
    "0x7f000001",
    "0177.0.0.1",
    "017700000001",
    "127.1",
    "127.0.1",
    "0",
    "１２７.0.0.1",
    "①②⑦.⓪.⓪.①",
    "127.0.0.1.",
    "198.51.100.7",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "0.0.0.0",
    "224.0.0.1",
    "[::1]",
    "[::]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fec0::1]",
    "[feff:ffff::1]",
    "168.63.129.16",
    "[::ffff:169.254.169.254]",
    "[::ffff:7f00:1]",
    "localhost",
    "LOCALHOST.",
    "git.localhost",
    "metadata.google.internal",
    "gitserver",
    "nas.local",
    "server.localdomain",
  ])("%s is refused unless it is allowed, however it is asked for", (host) => {
    expect(() => parseRepositoryUrl(`https://${host}/a`, local)).toThrow(/AGENTVINE_ALLOW_PRIVATE_HOSTS/);
    expect(() => parseRepositoryUrl(`ssh://git@${host}/a`, local)).toThrow(/can't be used/);
    expect(() => parseRepositoryUrl(`git@${host}:a`, local)).toThrow(/can't be used/);
    expect(keyOf(`https://${host}/a`, open)).toMatch(/\/a$/);
    expect(isPrivateHost(new URL(`https://${host}`).hostname)).toBe(true);
  });

  test.each([
    "https://8.8.8.8/a",
    "ssh://git@8.8.8.8/a",
    "git@8.8.8.8:a",
    "https://[2606:4700::1111]/a",
    "git@134744072:a",
  ])("%s names a host by its number, which is refused unless it is allowed", (url) => {
    expect(() => parseRepositoryUrl(url, local)).toThrow(/AGENTVINE_ALLOW_PRIVATE_HOSTS/);
    expect(keyOf(url, open)).toMatch(/a$/);
  });

  test.each([
    "8.8.8.8",
    "168.63.129.15",
    "168.63.129.17",
    "172.32.0.1",
    "[2606:4700::1111]",
    "example.org",
    "local.example.org",
  ])("%s is public", (host) => {
    expect(isPrivateHost(host)).toBe(false);
  });

  test("plain http is taken only where private hosts are", () => {
    expect(() => parseRepositoryUrl("http://example.org/a", local)).toThrow();
    expect(keyOf("http://127.0.0.1:3000/a.git", open)).toBe("127.0.0.1:3000/a");
  });
});

describe("ports", () => {
  test.each([
    "https://example.org:443/a",
    "https://example.org:8443/a",
    "ssh://git@example.org:22/a",
    "ssh://git@example.org:443/a",
    "ssh://git@example.org:2222/a",
  ])("%s is taken", (url) => {
    expect(keyOf(url)).toMatch(/\/a$/);
  });

  test.each([
    "https://example.org:22/a",
    "https://example.org:80/a",
    "https://example.org:5432/a",
    "https://example.org:2222/a",
    "https://example.org:0/a",
    "ssh://git@example.org:25/a",
    "ssh://git@example.org:6379/a",
    "ssh://git@example.org:8443/a",
  ])("%s leads to something other than a forge, and is refused unless private hosts are allowed", (url) => {
    expect(() => parseRepositoryUrl(url, local)).toThrow(/port .*AGENTVINE_ALLOW_PRIVATE_HOSTS=true/);
    expect(keyOf(url, open)).toMatch(/\/a$/);
  });
});
