/**
 * One running process, without transport and timers: it reads what an account asks for at the instants that a test
 * chooses, and shows its counters as a page would. It restarts with or without what the state file would hold.
 */
import { type Width, widthSeconds } from '../../src/openai/catalogue.ts';
import { decodeState, encodeState, type State } from '../../src/state/codec.ts';
import { createMemory, restoredOf } from '../../src/state/memory.ts';
import { type Bucket, collectBucket } from '../../src/usage/bucket.ts';
import type { Ledger } from '../../src/usage/ledger.ts';
import type { Span } from '../../src/usage/plan.ts';
import { UsageAccount } from '../../src/usage/usage-account.ts';
import { type Anchor, minute } from '../../src/usage/windows.ts';
import { endpointNamed } from './rows.ts';
import type { SmallOrganization } from './small-organization.ts';

export interface ReplicaOptions {
  readonly organization: SmallOrganization;
  /** UTC and monotonic milliseconds; a test moves them. */
  readonly time: { now: number; elapsed: number };
  readonly anchor?: Anchor;
  readonly grouped?: boolean;
  readonly maxGroups?: number;
  readonly zeroHold?: number;
  readonly settleDelay?: number;
  /** Holds what an earlier process left. */
  readonly state?: Buffer | undefined;
  /** A read of a bucket fails: everything of that read from it on is lost. */
  readonly fails?: (width: Width, start: number) => boolean;
  /** Makes a clipped, empty or otherwise odd bucket, instead of the organization's. */
  readonly page?: (width: Width, start: number, at: number) => ReturnType<SmallOrganization['bucket']>;
}

export interface Replica {
  readonly account: UsageAccount;
  readonly restated: { up: number; down: number };
  /** One poll. Returns false if it failed. */
  poll(): boolean;
  /** One turn of the reading of history. Returns false if it failed. */
  readHistory(): boolean;
  /** Returns what the page shows of `openai_embeddings_input_tokens_total`, by model (`''` when not grouped). */
  show(): Map<string, number>;
  /** Poll, history, page. */
  round(): Map<string, number>;
  /** Amount held back from the same counter. */
  heldBack(): number;
  /** The state file, as it was written before the last page. */
  readonly state: Buffer | undefined;
}

const endpoint = endpointNamed('embeddings');
const fingerprint = 'of these settings';
const tokens = 0;

export function createReplica(options: ReplicaOptions): Replica {
  const { organization, time, anchor = { kind: 'month' }, grouped = true } = options;
  const { maxGroups = 100, zeroHold = 2 * minute, settleDelay = 15 * minute } = options;
  const earlier: State | undefined = options.state && decodeState(options.state);
  const account = new UsageAccount({
    endpoint,
    dimensions: grouped ? ['model'] : [],
    maxGroups,
    settleDelay,
    zeroHold,
    anchor,
    clock: { now: () => time.now },
    offset: 0,
    restored: restoredOf(earlier, endpoint.api),
  });
  const memory = createMemory(fingerprint, [account], earlier);
  const restated = { up: 0, down: 0 };
  let state = options.state;

  /** Reads a span; what came before a failure is taken in, as the real reader does. */
  function read(ledger: Ledger, { width, from, to }: Span): boolean {
    const buckets: Bucket[] = [];
    let whole = true;
    for (let start = from; start < to; start += widthSeconds[width]) {
      if (options.fails?.(width, start) === true) {
        whole = false;
        break;
      }
      const raw = options.page?.(width, start, time.now) ?? organization.bucket(width, start, time.now, grouped);
      const bucket = collectBucket(raw, width, time.now, settleDelay, ledger.groups, ledger.fields);
      if (bucket !== undefined) buckets.push(bucket);
    }
    const { up, down } = account.put(ledger, buckets, time.now);
    restated.up += up;
    restated.down += down;
    return whole;
  }

  const replica: Replica = {
    account,
    restated,
    poll() {
      const whole = account.pollSpans(time.now).map((span) => read(account.ledger, span));
      account.turn(time.now, time.elapsed);
      return whole.every((each) => each);
    },
    readHistory() {
      const { ledger, spans } = account.history(time.now);
      const whole = spans.every((span) => read(ledger, span));
      account.turn(time.now, time.elapsed);
      return whole;
    },
    show() {
      const shown = new Map<string, number>();
      const { book } = account;
      if (book === undefined) return shown;
      book.advance(time.now, time.elapsed);
      const changed = memory.changed();
      if (changed !== undefined) state = encodeState(changed);
      book.samples(tokens, (labels, value) => {
        const series = labels.replace(/^model="(.*)"$/, '$1');
        if (shown.has(series)) throw new Error(`${series} is shown twice`);
        shown.set(series, value);
      });
      return shown;
    },
    round() {
      replica.poll();
      replica.readHistory();
      return replica.show();
    },
    heldBack: () => account.book?.heldBack.get(tokens) ?? 0,
    get state() {
      return state;
    },
  };
  return replica;
}
