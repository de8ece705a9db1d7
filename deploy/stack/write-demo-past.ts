/**
 * Writes the demonstration's past to a file, of the demonstration that answers at an address:
 * `node .build/deploy/stack/write-demo-past.js http://localhost:9185/metrics past.om job instance`.
 */
import { once } from 'node:events';
import { createWriteStream, renameSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { demoOrganization } from '../../src/reader/demo.ts';
import { pastOf } from './demo-past.ts';

/** The lists that give names. */
const lists = ['projects', 'api_keys', 'users', 'service_accounts'];

const [url, file, job, instance] = process.argv.slice(2);
if (url === undefined || file === undefined || job === undefined || instance === undefined) {
  throw new Error('give the address of the metrics, the file to write, and job and instance of the target');
}
const page = await pageWithNames(url);
const now = Date.now();
// Under its name the file is whole.
const partial = `${file}.partial`;
const stream = createWriteStream(partial);
for (const text of pastOf({ organization: demoOrganization(now), page, job, instance, now })) {
  if (!stream.write(text)) await once(stream, 'drain');
}
stream.end();
await once(stream, 'finish');
renameSync(partial, file);

/** The page of the demonstration once it knows its names, which it reads after it is ready. */
async function pageWithNames(address: string): Promise<string> {
  const end = performance.now() + 60_000;
  for (;;) {
    const response = await fetch(address);
    const text = await response.text();
    if (response.ok && lists.every((list) => text.includes(`\nopenai_up{api="${list}"} 1\n`))) return text;
    if (performance.now() > end) throw new Error(`${address} does not show the names of the demonstration`);
    await sleep(500);
  }
}
