/** Passwords: right and wrong ones, known ones, unknown users, and many at once. */
import { afterAll, describe, expect, test } from 'vitest';
import { createBasicAuth } from '../../src/web/basic-auth.ts';
import { type Bcrypt, createBcrypt } from '../../src/web/bcrypt.ts';
import { credentials, sesame } from '../helpers/web-config.ts';

/** A client. */
const here = '192.0.2.1';

const real = createBcrypt();
afterAll(() => real.close());

/** Says what it was asked; `open sesame` is right. */
function countingBcrypt(): Bcrypt & { readonly asked: string[]; end(): void } {
  const asked: string[] = [];
  const gates: (() => void)[] = [];
  return {
    asked,
    compare: (password, hash) => {
      asked.push(hash);
      return new Promise((resolve) => gates.push(() => resolve(password === 'open sesame')));
    },
    close: async () => {},
    end: () => {
      for (const gate of gates.splice(0)) gate();
    },
  };
}

async function ended<T>(bcrypt: ReturnType<typeof countingBcrypt>, answer: Promise<T>): Promise<T> {
  await Promise.resolve();
  bcrypt.end();
  return await answer;
}

describe('with real hashes', () => {
  const check = createBasicAuth(() => new Map([['ali', sesame]]), real);

  test.each([
    [true, credentials('ali', 'open sesame')],
    [true, credentials('ali', 'open sesame').replace('Basic', 'basic')],
    [false, credentials('ali', 'open sesame ')],
    [false, credentials('ali', '')],
    [false, credentials('ALI', 'open sesame')],
    [false, credentials('', 'open sesame')],
    [false, credentials('constructor', 'open sesame')],
    [false, `Basic ${Buffer.from('ali').toString('base64')}`],
    [false, 'Basic'],
    [false, 'Basic !!!'],
    [false, 'Bearer open sesame'],
    [false, undefined],
  ])('%s: %s', async (verdict, header) => {
    expect(await check(header, here)).toBe(verdict);
  });

  test('the event loop goes on meanwhile', async () => {
    const cost10 = '$2b$10$wGRTJsoAY8eUhcea61o.VebPNZeg2qdLC18c8jKWV2aebhn4KjAnK';
    let turns = 0;
    let over = false;
    const spin = () => {
      turns += 1;
      if (!over) setImmediate(spin);
    };
    spin();
    expect(await real.compare('open sesame', cost10)).toBe(true);
    over = true;
    expect(turns).toBeGreaterThan(10);
  });
});

test('a right password costs bcrypt once, and a wrong one, too', async () => {
  const bcrypt = countingBcrypt();
  const check = createBasicAuth(() => new Map([['ali', 'h1']]), bcrypt);
  expect(await ended(bcrypt, check(credentials('ali', 'open sesame'), here))).toBe(true);
  expect(await ended(bcrypt, check(credentials('ali', 'close sesame'), here))).toBe(false);
  for (let scrape = 0; scrape < 10; scrape++) {
    expect(await check(credentials('ali', 'open sesame'), here)).toBe(true);
    expect(await check(credentials('ali', 'close sesame'), here)).toBe(false);
  }
  expect(bcrypt.asked).toEqual(['h1', 'h1']);
});

test('the same password from many at once is compared once', async () => {
  const bcrypt = countingBcrypt();
  const check = createBasicAuth(() => new Map([['ali', 'h1']]), bcrypt);
  const all = Array.from({ length: 50 }, () => check(credentials('ali', 'open sesame'), here));
  expect(await ended(bcrypt, Promise.all(all))).toEqual(all.map(() => true));
  expect(bcrypt.asked).toEqual(['h1']);
});

test('a user that does not exist costs as much as one that does, and never gets in', async () => {
  const bcrypt = countingBcrypt();
  const check = createBasicAuth(() => new Map([['ali', 'h1']]), bcrypt);
  expect(await ended(bcrypt, check(credentials('baba', 'open sesame'), here))).toBe(false);
  expect(bcrypt.asked).toEqual(['h1']);
});

test('a new hash asks anew; a user who is gone is out at once', async () => {
  const bcrypt = countingBcrypt();
  let users = new Map([['ali', 'h1']]);
  const check = createBasicAuth(() => users, bcrypt);
  expect(await ended(bcrypt, check(credentials('ali', 'open sesame'), here))).toBe(true);
  users = new Map([['ali', 'h2']]);
  expect(await ended(bcrypt, check(credentials('ali', 'open sesame'), here))).toBe(true);
  expect(bcrypt.asked).toEqual(['h1', 'h2']);
  users = new Map([['baba', 'h2']]);
  expect(await ended(bcrypt, check(credentials('ali', 'open sesame'), here))).toBe(false);
  const gone = check(credentials('baba', 'open sesame'), here);
  users = new Map();
  expect(await ended(bcrypt, gone)).toBe(false);
});

test('a user who was not there yet is not remembered as refused: a hash can come along under another name', async () => {
  const bcrypt = countingBcrypt();
  let users = new Map([['ali', 'h1']]);
  const check = createBasicAuth(() => users, bcrypt);
  expect(await ended(bcrypt, check(credentials('baba', 'open sesame'), here))).toBe(false);
  users = new Map([['baba', 'h1']]);
  expect(await ended(bcrypt, check(credentials('baba', 'open sesame'), here))).toBe(true);
});

test('a user who was away while the password was compared is not remembered as refused', async () => {
  const bcrypt = countingBcrypt();
  const before = new Map([['ali', 'h1']]);
  let users = before;
  const check = createBasicAuth(() => users, bcrypt);
  const meanwhile = check(credentials('ali', 'open sesame'), here);
  users = new Map([['ali', 'h2']]);
  expect(await ended(bcrypt, meanwhile)).toBe(false);
  users = before;
  expect(await ended(bcrypt, check(credentials('ali', 'open sesame'), here))).toBe(true);
});

test('guesses beyond sixteen are told to come later; who is known, or comes from elsewhere, does not wait', async () => {
  const bcrypt = countingBcrypt();
  const users = new Map([
    ['ali', 'h1'],
    ['baba', 'h2'],
  ]);
  const check = createBasicAuth(() => users, bcrypt);
  expect(await ended(bcrypt, check(credentials('ali', 'open sesame'), here))).toBe(true);
  const guesses = Array.from({ length: 17 }, (_, index) => check(credentials('ali', `guess ${index}`), here));
  expect(await check(credentials('ali', 'one more'), here)).toBe('busy');
  expect(await check(credentials('ali', 'open sesame'), here)).toBe(true);
  const elsewhere = check(credentials('baba', 'open sesame'), '198.51.100.1');
  for (let count = 0; count < 3; count++) {
    bcrypt.end();
    await new Promise((resolve) => setImmediate(resolve));
  }
  // The guess that was being compared already, and then at once.
  expect(bcrypt.asked.slice(0, 3)).toEqual(['h1', 'h1', 'h2']);
  expect(await elsewhere).toBe(true);
  while (bcrypt.asked.length < 19) {
    bcrypt.end();
    await new Promise((resolve) => setImmediate(resolve));
  }
  bcrypt.end();
  expect(await Promise.all(guesses)).toEqual(guesses.map(() => false));
});
