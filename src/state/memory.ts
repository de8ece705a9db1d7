/** Stands between accounts and the state file: what of the counters is to be remembered, and what was. */
import type { Account } from '../usage/account.ts';
import type { CounterBook } from '../usage/counters.ts';
import type { Restored } from '../usage/usage-account.ts';
import { type ApiState, groupHash, type State } from './codec.ts';

/** Makes the state of what the accounts show; only what has changed since the last time is made anew. */
export interface Memory {
  /** The state as it is now; undefined if nothing of it has changed since it was last asked. */
  changed(): State | undefined;
}

const hashBytes = 8;

/** The state of a book on show that is remembered. */
interface Remembered {
  readonly book: CounterBook;
  revision: number;
  /** `groupHash` of each group of its ledger. */
  hashes: Uint8Array;
  readonly earlier: EarlierRows;
}

export function createMemory(fingerprint: string, accounts: readonly Account[], earlier: State | undefined): Memory {
  const kept = new Map<string, ApiState>(earlier?.apis.map((state) => [state.api, state]));
  const remembered = new Map<string, Remembered>();

  function begin(api: string, book: CounterBook): Remembered {
    const { anchor, groups } = book.ledger;
    const isSame = ({ dimensions }: ApiState) => (dimensions ?? groups.dimensions).join() === groups.dimensions.join();
    const found = earlier?.apis.find((each) => each.api === api && each.anchor === anchor && isSame(each));
    return { book, revision: -1, hashes: new Uint8Array(0), earlier: new EarlierRows(found) };
  }

  return {
    changed() {
      let changed = false;
      for (const { endpoint, book } of accounts) {
        // Before its first page it knows no value, and would wipe out what an earlier process has left.
        if (book === undefined || !book.isOpen) continue;
        const { api } = endpoint;
        const last = remembered.get(api);
        const now = last?.book === book ? last : begin(api, book);
        if (now.revision === book.revision) continue;
        remembered.set(api, now);
        now.revision = book.revision;
        hashNewGroups(now, api);
        kept.set(api, apiState(api, now));
        changed = true;
      }
      return changed ? { fingerprint, apis: [...kept.values()] } : undefined;
    },
  };
}

function hashNewGroups(of: Remembered, api: string): void {
  const { groups } = of.book.ledger;
  const known = of.hashes.length / hashBytes;
  if (known === groups.size) return;
  const grown = new Uint8Array(groups.size * hashBytes);
  grown.set(of.hashes);
  for (let group = known; group < groups.size; group++) {
    const hash = groupHash(api, groups.text(group));
    grown.set(hash, group * hashBytes);
    of.earlier.claim(group, hash);
  }
  of.hashes = grown;
}

function apiState(api: string, { book, hashes: own, earlier }: Remembered): ApiState {
  const { ledger, flows } = book;
  const fields = flows.map((index) => ledger.fields.all[index]?.name ?? '');
  const groups = own.length / hashBytes;
  const rows = earlier.unclaimed();
  const hashes = new Uint8Array(own.length + rows.length * hashBytes);
  hashes.set(own);
  const values = new Float64Array((groups + rows.length) * fields.length);
  for (let group = 0; group < groups; group++) {
    flows.forEach((field, column) => {
      const value = book.shown(field, group) ?? earlier.valueOf(group, fields[column] ?? '');
      values[group * fields.length + column] = value ?? Number.NaN;
    });
  }
  rows.forEach((row, index) => {
    hashes.set(earlier.hash(row), (groups + index) * hashBytes);
    fields.forEach((field, column) => {
      values[(groups + index) * fields.length + column] = earlier.value(row, field) ?? Number.NaN;
    });
  });
  const { dimensions } = ledger.groups;
  return { api, anchor: ledger.anchor, dimensions, unseen: book.isUnseen || undefined, fields, hashes, values };
}

/**
 * The values that an earlier process showed in the same period. The API can take all usage of a series away: it is not shown
 * any more then, but if usage comes back it must not begin lower, however many restarts lie between.
 */
class EarlierRows {
  readonly #state: ApiState | undefined;
  readonly #columns: ReadonlyMap<string, number>;
  readonly #unclaimed: Map<string, number>;
  readonly #rowOf = new Map<number, number>();

  constructor(state: ApiState | undefined) {
    this.#state = state;
    this.#columns = new Map(state?.fields.map((field, column) => [field, column]));
    this.#unclaimed = rowsByHash(state?.hashes ?? new Uint8Array(0));
  }

  /** This group of the ledger is the one with the hash. */
  claim(group: number, hash: Uint8Array): void {
    const key = keyOf(hash);
    const row = this.#unclaimed.get(key);
    if (row === undefined) return;
    this.#unclaimed.delete(key);
    this.#rowOf.set(group, row);
  }

  /** Rows of groups that the ledger does not know. */
  unclaimed(): readonly number[] {
    return [...this.#unclaimed.values()];
  }

  hash(row: number): Uint8Array {
    return this.#state?.hashes.subarray(row * hashBytes, (row + 1) * hashBytes) ?? new Uint8Array(0);
  }

  value(row: number, field: string): number | undefined {
    const column = this.#columns.get(field);
    if (this.#state === undefined || column === undefined) return undefined;
    const value = this.#state.values[row * this.#state.fields.length + column];
    return value === undefined || Number.isNaN(value) ? undefined : value;
  }

  valueOf(group: number, field: string): number | undefined {
    const row = this.#rowOf.get(group);
    return row === undefined ? undefined : this.value(row, field);
  }
}

/** The values that an earlier process has shown of an api. */
export function restoredOf(state: State | undefined, api: string): Restored | undefined {
  const found = state?.apis.find((each) => each.api === api);
  if (found === undefined) return undefined;
  const rows = new EarlierRows(found);
  const groups = rowsByHash(found.hashes);
  return {
    anchor: found.anchor,
    dimensions: found.dimensions,
    unseen: found.unseen === true,
    sum: (field) => rows.unclaimed().reduce((sum, row) => sum + (rows.value(row, field) ?? 0), 0),
    group: (labels) => groups.get(keyOf(groupHash(api, labels))),
    value: (field, group) => rows.value(group, field),
  };
}

function rowsByHash(hashes: Uint8Array): Map<string, number> {
  const rows = new Map<string, number>();
  for (let row = 0; row < hashes.length / hashBytes; row++) {
    rows.set(keyOf(hashes.subarray(row * hashBytes, (row + 1) * hashBytes)), row);
  }
  return rows;
}

function keyOf(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString('latin1');
}
