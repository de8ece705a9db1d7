/** Tests what the log says of what stays as it is: once a day for each matter and api, however often it is found out. */
import { expect, test } from 'vitest';
import { createDailyLog } from '../../src/reader/daily-log.ts';
import { handClock } from '../helpers/hand-clock.ts';
import { recordingLog } from '../helpers/recording-log.ts';

test('a matter is logged once a day, with a line for each of its texts', () => {
  const clock = handClock(Date.parse('2026-11-20T09:00:00Z'));
  const log = recordingLog();
  const daily = createDailyLog(log, clock);
  daily.info('prices', 'costs');
  expect(log.of('info')).toEqual([]);
  daily.info('prices', 'costs', 'one', 'two');
  daily.info('prices', 'costs', 'three');
  expect(log.of('info')).toEqual(['one', 'two']);
  daily.warn('groups', 'costs', 'four');
  daily.warn('groups', 'images', 'five');
  expect(log.of('warn')).toEqual(['four', 'five']);
  clock.pass(24 * 3_600_000);
  daily.info('prices', 'costs', 'six');
  expect(log.of('info')).toEqual(['one', 'two', 'six']);
});
