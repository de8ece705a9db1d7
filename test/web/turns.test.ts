/** Work that comes all at once, and what goes first. */
import { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { readInPieces } from '../../src/web/intake.ts';
import { createTurns } from '../../src/web/turns.ts';

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('turns', () => {
  test('a turn has so many pieces of work and no more; all are done once, in order', async () => {
    const turns = createTurns(3);
    const done: number[] = [];
    const atOnce = Array.from({ length: 8 }, (_, index) => turns.soon(() => done.push(index)));
    expect(atOnce).toEqual([true, true, true, false, false, false, false, false]);
    expect(done).toEqual([0, 1, 2]);
    await nextTurn();
    expect(done).toEqual([0, 1, 2, 3, 4, 5]);
    await nextTurn();
    expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    await nextTurn();
    expect(done).toHaveLength(8);
  });

  test('what comes later does not overtake what waits, and after a quiet turn there is room again', async () => {
    const turns = createTurns(1);
    const done: string[] = [];
    turns.soon(() => done.push('first'));
    turns.soon(() => done.push('second'));
    turns.soon(() => done.push('third'));
    await nextTurn();
    expect(turns.soon(() => done.push('fourth'))).toBe(false);
    await nextTurn();
    await nextTurn();
    expect(done).toEqual(['first', 'second', 'third', 'fourth']);
    await nextTurn();
    expect(turns.soon(() => done.push('fifth'))).toBe(true);
  });
});

describe('what connections send', () => {
  /** A connection without the network: what it hands over is noted with its name. */
  function connection(name: string, handed: string[], turns = createTurns(1), body = { isRead: false }) {
    const socket = new Socket();
    socket.on('data', (chunk: Buffer) => handed.push(`${name} ${chunk}`));
    const isBodyRead = () => body.isRead;
    readInPieces(socket, { isBusy: () => false, isBodyRead, bodyLeft: () => 0, turns });
    return {
      send: (text: string) => socket.emit('data', Buffer.from(text)),
      pass: (chunk: Buffer) => socket.emit('data', chunk),
      isHeld: () => socket.isPaused(),
    };
  }

  test('a scrape overtakes reports that came before it, and who waits is not read from', async () => {
    const turns = createTurns(1);
    const handed: string[] = [];
    const [a, b, c] = ['a', 'b', 'c'].map((name) => connection(name, handed, turns));
    a?.send('POST 1');
    b?.send('POST 2');
    c?.send('GET');
    expect(handed).toEqual(['a POST 1', 'c GET']);
    expect([a?.isHeld(), b?.isHeld(), c?.isHeld()]).toEqual([false, true, false]);
    await nextTurn();
    expect(handed).toEqual(['a POST 1', 'c GET', 'b POST 2']);
    expect(b?.isHeld()).toBe(false);
  });

  test('the pieces of a body wait for their turn, too', async () => {
    const turns = createTurns(1);
    const handed: string[] = [];
    const a = connection('a', handed, turns);
    const b = connection('b', handed, turns, { isRead: true });
    a.send('POST');
    b.send('{}');
    expect(handed).toEqual(['a POST']);
    await nextTurn();
    expect(handed).toEqual(['a POST', 'b {}']);
  });

  test('the memory of a report is free as soon as all of it is handed over, and no other', async () => {
    const turns = createTurns(1);
    const handed: string[] = [];
    const a = connection('a', handed, turns);
    const body = { isRead: false };
    const b = connection('b', handed, turns, body);
    const [get, post, rest] = ['GET', 'POST', '{}'].map((text) => Buffer.alloc(20_000, text));
    if (get === undefined || post === undefined || rest === undefined) throw new Error('three were made');
    a.pass(get);
    b.pass(post);
    expect([get.length, post.length]).toEqual([20_000, 0]);
    body.isRead = true;
    b.pass(rest);
    expect(rest.length).toBe(20_000);
    await nextTurn();
    expect(rest.length).toBe(0);
    expect(handed.map((text) => text.slice(2)).join('')).toHaveLength(60_000);
  });
});
