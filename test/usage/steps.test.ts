import { expect, test } from 'vitest';
import { inTurns, type Steps } from '../../src/usage/steps.ts';

function* counting(told: string[]): Steps<string> {
  for (const step of ['first', 'second']) {
    told.push(step);
    yield undefined;
  }
  told.push('last');
  return 'done';
}

test('work in turns breathes after each step, and gives the result', async () => {
  const told: string[] = [];
  const result = await inTurns(counting(told), async () => {
    told.push('breath');
  });
  expect([result, told]).toEqual(['done', ['first', 'breath', 'second', 'breath', 'last']]);
});

test('work in turns ends where a pause ends it', async () => {
  const told: string[] = [];
  const stopped = inTurns(counting(told), () => Promise.reject(new Error('stopped')));
  await expect(stopped).rejects.toThrow('stopped');
  expect(told).toEqual(['first']);
});
