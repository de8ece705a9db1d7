import { expect, test } from 'vitest';
import { runCheck } from '../src/commands/check.ts';
import { placesText } from '../src/commands/serve.ts';
import { noPaint, paintFor, paintMistake } from '../src/paint.ts';

const colours = paintFor({ isTTY: true }, { TERM: 'xterm' });

function withoutColour(text: string): string {
  const [first = '', ...rest] = text.split('\u001b[');
  return [first, ...rest.map((part) => part.slice(part.indexOf('m') + 1))].join('');
}

test.each([
  [{ isTTY: true }, { TERM: 'xterm' }, true],
  [{ isTTY: true }, {}, true],
  // Set to nothing counts as not set (no-color.org).
  [{ isTTY: true }, { NO_COLOR: '' }, true],
  [{ isTTY: true }, { NO_COLOR: '0' }, false],
  [{ isTTY: true }, { TERM: 'dumb' }, false],
  [{ isTTY: false }, {}, false],
  [{}, {}, false],
])('%o with %o has colour: %s', (stream, environment, has) => {
  expect(paintFor(stream, environment).bad('x')).toBe(has ? '\u001b[31mx\u001b[0m' : 'x');
});

test('of a mistake it is the flag that stands out', () => {
  expect(paintMistake('--poll.interval: must be a duration', colours)).toBe(
    '\u001b[31m--poll.interval:\u001b[0m must be a duration',
  );
  expect(paintMistake('--poll.interval: must be', noPaint)).toBe('--poll.interval: must be');
});

test('the table of check has the same columns in colour', async () => {
  const run = async (paint = noPaint) => {
    let out = '';
    await runCheck({
      apis: ['completions', 'costs'],
      probe: async (api) => (api === 'costs' ? { ok: false, reason: 'auth', message: 'no' } : { ok: true }),
      probeManagement: async () => ({ ok: false, reason: 'permission', message: 'no' }),
      paint,
      out: { write: (text) => (out += text) },
    });
    return out;
  };
  const painted = await run(colours);
  expect(painted).toContain('\u001b[32mok\u001b[0m');
  expect(painted).toContain('\u001b[31mfailed (auth)       \u001b[0m  no.');
  expect(painted).toContain('\u001b[33mwarning (permission)\u001b[0m');
  expect(painted).toContain('\u001b[31m1 of 2 apis answered.\u001b[0m');
  expect(withoutColour(painted)).toBe(await run());
});

test.each([
  [{ host: undefined, port: 9185 }, false, 'http://localhost:9185/'],
  [{ host: '::', port: 9185 }, false, 'http://localhost:9185/'],
  [{ host: '127.0.0.1', port: 80 }, true, 'https://127.0.0.1:80/'],
  [{ host: '::1', port: 80 }, false, 'http://[::1]:80/'],
])('the demonstration tells where to look: %o', (address, secure, root) => {
  const text = placesText({ address, secure, telemetryPath: '/m', paint: noPaint });
  expect(text).toContain(`${root}\n`);
  expect(text).toContain(`${root}m\n`);
  expect(text).toContain(`${root}api/status\n`);
  expect(text).toContain('made up');
});

test('the demonstration of several organizations leads to the metrics of the first', () => {
  const address = { host: undefined, port: 9185 };
  const organizations = ['research', 'europe'];
  const text = placesText({ address, secure: false, telemetryPath: '/m', organizations, paint: noPaint });
  expect(text).toContain('These are 2 simulated organizations');
  expect(text).toContain('http://localhost:9185/sd\n');
  expect(text).toContain('http://localhost:9185/organizations/research/m\n');
});
