/**
 * Who may see the pages: users and passwords against bcrypt hashes. A password that was right once is known by a
 * digest, so that a scraper pays for bcrypt once; and a user that does not exist costs as much as one that does.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Bcrypt } from './bcrypt.ts';

/** `busy`: more passwords wait to be compared than anybody honest sends. */
export type Verdict = boolean | 'busy';

/** Checks the value of an `Authorization` header. @throws if passwords cannot be compared */
export type CheckAuthorization = (header: string | undefined) => Promise<Verdict>;

/** Compared one after another, a tenth of a second each; so a guesser delays the next comparison by seconds at most. */
const mostWaiting = 32;
/** Wrong passwords that are remembered: a scraper with an old one asks again and again. */
const mostRefused = 1_000;

/**
 * @param users the hashes by user, as they are now
 */
export function createBasicAuth(users: () => ReadonlyMap<string, string>, bcrypt: Bcrypt): CheckAuthorization {
  const key = randomBytes(32);
  /** Digest of the right password and the hash that it was right for, by user: so there are as many as users. */
  const right = new Map<string, Buffer>();
  const refused = new LRUCache<string, true>({ max: mostRefused });
  const underWay = new Map<string, Promise<boolean>>();

  const digestOf = (...parts: readonly string[]): Buffer =>
    createHmac('sha256', key).update(JSON.stringify(parts)).digest();

  async function compare(user: string, password: string, hash: string, known: boolean): Promise<boolean> {
    const same = await bcrypt.compare(password, hash);
    return same && known && users().get(user) === hash;
  }

  return async (header) => {
    const given = credentialsIn(header);
    if (given === undefined) return false;
    const { user, password } = given;
    const all = users();
    const hash = all.get(user);
    // Somebody's hash, so that it takes as long to find out that there is no such user.
    const compared = hash ?? all.values().next().value;
    if (compared === undefined) return false;
    // With whether there is such a user: there can be one later, with the very hash that stood in.
    const digest = digestOf(hash === undefined ? 'unknown' : 'known', user, password, compared);
    const remembered = right.get(user);
    if (remembered !== undefined && hash !== undefined && timingSafeEqual(remembered, digest)) return true;
    const name = digest.toString('base64');
    if (refused.has(name)) return false;
    let comparison = underWay.get(name);
    if (comparison === undefined) {
      if (bcrypt.waiting() >= mostWaiting) return 'busy';
      comparison = compare(user, password, compared, hash !== undefined).finally(() => underWay.delete(name));
      underWay.set(name, comparison);
    }
    const same = await comparison;
    if (same) right.set(user, digest);
    // Unless it was the hash that changed meanwhile, and not the password that was wrong.
    else if (users().get(user) === hash) refused.set(name, true);
    for (const one of right.keys()) if (!users().has(one)) right.delete(one);
    return same;
  };
}

function credentialsIn(header: string | undefined): { readonly user: string; readonly password: string } | undefined {
  const [, encoded] = /^Basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(header ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  return colon < 0 ? undefined : { user: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}
