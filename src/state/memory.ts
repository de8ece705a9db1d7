/** Between accounts and the state file: what of the counters is to be remembered, and what was. */
import type { Account, Restored } from '../usage/account.ts';
import type { CounterBook } from '../usage/counters.ts';
import { type ApiState, groupHash, type State } from './codec.ts';

/** Makes the state of what the accounts show; only what has changed since the last time is made anew. */
export interface Memory {
  /** The state as it is now; undefined if nothing of it has changed since it was last asked. */
  changed(): State | undefined;
}

const hashBytes = 8;

export function createMemory(fingerprint: string, accounts: readonly Account[], earlier: State | undefined): Memory {
  const kept = new Map<string, ApiState>(earlier?.apis.map((state) => [state.api, state]));
  const seen = new Map<string, { readonly book: CounterBook; readonly revision: number }>();
  const hashes = new WeakMap<CounterBook, Uint8Array>();

  function hashesOf(book: CounterBook, api: string): Uint8Array {
    const { groups } = book.ledger;
    const known = hashes.get(book) ?? new Uint8Array(0);
    if (known.length === groups.size * hashBytes) return known;
    const grown = new Uint8Array(groups.size * hashBytes);
    grown.set(known);
    for (let group = known.length / hashBytes; group < groups.size; group++) {
      grown.set(groupHash(api, groups.text(group)), group * hashBytes);
    }
    hashes.set(book, grown);
    return grown;
  }

  return {
    changed() {
      let changed = false;
      for (const { endpoint, book } of accounts) {
        if (book === undefined) continue;
        const last = seen.get(endpoint.api);
        if (last?.book === book && last.revision === book.revision) continue;
        seen.set(endpoint.api, { book, revision: book.revision });
        kept.set(endpoint.api, apiState(endpoint.api, book, hashesOf(book, endpoint.api)));
        changed = true;
      }
      return changed ? { fingerprint, apis: [...kept.values()] } : undefined;
    },
  };
}

function apiState(api: string, book: CounterBook, hashes: Uint8Array): ApiState {
  const { ledger, flows } = book;
  const fields = flows.map((index) => ledger.fields.all[index]?.name ?? '');
  const values = new Float64Array((hashes.length / hashBytes) * flows.length);
  for (let group = 0; group < hashes.length / hashBytes; group++) {
    flows.forEach((field, column) => {
      values[group * flows.length + column] = book.shown(field, group) ?? Number.NaN;
    });
  }
  return { api, anchor: ledger.anchor, fields, hashes, values };
}

/** What an earlier process has shown of an api. */
export function restoredOf(state: State | undefined, api: string): Restored | undefined {
  const found = state?.apis.find((each) => each.api === api);
  if (found === undefined) return undefined;
  const { anchor, fields, hashes, values } = found;
  const groups = new Map<string, number>();
  for (let group = 0; group < hashes.length / hashBytes; group++) {
    groups.set(keyOf(hashes.subarray(group * hashBytes, (group + 1) * hashBytes)), group);
  }
  const columns = new Map(fields.map((field, column) => [field, column]));
  return {
    anchor,
    group: (labels) => groups.get(keyOf(groupHash(api, labels))),
    value(field, group) {
      const column = columns.get(field);
      if (column === undefined) return undefined;
      const value = values[group * fields.length + column];
      return value === undefined || Number.isNaN(value) ? undefined : value;
    },
  };
}

function keyOf(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString('latin1');
}
