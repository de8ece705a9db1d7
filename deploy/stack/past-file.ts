/** The demonstration's past in a file, of the demonstration that answers at an address. */
import { once } from 'node:events';
import { chmodSync, createWriteStream, renameSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { demoOrganization } from '../../src/simulation/demo-organization.ts';
import { pastOf } from './demo-past.ts';

/** The lists that give names and rate limits. */
const lists = ['projects', 'api_keys', 'users', 'service_accounts', 'rate_limits'];

export interface PastFile {
  /** The address of the metrics. */
  readonly url: string;
  readonly file: string;
  /** The target's labels. */
  readonly job: string;
  readonly instance: string;
}

/** Writes the file; under its name it is whole, and whoever reads it may empty it. @throws if the address does not answer */
export async function writePast({ url, file, job, instance }: PastFile): Promise<void> {
  const page = await pageWithLists(url);
  const now = Date.now();
  const partial = `${file}.partial`;
  const stream = createWriteStream(partial);
  for (const text of pastOf({ organization: demoOrganization(now), page, job, instance, now })) {
    if (!stream.write(text)) await once(stream, 'drain');
  }
  stream.end();
  await once(stream, 'finish');
  chmodSync(partial, 0o666);
  renameSync(partial, file);
}

/** The page of the demonstration once it knows names and limits, which it reads after it is ready. */
async function pageWithLists(address: string): Promise<string> {
  const end = performance.now() + 60_000;
  for (;;) {
    const response = await fetch(address);
    const text = await response.text();
    if (response.ok && lists.every((list) => text.includes(`\nopenai_up{api="${list}"} 1\n`))) return text;
    if (performance.now() > end) throw new Error(`${address} does not show the names and limits of the demonstration`);
    await sleep(500);
  }
}
