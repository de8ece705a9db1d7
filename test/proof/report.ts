/** The proof as a table for people: by api and field, what the API recorded and what Prometheus has. */
import { type Exceptions, exceptionNames, type Row } from './judge.ts';

const titles: Readonly<Record<keyof Exceptions, string>> = {
  heldBack: 'held back',
  gone: 'taken back whole',
  restatedLater: 'restated later',
  fallen: 'fall at restart',
  born: 'born in downtime',
  rolledOver: 'down at rollover',
};

export const legend = `recorded          the API's own sum, from the first sample to the end
Prometheus        what rises and resets between scrapes add up to
held back         moved to another group or lowered after it had settled: openai_exporter_held_back
taken back whole  the same of a series whose usage was all taken back before a restart: it is not shown again
restated later    restated by the API after the month's last total was read
fall at restart   without a state file: a series lower than before the restart, so that it counts again
born in downtime  without a state file: a series whose first sample is above 0, so that it is no rise
down at rollover  without a state file: what was not shown of the old month, or not seen to begin anew
unexplained       the difference without these, each measured by itself: 0`;

/** `12,345`, so that long numbers can be read. */
function numberText(value: number): string {
  return value === 0 ? '0' : value.toLocaleString('en-US');
}

/** Exceptions that nothing fell under are left out. */
export function table(rows: readonly Row[]): string {
  const used = exceptionNames.filter((name) => rows.some(({ exceptions }) => exceptions[name] !== 0));
  const head = [
    'api',
    'field',
    'recorded',
    'Prometheus',
    'difference',
    ...used.map((name) => titles[name]),
    'unexplained',
  ];
  const body = rows.map((row) => [
    row.api,
    row.field,
    ...[row.recorded, row.counted, row.counted - row.recorded].map(numberText),
    ...used.map((name) => numberText(row.exceptions[name])),
    numberText(row.unexplained),
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...body].map((line) => line[column]?.length ?? 0)));
  return [head, ...body]
    .map((line) =>
      line
        .map((text, column) => (column < 2 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** The largest of each exception against what was recorded, over all api and field: for the documentation. */
export function shares(rows: readonly Row[]): string {
  return exceptionNames
    .map((name) => {
      const shares = rows.flatMap((row) => (row.recorded === 0 ? [] : [Math.abs(row.exceptions[name]) / row.recorded]));
      const most = Math.max(0, ...shares);
      const mean = shares.reduce((sum, share) => sum + share, 0) / Math.max(1, shares.length);
      return `${titles[name]} ${percent(mean)} (at most ${percent(most)})`;
    })
    .join(', ');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share === 0 || share >= 0.1 ? 0 : 3)} %`;
}
