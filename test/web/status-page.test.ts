/** The status page as text: what it says of what is known, of what is not, and of what others wrote. */
import { describe, expect, test } from 'vitest';
import type { ApiStatus, ListStatus, Status } from '../../src/status.ts';
import { scaleTop } from '../../src/web/charts.ts';
import { statusPage } from '../../src/web/status-page.ts';

const api: ApiStatus = {
  api: 'completions',
  up: true,
  lastSuccess: '2026-01-15T12:29:00.000Z',
  lastPoll: '2026-01-15T12:29:00.000Z',
  nextPoll: '2026-01-15T12:31:00.000Z',
  reason: null,
  message: null,
  whatToDo: null,
  leftOut: null,
  dataThrough: { '1m': '2026-01-15T12:14:00.000Z' },
  series: 12,
  dimensionsRefused: [],
};

const list: ListStatus = {
  api: 'projects',
  up: true,
  lastSuccess: '2026-01-15T12:28:00.000Z',
  reason: null,
  message: null,
  whatToDo: null,
  leftOut: null,
};

const empty: Status = {
  version: '1.2.3',
  revision: 'abc',
  simulated: false,
  startedAt: '2026-01-15T12:00:00.000Z',
  now: '2026-01-15T12:30:00.000Z',
  apis: [api],
  lists: [],
  counters: { anchor: '2026-01-01T00:00:00.000Z', state: 'shown', message: null },
  tooSlow: null,
  stateFileTrouble: null,
  usage: { apis: ['completions'], hours: [], models: null, projects: null },
  spend: { month: '2026-01', polled: true, filtered: false, missing: [], currencies: [], unpriced: [] },
  limits: { nearest: [], compared: 0, unknown: [] },
};

const text = (status: Partial<Status>) => statusPage({ ...empty, ...status }, { telemetryPath: '/metrics', root: '.' });

test.each([
  [{ apis: [api] }, 'Healthy: the api answers.'],
  [{ apis: [api, { ...api, api: 'costs' }] }, 'Healthy: all 2 apis answer.'],
  [{ apis: [{ ...api, up: null }] }, 'Starting: no api has been asked yet.'],
  [{ apis: [api, { ...api, up: null }] }, 'Starting: 1 of 2 apis has not been asked yet.'],
  [{ apis: [api, { ...api, up: false }] }, 'Partly failing: 1 of 2 apis fails.'],
  [{ apis: [] }, 'No api is polled.'],
])('the verdict of %o', (status, verdict) => {
  expect(text(status)).toContain(verdict);
});

test('the age of usage is that of the slowest api of usage; costs, by user too, are of days', () => {
  const slower = { ...api, api: 'embeddings', dataThrough: { '1m': '2026-01-15T12:10:00.000Z' } };
  const costs = ['costs', 'user_costs'].map((name) => ({ ...api, api: name, dataThrough: {} }));
  const age = (page: string) => /Age of usage<\/dt><dd class="figure">([^<]*)/.exec(page)?.[1];
  expect(age(text({ apis: [api, slower, ...costs] }))).toBe('20 min');
  expect(age(text({ apis: [api, { ...slower, dataThrough: {} }, ...costs] }))).toBe('not known');
});

test('a failure is told in words, with what to do and when it is tried again; the tab says so, too', () => {
  const failing = { ...api, up: false, reason: 'network', message: 'refused', whatToDo: 'Check DNS.' };
  const page = text({ apis: [failing] });
  expect(page).toContain('OpenAI cannot be reached (network).</strong> Check DNS.');
  expect(page).toMatch(/Last success <time [^>]*>60 s ago<\/time>; next try <time [^>]*>in 60 s<\/time>\. refused/);
  expect(page).toContain('<title>1 failing · openai-usage-exporter</title>');
});

test('what was left out within a day is listed, and does not change the verdict', () => {
  const leftOut = (at: string) => ({ count: 7, messages: ['A value of <quantity> was refused.', 'Another.'], at });
  const page = text({ apis: [{ ...api, api: 'costs', leftOut: leftOut('2026-01-15T12:20:00.000Z') }] });
  expect(page).toContain('costs: 7 rows or items were not taken whole, the last <time');
  expect(page).toContain('A value of &lt;quantity&gt; was refused.');
  expect(page).toContain('Healthy');
  expect(text({ apis: [{ ...api, leftOut: leftOut('2026-01-14T12:20:00.000Z') }] })).not.toContain('taken whole');
});

describe('names and limits', () => {
  test('are told of with their last success, and do not change the verdict', () => {
    const page = text({ lists: [list, { ...list, api: 'users', up: null, lastSuccess: null }] });
    expect(page).toContain('Healthy: the api answers.');
    expect(page).toMatch(/projects<\/th><td class="good">up<\/td><td><time [^>]*>2 min ago/);
    expect(page).toMatch(/users<\/th><td class="soft">not asked yet<\/td><td>never/);
    expect(page).toContain('<details id="apis"><summary>');
    expect(text({})).not.toContain('Names and limits');
  });

  test('that fail are told of with what to do, in the open', () => {
    const page = text({
      lists: [{ ...list, up: false, reason: 'server', message: 'GET x.', whatToDo: 'Wait.' }, list],
    });
    expect(page).toContain('<details id="apis" open>');
    expect(page).toContain('<td class="bad">down: OpenAI has trouble</td>');
    expect(page).toContain(
      '<li><strong>projects: OpenAI has trouble (server).</strong> Wait.<br><span class="soft">GET x.',
    );
  });

  test('without the scope are not down, and what to do is said once for all of them', () => {
    const refused = { ...list, up: null, reason: 'permission', message: 'GET x.', whatToDo: 'Give the key a scope.' };
    const page = text({ lists: [refused, { ...refused, api: 'users', message: 'GET y.' }] });
    expect(page.match(/<td class="warn">not readable with this key<\/td>/g)).toHaveLength(2);
    expect(page.match(/Give the key a scope/g)).toHaveLength(1);
    expect(page).toContain('<li class="note"><strong>projects, users: not readable with this key.</strong>');
    expect(page).toContain('<details id="apis"><summary>');
  });
});

test('that numbers come late is said with the figures, and does not change the verdict', () => {
  const page = text({ tooSlow: 'Polls need about 22 requests a minute, and 15 are allowed.' });
  expect(page).toContain(
    '<strong>Numbers come late.</strong> Polls need about 22 requests a minute, and 15 are allowed.',
  );
  expect(page).toContain('Healthy: the api answers.');
  expect(text({})).not.toContain('Numbers come late');
});

test('trouble with the state file is said, and does not change the verdict', () => {
  const page = text({
    stateFileTrouble: 'state file /state cannot be written: ENOSPC. The exporter goes on without it',
  });
  expect(page).toContain(
    '<strong>The state file needs a look.</strong> state file /state cannot be written: ENOSPC. The exporter goes on without it',
  );
  expect(page).toContain('Healthy: the api answers.');
  expect(text({})).not.toContain('The state file');
});

test('what is not known is not 0', () => {
  const page = text({});
  expect(page).toContain('no hour has been read');
  expect(page).toContain('no day of this month has been read');
  expect(page).toContain('There is no limit');
  expect(page).not.toMatch(/[>$]0(?:\.00)?</);
});

test('costs that are not polled, and apis that are not, are said to be so', () => {
  const page = text({
    usage: { ...empty.usage, apis: [] },
    spend: { ...empty.spend, polled: false },
  });
  expect(page).toContain('costs are not polled');
  expect(page).toContain('None of the apis that count tokens');
});

test('what is being spent is beside what is reported', () => {
  const page = text({
    spend: {
      ...empty.spend,
      unpriced: [{ model: 'gpt-6-astra', tokens: 1_234_567 }],
      currencies: [
        {
          currency: 'usd',
          total: 900,
          budget: null,
          now: { today: 260.4, hour: 31, error: -0.024 },
          days: [{ day: '2026-01-01', state: 'open', amount: 212 }],
          projects: null,
          users: null,
        },
      ],
    },
  });
  expect(page).toContain('Spend today: $212.00 reported, about $260.40 by usage; about $31.00 in the last hour.');
  expect(page).toContain('On the newest final day the estimate was 2% less than the costs.');
  expect(page).toContain('Models without a price yet, which no estimate of today counts: gpt-6-astra (1.23M tokens).');
});

test('what others wrote is only text', () => {
  const evil = '"><img src=x onerror=alert(1)>';
  const row = { id: evil, name: evil, tokens: 5, requests: 1, byHour: [{ tokens: 5, requests: 1 }] };
  const page = text({
    apis: [{ ...api, up: false, reason: evil, message: evil, whatToDo: evil }],
    lists: [{ ...list, api: evil, up: false, reason: evil, message: evil, whatToDo: evil }],
    usage: {
      apis: [evil],
      hours: [{ start: '2026-01-15T12:00:00.000Z', state: 'open', missing: [], tokens: 5, requests: 1 }],
      models: { top: [row], rest: null },
      projects: { top: [row], rest: null },
    },
    spend: {
      ...empty.spend,
      unpriced: [{ model: evil, tokens: 5 }],
      currencies: [
        {
          currency: evil,
          total: 1,
          budget: null,
          now: { today: 1, hour: 1, error: null },
          days: [{ day: '2026-01-01', state: 'open', amount: 1 }],
          projects: { top: [{ id: evil, name: evil, amount: 1, budget: null }], rest: null },
          users: { top: [{ id: evil, name: evil, amount: 1, budget: null }], rest: null, difference: -1.5 },
        },
      ],
    },
    limits: {
      nearest: [
        {
          kind: 'spend_alert',
          projectId: evil,
          projectName: evil,
          model: null,
          unit: evil,
          used: 1,
          limit: 2,
          share: 0.5,
        },
      ],
      compared: 1,
      unknown: [evil],
    },
  });
  expect(page).not.toContain('<img');
  expect(page).toContain('&lt;img');
});

test.each([
  [0, 0],
  [1, 1],
  [1.2, 1.5],
  [7, 8],
  [23_000_000, 30_000_000],
  [0.03, 0.03],
])('the scale of %d ends at %d', (value, top) => {
  expect(scaleTop(value)).toBeCloseTo(top, 9);
});

describe('live usage', () => {
  const live = {
    minutes: [{ start: '2026-01-15T12:30:00.000Z', records: 3, tokens: 1_234, requests: 4 }],
    records: { counted: 3, duplicate: 2, skipped: 1, refused: 0 },
    groups: 1,
    folded: 0,
  };

  test('is not spoken of where it is not taken', () => {
    expect(text({})).not.toContain('Live usage');
  });

  test('says so while nothing was reported', () => {
    const records = { counted: 0, duplicate: 0, skipped: 0, refused: 0 };
    expect(text({ live: { ...live, records } })).toContain('Nothing has been reported since the start.');
  });

  test('has the last minutes, and what became of the records', () => {
    const page = text({ live });
    expect(page).toContain('12:30: 1,234 tokens in 3 records');
    expect(page).toContain('Records since the start: 3 counted, 2 sent again, 1 without usage of OpenAI, 0 refused.');
    expect(page).not.toContain('class="warn">Refused');
    expect(text({ live: { ...live, folded: 5, records: { ...live.records, refused: 1 } } })).toMatch(
      /Refused records are not counted[\s\S]*Records in the group <code>other<\/code>: 5\./,
    );
  });
});
