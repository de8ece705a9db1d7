/** Writes pages of usage and costs. A bucket's text is kept for as long as nothing in it changes. */
import { LRUCache } from 'lru-cache';
import { dimensionsOfPath, type Endpoint, widthSeconds } from '../openai/catalogue.ts';
import type { PageQuery } from './asked-query.ts';
import { amountScale } from './billing.ts';
import { amountToDecimal } from './costs.ts';
import type { CostRows, Organization, Rows } from './organization.ts';
import type { Label } from './profile.ts';
import { mix, textHash, unit } from './random.ts';

interface Written {
  readonly since: number;
  readonly until: number;
  readonly text: string;
}

interface UsageShape extends Rows {
  readonly id: number;
  /** The end of each row's JSON, with every dimension. */
  readonly tails: readonly string[];
}

interface CostShape extends CostRows {
  readonly id: number;
  readonly tails: readonly string[];
}

/** The parameters of a query that decide the rows of every bucket. */
interface Bucketing {
  /** The same for the same rows. */
  readonly id: number;
  /** The rows of the bucket in [from, to), seconds, as shown at `at`, milliseconds. */
  results(from: number, to: number, at: number): Written;
}

export interface PageWriter {
  /** The page's JSON, as the API shows it at `at` (milliseconds). */
  write(endpoint: Endpoint, query: PageQuery, at: number): string;
}

function iso(second: number, zone: string): string {
  return new Date(second * 1_000).toISOString().slice(0, 19) + zone;
}

/** The dimensions of the endpoint's path in a row: null unless it is grouped by them. */
function dimensionsJson(endpoint: Endpoint, groupBy: readonly string[], labels: readonly Label[]): string {
  return dimensionsOfPath(endpoint.path)
    .map((dimension) => {
      const value = labels[groupBy.indexOf(dimension)] ?? null;
      return `"${dimension}":${JSON.stringify(value)}`;
    })
    .join(',');
}

/** The API's texts have up to 34 significant digits; `0E-6176` is how it writes zero. */
export function amountText(amount: bigint, padded: boolean): string {
  if (amount === 0n) return '0E-6176';
  const text = amountToDecimal(amount);
  const digits = text.replace(/^-?0*\.?0*/, '').replace('.', '').length;
  if (!padded || digits >= 34) return text;
  return (text.includes('.') ? text : `${text}.`) + '0'.repeat(34 - digits);
}

/** The apis whose optional fields can be null as well as absent. */
const nullableApis = new Set(['decisions']);

const micro = 10n ** BigInt(amountScale - 6);

export function createPageWriter(organization: Organization): PageWriter {
  const { behaviour, directory } = organization.profile;
  const buckets = new LRUCache<string, Written>({ maxSize: 48e6, sizeCalculation: ({ text }) => text.length + 200 });
  const usageShapes = new LRUCache<string, UsageShape>({ max: 200 });
  const costShapes = new LRUCache<string, CostShape>({ max: 200 });
  const projectNames = new Map(directory.projects.map((project) => [project.id, project.name]));
  const emails = new Map(directory.users.map((user) => [user.id, user.email]));
  let shapes = 0;

  const keyOf = (endpoint: Endpoint, { groupBy = [], only = new Map() }: PageQuery['selection']): string =>
    JSON.stringify([endpoint.api, groupBy, [...only]]);

  function usageShape(endpoint: Endpoint, { selection }: PageQuery): UsageShape {
    const key = keyOf(endpoint, selection);
    let shape = usageShapes.get(key);
    if (!shape) {
      const { rowOf, labels } = organization.usageRows(endpoint, selection);
      const tails = labels.map((tuple) => `${dimensionsJson(endpoint, selection.groupBy ?? [], tuple)}}`);
      shapes += 1;
      shape = { id: shapes, rowOf, labels, tails };
      usageShapes.set(key, shape);
    }
    return shape;
  }

  function costShape(endpoint: Endpoint, { selection }: PageQuery): CostShape {
    const key = keyOf(endpoint, selection);
    let shape = costShapes.get(key);
    if (!shape) {
      const rows = organization.costRows(selection);
      const { groupBy = [] } = selection;
      const position = groupBy.indexOf('project_id');
      const tails = rows.labels.map((tuple) => {
        const project = tuple[position] ?? null;
        const name = typeof project === 'string' ? (projectNames.get(project) ?? null) : null;
        const user = tuple[groupBy.indexOf('user_id')] ?? null;
        const email = typeof user === 'string' ? (emails.get(user) ?? null) : null;
        return `${dimensionsJson(endpoint, groupBy, tuple)},"project_name":${JSON.stringify(name)},"organization_id":${JSON.stringify(directory.id)},"organization_name":${JSON.stringify(directory.name)},"user_email":${JSON.stringify(email)}}`;
      });
      shapes += 1;
      shape = { ...rows, id: shapes, tails };
      costShapes.set(key, shape);
    }
    return shape;
  }

  function usageBucket(endpoint: Endpoint, shape: UsageShape, from: number, to: number, at: number): Written {
    const source = organization.usage(endpoint.api);
    const rows = shape.labels.length;
    const { values, written, since, until } = source.at({ from, to, at, rowOf: shape.rowOf, rows, restated: true });
    const { fieldCount } = source;
    const head = `{"object":"${endpoint.rowObject}",`;
    const names = endpoint.fields.map((field) => `"${field.name}":`);
    const level = endpoint.fields.some((field) => field.kind === 'level');
    const chance = mix(mix(organization.seed, textHash(endpoint.api)), from);
    const texts: string[] = [];
    const nullable = nullableApis.has(endpoint.api);

    const writeRow = (
      row: number,
      bits: number,
      valueAt: (field: number) => number,
      shown: (field: number) => boolean,
    ) => {
      let text = head;
      for (let f = 0; f < fieldCount; f += 1) {
        if (shown(f) || ((bits >>> f) & 1) === 1) text += `${names[f]}${valueAt(f)},`;
        else if (nullable && f % 2 === 0) text += `${names[f]}null,`;
      }
      if (behaviour.unknownField !== undefined) text += `"${behaviour.unknownField}":${2 * valueAt(0)},`;
      texts.push(text + (shape.tails[row] ?? ''));
    };

    for (let row = 0; row < rows; row += 1) {
      const offset = row * fieldCount;
      const bits = written[row] ?? 0;
      let any = false;
      for (let f = 0; f < fieldCount && !any; f += 1) any = values[offset + f] !== 0;
      const draw = mix(chance, row);
      const value = (f: number) => values[offset + f] ?? 0;
      const nonZero = (f: number) => value(f) !== 0;
      if (!any) {
        if (behaviour.zeroRows > 0 && to - from >= 60 && unit(draw, 1) < behaviour.zeroRows) {
          writeRow(
            row,
            0,
            () => 0,
            (f) => endpoint.fields[f]?.required ?? false,
          );
        }
      } else if (!level && behaviour.repeatedRows > 0 && unit(draw, 2) < behaviour.repeatedRows) {
        const share = unit(draw, 3);
        const some = (f: number) => Math.floor(value(f) * share);
        writeRow(row, bits, some, nonZero);
        writeRow(row, bits, (f) => value(f) - some(f), nonZero);
      } else writeRow(row, bits, value, nonZero);
    }
    return { since, until, text: texts.join(',') };
  }

  function costBucket(endpoint: Endpoint, shape: CostShape, from: number, at: number): Written {
    const rows = shape.labels.length;
    const day = Math.round(from / 86_400);
    const snapshot = organization.costs.at({ day, at, rowOf: shape.rowOf, rows, restated: true });
    const texts: string[] = [];
    for (const [row, each] of snapshot.rows.entries()) {
      if (!each) continue;
      const draw = mix(mix(organization.seed, day), row);
      let text = `{"object":"${endpoint.rowObject}",`;
      if (each.amount !== null) {
        const short = each.amount !== 0n && each.amount % micro === 0n && each.amount / micro < 10n ** 14n;
        const number = short && (draw & 1) === 1;
        const amount = number ? amountToDecimal(each.amount) : `"${amountText(each.amount, (draw & 2) === 2)}"`;
        text += `"amount":{"value":${amount},"currency":"${shape.currencies[row]}"},`;
      }
      const unitOf = shape.units[row];
      const byLine = unitOf !== undefined && unitOf !== null && each.quantity !== null;
      text += byLine
        ? `"quantity":${each.quantity}${Number.isInteger(each.quantity) && (draw & 4) === 4 ? '.0' : ''},"quantity_unit":"${unitOf}",`
        : '"quantity":null,"quantity_unit":null,';
      texts.push(text + (shape.tails[row] ?? ''));
    }
    return { since: snapshot.since, until: snapshot.until, text: texts.join(',') };
  }

  function bucketingOf(endpoint: Endpoint, query: PageQuery): Bucketing {
    if (endpoint.api === 'costs') {
      const shape = costShape(endpoint, query);
      return { id: shape.id, results: (from, _, at) => costBucket(endpoint, shape, from, at) };
    }
    const shape = usageShape(endpoint, query);
    return { id: shape.id, results: (from, to, at) => usageBucket(endpoint, shape, from, to, at) };
  }

  return {
    write(endpoint, query, at) {
      const { id, results } = bucketingOf(endpoint, query);
      const seconds = widthSeconds[query.width];
      const zone = endpoint.api === 'costs' ? '' : '+00:00';
      const texts: string[] = [];
      let from = query.start;
      while (from < query.end && texts.length < query.limit) {
        const next = (Math.floor(from / seconds) + 1) * seconds;
        const to = Math.min(next, query.end);
        const key = `${id}/${from}/${to}`;
        let kept = buckets.get(key);
        if (!kept || at < kept.since || at >= kept.until) {
          const { since, until, text } = results(from, to, at);
          const times = `"start_time":${from},"end_time":${to},"start_time_iso":"${iso(from, zone)}","end_time_iso":"${iso(to, zone)}"`;
          kept = { since, until, text: `{"object":"bucket",${times},"results":[${text}]}` };
          buckets.set(key, kept);
        }
        texts.push(kept.text);
        from = next;
      }
      const more = from < query.end;
      const cursor = more ? JSON.stringify(query.cursor(from)) : 'null';
      return `{"object":"page","data":[${texts.join(',')}],"has_more":${more},"next_page":${cursor}}`;
    },
  };
}
