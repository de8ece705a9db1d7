/** Tests of the time that an answer may take whose reader is slow. */
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { createSlots } from '../../src/web/slots.ts';
import { handClock } from '../helpers/hand-clock.ts';

function slots() {
  const clock = handClock();
  const cut: number[] = [];
  const { take } = createSlots(10, clock, (after) => cut.push(after));
  const begin = () => {
    const response = new ServerResponse(new IncomingMessage(new Socket()));
    expect(take(response)).toBe(true);
    return { end: () => response.emit('close'), isCutOff: () => response.destroyed };
  };
  const pass = async (ms: number) => {
    clock.pass(ms);
    // What wakes up then does so in a later turn.
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  };
  return { begin, pass, cut };
}

test('each answer has its own minute, and then it is cut off', async () => {
  const { begin, pass, cut } = slots();
  const first = begin();
  await pass(25_000);
  const second = begin();
  await pass(34_999);
  expect(first.isCutOff()).toBe(false);
  await pass(1);
  expect([first.isCutOff(), second.isCutOff()]).toEqual([true, false]);
  await pass(24_999);
  expect(second.isCutOff()).toBe(false);
  await pass(1);
  expect(second.isCutOff()).toBe(true);
  expect(cut).toEqual([60_000, 60_000]);
});

test('what ends in time is not cut off, and what begins later has its whole minute', async () => {
  const { begin, pass, cut } = slots();
  const quick = begin();
  await pass(10_000);
  quick.end();
  await pass(40_000);
  const slow = begin();
  await pass(59_999);
  expect([quick.isCutOff(), slow.isCutOff()]).toEqual([false, false]);
  await pass(1);
  expect(slow.isCutOff()).toBe(true);
  expect(cut).toEqual([60_000]);
});

test('what begins after a time without answers is watched, too', async () => {
  const { begin, pass } = slots();
  begin().end();
  await pass(60_000);
  await pass(60_000);
  const slow = begin();
  await pass(60_000);
  expect(slow.isCutOff()).toBe(true);
});
