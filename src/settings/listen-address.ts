/** The address to listen at: `:9185`, `127.0.0.1:9185`, `[::1]:9185`, `localhost:9185`. */
import { isIPv4, isIPv6 } from 'node:net';
import * as z from 'zod';
import { type FromText, refuse } from './values.ts';

export interface ListenAddress {
  /** Undefined: every address of the machine. IPv6 without brackets. */
  readonly host: string | undefined;
  /** 0: one that is free. */
  readonly port: number;
}

export const listenAddress: FromText<ListenAddress> = z.string().transform((text, context): ListenAddress => {
  const form = 'must be host:port or :port, like :9185, 127.0.0.1:9185 or [::1]:9185';
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  if (match === null) return refuse(context, form);
  const [, bracketed, plain = '', digits] = match;
  const port = Number(digits);
  if (port > 65_535) return refuse(context, 'has a port above 65535');
  if (bracketed !== undefined) {
    return isIPv6(bracketed) ? { host: bracketed, port } : refuse(context, `${form}; between [ and ] stands IPv6`);
  }
  if (plain === '') return { host: undefined, port };
  const isName = /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/i.test(plain) && !/^[\d.]+$/.test(plain);
  return isIPv4(plain) || isName ? { host: plain, port } : refuse(context, form);
});

/** The way it is written in flags and URLs. */
export function formatAddress({ host, port }: ListenAddress): string {
  if (host === undefined) return `:${port}`;
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Reports whether the host is this machine itself.
 * @param host a name or an address, as it is written; IPv6 with or without brackets
 */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host.endsWith('.localhost') || host === '::1' || host === '[::1]') return true;
  return isIPv4(host) && host.startsWith('127.');
}
