/**
 * Decides who may see the pages: users and passwords against bcrypt hashes. A password that was right once is known by a
 * digest, so that a scraper pays for bcrypt once; and a user that does not exist costs as much as one that does.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Bcrypt } from './bcrypt.ts';
import { createPasswordQueue } from './password-queue.ts';

/** `busy`: so many passwords wait to be compared that this one has no place among them. */
export type Verdict = boolean | 'busy';

/**
 * Checks the value of an `Authorization` header.
 * @param client who sent it: see `clientAt`
 * @throws if passwords cannot be compared
 */
export type CheckAuthorization = (header: string | undefined, client: string) => Promise<Verdict>;

/** Wrong passwords that are remembered: a scraper with an old one asks again and again. */
const mostRefused = 1_000;

/**
 * @param users the hashes by user, as they are now
 */
export function createBasicAuth(
  users: () => ReadonlyMap<string, string>,
  bcrypt: Pick<Bcrypt, 'compare'>,
): CheckAuthorization {
  const key = randomBytes(32);
  /** Digest of the right password and the hash that it was right for, by user: so there are as many as users. */
  const right = new Map<string, Buffer>();
  const refused = new LRUCache<string, true>({ max: mostRefused });
  const queue = createPasswordQueue();
  const underWay = new Map<string, Promise<Verdict>>();

  const digestOf = (...parts: readonly string[]): Buffer =>
    createHmac('sha256', key).update(JSON.stringify(parts)).digest();

  async function compare({ user, password, hash, known, digest, name }: Attempt): Promise<boolean> {
    // Somebody at another address may have sent the same meanwhile.
    const found = remembered({ user, known, digest, name });
    if (found !== undefined) return found;
    const isSame = await bcrypt.compare(password, hash);
    const isCurrent = known ? users().get(user) === hash : !users().has(user);
    if (isSame && known && isCurrent) right.set(user, digest);
    // Unless it was the hash that changed meanwhile, and not the password that was wrong.
    else if (isCurrent) refused.set(name, true);
    for (const one of right.keys()) if (!users().has(one)) right.delete(one);
    return isSame && known && isCurrent;
  }

  function remembered({ user, known, digest, name }: Omit<Attempt, 'password' | 'hash'>): boolean | undefined {
    const one = right.get(user);
    if (one !== undefined && known && timingSafeEqual(one, digest)) return true;
    return refused.has(name) ? false : undefined;
  }

  return async (header, client) => {
    const given = credentialsIn(header);
    if (given === undefined) return false;
    const { user, password } = given;
    const all = users();
    const own = all.get(user);
    const known = own !== undefined;
    // Somebody's hash, so that it takes as long to find out that there is no such user.
    const hash = own ?? all.values().next().value;
    if (hash === undefined) return false;
    // With whether there is such a user: there can be one later, with the very hash that stood in.
    const digest = digestOf(known ? 'known' : 'unknown', user, password, hash);
    const attempt = { user, password, hash, known, digest, name: digest.toString('base64') };
    const found = remembered(attempt);
    if (found !== undefined) return found;
    // For each client, so that nobody waits because another one who sent the same has to wait.
    const place = `${client} ${attempt.name}`;
    let comparison = underWay.get(place);
    if (comparison === undefined) {
      comparison = queue.compare(client, attempt.name, () => compare(attempt)).finally(() => underWay.delete(place));
      underWay.set(place, comparison);
    }
    return await comparison;
  };
}

interface Attempt {
  readonly user: string;
  readonly password: string;
  /** The user's, or another one in its place. */
  readonly hash: string;
  /** There is such a user. */
  readonly known: boolean;
  readonly digest: Buffer;
  /** The digest as text. */
  readonly name: string;
}

function credentialsIn(header: string | undefined): { readonly user: string; readonly password: string } | undefined {
  const [, encoded] = /^Basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(header ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  return colon < 0 ? undefined : { user: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}
