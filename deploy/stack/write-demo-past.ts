/**
 * Writes the demonstration's past to a file:
 * `node .build/deploy/stack/write-demo-past.js http://localhost:9185/metrics past.om job instance`.
 */
import { writePast } from './past-file.ts';

const [url, file, job, instance] = process.argv.slice(2);
if (url === undefined || file === undefined || job === undefined || instance === undefined) {
  throw new Error('give the address of the metrics, the file to write, and job and instance of the target');
}
await writePast({ url, file, job, instance });
