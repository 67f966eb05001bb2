import { BlockList, isIP } from "node:net";

const v4Ranges: [string, number][] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  // Within public addresses, but every machine of Azure finds its platform there.
  ["168.63.129.16", 32],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
];
// Those that carry an IPv4 address inside lead wherever that one does.
const v6Ranges: [string, number][] = [
  ["::", 96],
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["100::", 64],
  ["2001::", 32],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
];

const privateAddresses = new BlockList();
for (const [network, bits] of v4Ranges) {
  privateAddresses.addSubnet(network, bits, "ipv4");
}
for (const [network, bits] of v6Ranges) {
  privateAddresses.addSubnet(network, bits, "ipv6");
}

/**
 * True for hosts that only make sense inside a private network: loopback, private and link-local addresses (among them the metadata
 * services of clouds), names without a dot, and the usual internal domains.
 * @param hostname as URL gives it: lower case, IPv6 in brackets, odd spellings of IPv4 already normalised
 */
export function isPrivateHost(hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, "");
  const family = isIP(address);
  if (family !== 0) {
    return privateAddresses.check(address, family === 4 ? "ipv4" : "ipv6");
  }
  const name = hostname.replace(/\.$/, "");
  return (
    !name.includes(".") || /\.(localhost|localdomain|local|internal|intranet|lan|home\.arpa)$/.test(name)
  );
}
