/** Tests who is served first, who is sent away, and who moves up by coming again. */
import { expect, test } from 'vitest';
import { createPasswordQueue } from '../../src/web/password-queue.ts';

/** A queue whose comparisons end one by one, when the test says so. Passwords that begin with `right` are right. */
function recorded() {
  const queue = createPasswordQueue();
  const begun: string[] = [];
  const sentAway: string[] = [];
  let end: () => void = () => {};
  const ask = (client: string, name: string) => {
    const answer = queue.compare(
      client,
      name,
      () =>
        new Promise((resolve) => {
          begun.push(name);
          end = () => resolve(name.startsWith('right'));
        }),
    );
    void answer.then((verdict) => verdict === 'busy' && sentAway.push(name));
    return answer;
  };
  const next = async () => {
    end();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { ask, next, begun, sentAway };
}

test('a client that has sent nothing wrong goes before one that guesses, however many wait', async () => {
  const { ask, next, begun } = recorded();
  for (let count = 0; count < 16; count++) void ask('stranger', `wrong ${count}`);
  await next();
  const answer = ask('scraper', 'right');
  await next();
  await next();
  expect(begun.slice(0, 3)).toEqual(['wrong 0', 'wrong 1', 'right']);
  expect(await answer).toBe(true);
});

test('a client has sixteen places and all have 256; the newest of who has guessed the most is sent away', async () => {
  const { ask, next, sentAway } = recorded();
  for (let count = 0; count < 18; count++) void ask('stranger', `wrong ${count}`);
  await next();
  expect(sentAway).toEqual(['wrong 17']);
  for (let count = 0; count < 241; count++) void ask(`other ${count}`, `another ${count}`);
  // The first that was compared has left a place.
  await next();
  expect(sentAway).toEqual(['wrong 17']);
  for (let count = 0; count < 3; count++) void ask(`more ${count}`, `more ${count}`);
  await Promise.resolve();
  await Promise.resolve();
  expect(sentAway).toEqual(['wrong 17', 'wrong 16', 'wrong 15']);
});

test('who comes again with the same password moves up, at the address of a guesser, too', async () => {
  const { ask, next, begun, sentAway } = recorded();
  let guesses = 0;
  const guess = () => void ask('both', `wrong ${guesses++}`);
  for (let count = 0; count < 17; count++) guess();
  expect(await ask('both', 'right')).toBe('busy');
  await next();
  for (let count = 0; count < 100; count++) guess();
  const answer = ask('both', 'right');
  for (let count = 0; count < 100; count++) guess();
  for (let count = 0; count < 17; count++) await next();
  expect(begun).toEqual([...Array.from({ length: 17 }, (_, index) => `wrong ${index}`), 'right']);
  await next();
  expect(await answer).toBe(true);
  // All guesses but one, which had the place that was left, and then gave it up.
  expect(sentAway).toHaveLength(201);
});

test('a comparison that breaks down is told to the one who waits, and the next one runs', async () => {
  const queue = createPasswordQueue();
  const broken = queue.compare('a', '1', () => Promise.reject(new Error('broken')));
  await expect(broken).rejects.toThrow('broken');
  expect(await queue.compare('a', '2', async () => true)).toBe(true);
});
