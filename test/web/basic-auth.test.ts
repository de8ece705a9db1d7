/** Passwords: right and wrong ones, known ones, unknown users, and many at once. */
import { afterAll, describe, expect, test } from 'vitest';
import { createBasicAuth } from '../../src/web/basic-auth.ts';
import { type Bcrypt, createBcrypt } from '../../src/web/bcrypt.ts';
import { credentials, sesame } from '../helpers/web-config.ts';

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
    waiting: () => gates.length,
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
    expect(await check(header)).toBe(verdict);
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
  expect(await ended(bcrypt, check(credentials('ali', 'open sesame')))).toBe(true);
  expect(await ended(bcrypt, check(credentials('ali', 'close sesame')))).toBe(false);
  for (let scrape = 0; scrape < 10; scrape++) {
    expect(await check(credentials('ali', 'open sesame'))).toBe(true);
    expect(await check(credentials('ali', 'close sesame'))).toBe(false);
  }
  expect(bcrypt.asked).toEqual(['h1', 'h1']);
});

test('the same password from many at once is compared once', async () => {
  const bcrypt = countingBcrypt();
  const check = createBasicAuth(() => new Map([['ali', 'h1']]), bcrypt);
  const all = Array.from({ length: 50 }, () => check(credentials('ali', 'open sesame')));
  expect(await ended(bcrypt, Promise.all(all))).toEqual(all.map(() => true));
  expect(bcrypt.asked).toEqual(['h1']);
});

test('a user that does not exist costs as much as one that does, and never gets in', async () => {
  const bcrypt = countingBcrypt();
  const check = createBasicAuth(() => new Map([['ali', 'h1']]), bcrypt);
  expect(await ended(bcrypt, check(credentials('baba', 'open sesame')))).toBe(false);
  expect(bcrypt.asked).toEqual(['h1']);
});

test('a new hash asks anew; a user who is gone is out at once', async () => {
  const bcrypt = countingBcrypt();
  let users = new Map([['ali', 'h1']]);
  const check = createBasicAuth(() => users, bcrypt);
  expect(await ended(bcrypt, check(credentials('ali', 'open sesame')))).toBe(true);
  users = new Map([['ali', 'h2']]);
  expect(await ended(bcrypt, check(credentials('ali', 'open sesame')))).toBe(true);
  expect(bcrypt.asked).toEqual(['h1', 'h2']);
  users = new Map([['baba', 'h2']]);
  expect(await ended(bcrypt, check(credentials('ali', 'open sesame')))).toBe(false);
  const gone = check(credentials('baba', 'open sesame'));
  users = new Map();
  expect(await ended(bcrypt, gone)).toBe(false);
});

test('a user who was not there yet is not remembered as refused: a hash can come along under another name', async () => {
  const bcrypt = countingBcrypt();
  let users = new Map([['ali', 'h1']]);
  const check = createBasicAuth(() => users, bcrypt);
  expect(await ended(bcrypt, check(credentials('baba', 'open sesame')))).toBe(false);
  users = new Map([['baba', 'h1']]);
  expect(await ended(bcrypt, check(credentials('baba', 'open sesame')))).toBe(true);
});

test('nor is one who was away while the password was compared', async () => {
  const bcrypt = countingBcrypt();
  const before = new Map([['ali', 'h1']]);
  let users = before;
  const check = createBasicAuth(() => users, bcrypt);
  const meanwhile = check(credentials('ali', 'open sesame'));
  users = new Map([['ali', 'h2']]);
  expect(await ended(bcrypt, meanwhile)).toBe(false);
  users = before;
  expect(await ended(bcrypt, check(credentials('ali', 'open sesame')))).toBe(true);
});

test('guesses beyond a bound are told to come later; who is known does not wait for them', async () => {
  const bcrypt = countingBcrypt();
  const check = createBasicAuth(() => new Map([['ali', 'h1']]), bcrypt);
  expect(await ended(bcrypt, check(credentials('ali', 'open sesame')))).toBe(true);
  const guesses = Array.from({ length: 32 }, (_, index) => check(credentials('ali', `guess ${index}`)));
  await Promise.resolve();
  expect(await check(credentials('ali', 'one more'))).toBe('busy');
  expect(await check(credentials('ali', 'open sesame'))).toBe(true);
  bcrypt.end();
  expect(await Promise.all(guesses)).toEqual(guesses.map(() => false));
});
