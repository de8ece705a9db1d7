/** Decides which clients count as one wherever they are treated fairly: one address, however many connections it opens. */
import { isIPv6 } from 'node:net';

/**
 * Returns the name of the client with this address: an IPv4 address, also where the system writes it as an IPv6 one,
 * or the first 64 bits of an IPv6 address, because whoever has one address of a network has them all.
 * @param address of the other end; undefined when it is gone already
 */
export function clientAt(address: string | undefined): string {
  if (address === undefined) return 'gone';
  const [plain = ''] = address.split('%', 1);
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain) ?? [];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(plain)) return plain;
  const [front = '', back] = plain.split('::', 2);
  const before = groupsOf(front);
  const after = back === undefined ? [] : groupsOf(back);
  const zeros = back === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

/** The groups of 16 bits, of which an IPv4 address at the end is two. */
function groupsOf(text: string): readonly string[] {
  return text === '' ? [] : text.split(':').flatMap((group) => (group.includes('.') ? ['0', '0'] : [group]));
}
