import { isIPv6 } from "node:net";

const groupsOfBlock = 4;

/**
 * The addresses that most likely belong to the same caller: an IPv4 address alone, also written as IPv6; of IPv6 the /64, for its
 * owner can use any address in it.
 */
export function addressBlockOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [mapped] = /(?<=^::ffff:)\d+\.\d+\.\d+\.\d+$/i.exec(address) ?? [];
  if (mapped !== undefined) return mapped;
  const [head = "", tail] = (address.split("%")[0] ?? "").split("::");
  const groupsOf = (text: string | undefined) => (text === undefined || text === "" ? [] : text.split(":"));
  const front = groupsOf(head);
  const back = groupsOf(tail);
  const gap = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  const groups = [...front, ...Array.from({ length: gap }, () => "0"), ...back];
  const block = groups.slice(0, groupsOfBlock).map((group) => Number.parseInt(group, 16).toString(16));
  return `${block.join(":")}::/64`;
}
