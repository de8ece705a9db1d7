/**
 * Names as one process leaves them to the next, so that a key, user or project that was deleted keeps its name on the
 * page. E-mail addresses are not among them.
 */
import { labelValue } from '../usage/labels.ts';
import type { KeyName, ProjectName, UserName } from './directory.ts';

export interface KeptNames {
  readonly projects: readonly ProjectName[];
  readonly keys: readonly KeyName[];
  readonly users: readonly UserName[];
}

/** Names of one kind that are kept: those asked for last first. */
const mostKept = 50_000;

/** UTF-8 of JSON. */
export function encodeNames({ projects, keys, users }: KeptNames): Uint8Array {
  const kept = {
    projects: projects.slice(0, mostKept).map(({ id, name, residency }) => ({ id, name, residency })),
    keys: keys.slice(0, mostKept),
    users: users.slice(0, mostKept).map(({ id, name }) => ({ id, name })),
  };
  return Buffer.from(JSON.stringify(kept));
}

/** Returns what can be understood of it: anything else is as if it had not been kept. */
export function decodeNames(bytes: Uint8Array): KeptNames {
  let kept: unknown;
  try {
    kept = JSON.parse(Buffer.from(bytes).toString());
  } catch {
    kept = undefined;
  }
  return {
    projects: listIn(kept, 'projects').map((item) => ({
      ...named(item),
      status: labelValue(null),
      residency: textIn(item, 'residency'),
    })),
    keys: listIn(kept, 'keys').map((item) => ({
      ...named(item),
      projectId: textIn(item, 'projectId'),
      ownerType: textIn(item, 'ownerType'),
      ownerId: textIn(item, 'ownerId'),
    })),
    users: listIn(kept, 'users').map((item) => ({ ...named(item), email: labelValue(null) })),
  };
}

function named(item: object): { readonly id: string; readonly name: string } {
  return { id: textIn(item, 'id'), name: textIn(item, 'name') };
}

function textIn(item: object, name: string): string {
  const value = memberOf(item, name);
  return labelValue(typeof value === 'string' ? value : null);
}

/** Items that have an id. */
function listIn(kept: unknown, kind: keyof KeptNames): readonly object[] {
  const list = memberOf(kept, kind);
  if (!Array.isArray(list)) return [];
  return list
    .slice(0, mostKept)
    .filter(
      (item): item is object => typeof memberOf(item, 'id') === 'string' && typeof memberOf(item, 'name') === 'string',
    );
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined;
}
