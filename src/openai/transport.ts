/** Reaches the API by two kept connections to its origin, through a proxy where the environment asks for one. */
import { createRequire } from 'node:module';
import type * as undici from 'undici';
import type { Environment } from '../environment.ts';
import { noProxyIn, proxyFor } from './proxy.ts';

const require = createRequire(import.meta.url);
// The package's entry would also load fetch, sockets, caches and mocks: five megabytes in each thread that reads.
const BarePool: typeof undici.Pool = require('undici/lib/dispatcher/pool.js');
const request: undici.Dispatcher['request'] = require('undici/lib/api/api-request.js');

/** The entry gives dispatchers this method, too. */
class Pool extends BarePool {
  override request = request;
}

export interface TransportOptions {
  /** Longest wait for a connection, for headers, and between two pieces of a body. */
  readonly timeoutMs: number;
  /** Certificates to trust besides, in PEM. In production NODE_EXTRA_CA_CERTS does this. */
  readonly ca?: string | undefined;
}

const longestConnectMs = 10_000;

/**
 * A dispatcher for requests to the origin of `baseUrl`.
 * @throws if `HTTPS_PROXY` is needed and names no proxy that can be used
 */
export function createTransport(
  baseUrl: URL,
  environment: Environment,
  { timeoutMs: timeout, ca }: TransportOptions,
): undici.Dispatcher {
  // undici takes whole milliseconds alone.
  const timeoutMs = Math.ceil(timeout);
  const connect = { timeout: Math.min(longestConnectMs, timeoutMs), ...(ca === undefined ? {} : { ca }) };
  const options = {
    connections: 2,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect,
    // Long enough to serve the next polls too; a connection that the other side has closed meanwhile costs a retry.
    keepAliveTimeout: 10_000,
  };
  const proxy = proxyFor(baseUrl, environment);
  if (proxy === undefined) return new Pool(baseUrl.origin, options);
  const { EnvHttpProxyAgent }: typeof undici = require('undici');
  return new EnvHttpProxyAgent({
    ...options,
    httpsProxy: proxy.href,
    httpProxy: '',
    noProxy: noProxyIn(environment),
    requestTls: connect,
    proxyTls: { timeout: connect.timeout },
    // Without bounds of its own, a proxy that accepts a connection and says nothing would block it for five minutes.
    clientFactory: (origin: URL, proxyOptions: object) =>
      new Pool(origin, { ...proxyOptions, headersTimeout: timeoutMs, bodyTimeout: timeoutMs }),
  });
}
