/** Names that one process leaves to the next. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Directory } from '../../src/inventory/directory.ts';
import { decodeNames, encodeNames } from '../../src/inventory/kept-names.ts';

const clock = { now: () => 0 };

test('names of what is gone and of what is listed are known again, e-mail addresses are not', () => {
  const first = new Directory(10, clock);
  first.takeKeys(
    'proj_a',
    [
      { id: 'key_gone', name: 'Old', ownerType: 'user', ownerId: 'user_a', expiresAt: null },
      { id: 'key_there', name: 'New', ownerType: 'user', ownerId: 'user_a', expiresAt: null },
    ],
    true,
  );
  first.takeUsers([{ id: 'user_a', name: 'Ada', email: 'ada@example.com' }], true);
  first.takeProjects([{ id: 'proj_a', name: 'Search', status: 'active', residency: 'eu' }], true);
  first.takeProjects([], true);
  first.takeKeys(
    'proj_a',
    [{ id: 'key_there', name: 'New', ownerType: 'user', ownerId: 'user_a', expiresAt: null }],
    true,
  );

  const bytes = encodeNames(first.toKeep());
  expect(Buffer.from(bytes).toString()).not.toContain('example.com');
  const second = new Directory(10, clock);
  second.recall(decodeNames(bytes));
  expect(second.keys.listed().size).toBe(0);
  expect(second.keys.remembered('key_gone')).toEqual({
    id: 'key_gone',
    name: 'Old',
    projectId: 'proj_a',
    ownerType: 'user',
    ownerId: 'user_a',
  });
  expect(second.keys.remembered('key_there')?.name).toBe('New');
  expect(second.projects.remembered('proj_a')).toMatchObject({ name: 'Search', status: 'none', residency: 'eu' });
  expect(second.users.remembered('user_a')).toEqual({ id: 'user_a', name: 'Ada', email: 'none' });
  // And once more, though nothing was listed meanwhile.
  const third = new Directory(10, clock);
  third.recall(decodeNames(encodeNames(second.toKeep())));
  expect(third.keys.remembered('key_gone')?.name).toBe('Old');
});

test('no more names are kept than can be remembered, those asked for last first', () => {
  const first = new Directory(3, clock);
  const keys = ['a', 'b', 'c', 'd'].map((id) => ({
    id,
    name: id.toUpperCase(),
    ownerType: null,
    ownerId: null,
    expiresAt: null,
  }));
  first.takeKeys('proj', keys, true);
  first.takeKeys('proj', [], true);
  first.keys.remembered('b');
  const second = new Directory(2, clock);
  second.recall(decodeNames(encodeNames(first.toKeep())));
  expect(['a', 'b', 'c', 'd'].filter((id) => second.keys.remembered(id) !== undefined)).toEqual(['b', 'd']);
});

test('names that cannot be understood count as none', () => {
  expect(decodeNames(Buffer.from('nonsense'))).toEqual({ projects: [], keys: [], users: [] });
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (one, two) => {
      for (const value of [one, { keys: one, projects: two }, { keys: [one], users: [{ id: one, name: two }] }]) {
        const { keys, users } = decodeNames(Buffer.from(JSON.stringify(value)));
        for (const { id, name } of [...keys, ...users]) expect([typeof id, typeof name]).toEqual(['string', 'string']);
      }
    }),
  );
});
