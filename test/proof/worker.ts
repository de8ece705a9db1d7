/** Lives one replica's life in a thread of its own and hands over the verdict. */
import { parentPort, workerData } from 'node:worker_threads';
import { prove } from './prove.ts';

const { seed, days, refusedRows, replica } = workerData;
parentPort?.postMessage(await prove(Number(seed), Number(days), refusedRows === true, String(replica)));
