/** How the API is reached: two kept connections to its origin, through a proxy where the environment asks for one. */
import { type Dispatcher, EnvHttpProxyAgent, Pool } from 'undici';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface TransportOptions {
  /** Longest wait for a connection, for headers, and between two pieces of a body. */
  readonly timeoutMs: number;
  /** Certificates to trust besides, in PEM. In production NODE_EXTRA_CA_CERTS does this. */
  readonly ca?: string | undefined;
}

const longestConnectMs = 10_000;

/**
 * A dispatcher for requests to the origin of `baseUrl`.
 * @throws if `HTTPS_PROXY` is needed and is no URL of a proxy
 */
export function createTransport(
  baseUrl: URL,
  environment: Environment,
  { timeoutMs: timeout, ca }: TransportOptions,
): Dispatcher {
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
  return new EnvHttpProxyAgent({
    ...options,
    httpsProxy: proxy.href,
    httpProxy: '',
    noProxy: firstSet(environment, 'no_proxy', 'NO_PROXY') ?? '',
    requestTls: connect,
    proxyTls: { timeout: connect.timeout },
    // Without bounds of its own, a proxy that accepts a connection and says nothing would block it for five minutes.
    clientFactory: (origin: URL, proxyOptions: object) =>
      new Pool(origin, { ...proxyOptions, headersTimeout: timeoutMs, bodyTimeout: timeoutMs }),
  });
}

/**
 * The proxy that `HTTPS_PROXY` names, undefined if there is none or `baseUrl` is plain http; what `NO_PROXY` excepts
 * is not looked at. @throws if it is no URL of a proxy; the message does not repeat it, for it can hold a password
 */
export function proxyFor(baseUrl: URL, environment: Environment): URL | undefined {
  if (baseUrl.protocol !== 'https:') return undefined;
  const text = firstSet(environment, 'https_proxy', 'HTTPS_PROXY');
  if (text === undefined) return undefined;
  const address = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') {
    throw new Error('HTTPS_PROXY is not the http or https URL of a proxy');
  }
  return url;
}

function firstSet(environment: Environment, ...names: readonly string[]): string | undefined {
  return names.map((name) => environment[name]?.trim()).find((value) => value !== undefined && value !== '');
}
