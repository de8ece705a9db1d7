/**
 * Lets the apis that fail for a common reason recover together. Each is asked less and less often, but one of them is
 * asked at every interval; once one succeeds, the others are due at once. So are those that an outage has made fail,
 * once OpenAI answers anything at all again.
 */
import { isCommon } from '../openai/outage.ts';
import type { Milliseconds } from '../units.ts';
import type { PollStatus } from './poll-status.ts';

export interface Member {
  readonly status: PollStatus;
  /** Polls it, and reads what history it lacks, at this instant (UTC, milliseconds). */
  dueAt(instant: Milliseconds): void;
}

export interface Recovery {
  join(member: Member): void;
  /** A poll has ended, and `status` says how. @param wasDown whether the one before it had failed for a common reason */
  ended(member: Member, wasDown: boolean, now: Milliseconds): void;
  /** OpenAI had not answered anything for so long, and does again. */
  answersAgain(quiet: Milliseconds, now: Milliseconds): void;
}

/** Reports whether an api fails, for a reason that others are likely to share. */
export function isDown({ up, failure }: PollStatus): boolean {
  return up === false && isCommon(failure?.reason);
}

/** @param interval milliseconds between polls */
export function createRecovery(interval: Milliseconds): Recovery {
  const members: Member[] = [];
  /** The end of the first poll of those that have failed in a row. */
  const downSince = new WeakMap<Member, Milliseconds>();
  const failing = () => members.filter(({ status }) => isDown(status));

  /** Sees to it that one of them is asked within the interval, the one that fails for the shortest time. */
  function keepAsking(now: Milliseconds): void {
    const down = failing();
    // One that fails alone is its own trouble.
    if (down.length < Math.min(2, members.length)) return;
    const latest = now + interval;
    if (down.some(({ status }) => (status.nextPoll ?? now) <= latest)) return;
    const [next] = down.sort((a, b) => a.status.failures - b.status.failures || lastPoll(a) - lastPoll(b));
    next?.dueAt(latest);
  }

  const lastPoll = ({ status }: Member) => status.lastPoll ?? 0;

  return {
    join(member) {
      members.push(member);
    },
    ended(member, wasDown, now) {
      const { status } = member;
      if (!isDown(status)) downSince.delete(member);
      else if (!wasDown || !downSince.has(member)) downSince.set(member, now);
      if (isDown(status)) keepAsking(now);
      else if (wasDown && status.up === true) for (const { dueAt } of failing()) dueAt(now);
    },
    answersAgain(quiet, now) {
      // What failed already while others were answered has trouble of its own, and no news of it.
      for (const member of failing()) if ((downSince.get(member) ?? now) >= now - quiet) member.dueAt(now);
    },
  };
}
