/** Reports whether a client's certificate has one of the names that may come in. That it is genuine is found out elsewhere. */
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';

/** @param allowed host names, addresses, e-mail addresses and URIs; those but addresses exactly as they are written */
export function hasName(
  certificate: Pick<X509Certificate, 'subjectAltName' | 'checkIP'>,
  allowed: readonly string[],
): boolean {
  const names = namesIn(certificate.subjectAltName ?? '');
  return allowed.some((name) => (isIP(name) === 0 ? names.has(name) : certificate.checkIP(name) !== undefined));
}

/**
 * Reads a list as Node writes it: `DNS:a.example, IP Address:192.0.2.7, URI:spiffe://b`. What has a quote or comma in it
 * stands in quotes, and is passed over: taken apart at commas it could pretend to be two names.
 */
function namesIn(list: string): ReadonlySet<string> {
  const names = new Set<string>();
  const entry = /([^:",]+):(?:"(?:[^"\\]|\\.)*"|([^",]*))(?:, (?=.)|$)/y;
  while (entry.lastIndex < list.length) {
    const [, kind = '', name] = entry.exec(list) ?? [];
    // No list that this understands: then nobody is in it.
    if (kind === '') return new Set();
    if (name !== undefined && kinds.has(kind)) names.add(name);
  }
  return names;
}

const kinds: ReadonlySet<string> = new Set(['DNS', 'email', 'URI']);
