/** Which hosts are this machine itself. */
import { isIPv4 } from 'node:net';

/** @param host a name or an address, as it is written; IPv6 with or without brackets */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host.endsWith('.localhost') || host === '::1' || host === '[::1]') return true;
  return isIPv4(host) && host.startsWith('127.');
}
