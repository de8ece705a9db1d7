/** The proxy that the environment asks for, if it can be used. What is wrong with it is said without repeating it. */

import { type Environment, textOf } from '../environment.ts';

/**
 * The proxy that `HTTPS_PROXY` names, undefined if there is none or `baseUrl` is plain http; what `NO_PROXY` excepts
 * is not looked at.
 * @throws if it is no proxy that can be used; the message begins with the variable and does not hold its value, in
 *   which there can be a password
 */
export function proxyFor(baseUrl: URL, environment: Environment): URL | undefined {
  if (baseUrl.protocol !== 'https:') return undefined;
  const found = firstSet(environment, 'https_proxy', 'HTTPS_PROXY');
  if (found === undefined) return undefined;
  const { name, text } = found;
  const address = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.hostname === '') {
    throw new Error(
      `${name}: must be an http or https URL like http://proxy.example.com:3128; no other kind of proxy can be used`,
    );
  }
  if (!isDecodable(url.username) || !isDecodable(url.password)) {
    throw new Error(`${name}: its user or password holds a % that escapes nothing; write it as %25`);
  }
  return url;
}

/** The hosts that `NO_PROXY` excepts, as it is written there. */
export function noProxyIn(environment: Environment): string {
  return firstSet(environment, 'no_proxy', 'NO_PROXY')?.text ?? '';
}

function firstSet(environment: Environment, ...names: readonly string[]) {
  for (const name of names) {
    const text = textOf(environment, name);
    if (text !== undefined) return { name, text };
  }
  return undefined;
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
