/**
 * A process that reports live usage as fast as it is told to. Each message `{ batch, perSecond, seconds, groups }` is
 * answered with what was counted and how long the answers took. Its connections speak plain HTTP/1.1 by themselves, so
 * that the load costs less than what it measures.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadAsked, LoadDone } from './messages.ts';

const url = new URL(process.argv[2] ?? '');
const connections = 32;

let lastId = 0;

/** What all records have: those of a chat completion of usual length, with an answer in it. */
const members = JSON.stringify({
  object: 'chat.completion',
  created: Math.floor(Date.now() / 1_000),
  service_tier: 'default',
  choices: [
    {
      index: 0,
      finish_reason: 'stop',
      message: { role: 'assistant', content: 'An answer of some words. '.repeat(16) },
    },
  ],
  usage: {
    prompt_tokens: 1_200,
    completion_tokens: 300,
    total_tokens: 1_500,
    prompt_tokens_details: { cached_tokens: 1_000, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 200, audio_tokens: 0 },
  },
}).slice(1);

function record(groups: number): string {
  lastId++;
  return `{"id":"chatcmpl-${lastId}","model":"gpt-sim-${lastId % groups}",${members}`;
}

function request(batch: number, groups: number): Buffer {
  const body = Buffer.from(
    batch === 1 ? record(groups) : `[${Array.from({ length: batch }, () => record(groups)).join(',')}]`,
  );
  const head = `POST /api/live HTTP/1.1\r\nHost: ${url.host}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

/** Sends one report over a connection; resolves with the answer's body. */
function exchange(socket: Socket, bytes: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const take = (chunk: Buffer) => {
      text += chunk.toString();
      const end = text.indexOf('\r\n\r\n');
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN);
      if (end === -1 || text.length < end + 4 + length) return;
      socket.off('data', take).off('error', reject);
      resolve(text.slice(end + 4));
    };
    socket.on('data', take).once('error', reject);
    socket.write(bytes);
  });
}

async function load({ batch, perSecond, seconds, groups }: LoadAsked): Promise<LoadDone> {
  const begun = performance.now();
  let counted = 0;
  let sent = 0;
  const took: number[] = [];
  const one = async () => {
    const socket = connect(Number(url.port), url.hostname);
    while (performance.now() - begun < seconds * 1_000) {
      const due = ((performance.now() - begun) / 1_000) * perSecond;
      if (sent >= due) {
        await sleep(1);
        continue;
      }
      sent++;
      const bytes = request(batch, groups);
      const at = performance.now();
      const answer = JSON.parse(await exchange(socket, bytes));
      counted += answer.counted ?? 0;
      took.push(performance.now() - at);
    }
    socket.destroy();
  };
  await Promise.all(Array.from({ length: connections }, one));
  return { counted, seconds: (performance.now() - begun) / 1_000, took };
}

process.on('message', async (asked: LoadAsked) => process.send?.(await load(asked)));
process.send?.({ url: url.href });
