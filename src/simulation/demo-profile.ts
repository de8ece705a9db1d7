/**
 * The organization of the demonstration, made of its company's data: the groups that have usage at each api, and the
 * lines of its bill.
 */
import { endpointOf } from '../openai/catalogue.ts';
import {
  adjustment,
  type Chat,
  cacheWriteFactor,
  chats,
  directory,
  discountOn,
  otherUses,
  prices,
  tierFactors,
  vectorStores,
} from './demo-company.ts';
import {
  type BilledCosts,
  type CostGroup,
  defaultBehaviour,
  type Label,
  labelsFor,
  type Profile,
  type UsageGroup,
} from './profile.ts';

const keyById = new Map(directory.keys.map((key) => [key.id, key]));

function identity(keyId: string | null): Readonly<Record<string, Label>> {
  const key = keyId === null ? undefined : keyById.get(keyId);
  if (!key) return { project_id: 'proj_default', user_id: 'user-ada', api_key_id: null };
  return { project_id: key.projectId, user_id: key.ownerId, api_key_id: key.id };
}

function labels(api: string, values: Readonly<Record<string, Label>>): readonly Label[] {
  const endpoint = endpointOf(api);
  if (!endpoint) throw new Error(`Unknown api in the demonstration's profile: ${api}`);
  return labelsFor(endpoint, values);
}

function usage(): ReadonlyMap<string, readonly UsageGroup[]> {
  const groups = new Map<string, UsageGroup[]>();
  const add = (api: string, group: UsageGroup) => groups.set(api, [...(groups.get(api) ?? []), group]);
  for (const chat of chats) {
    const { key, model, minutes, perMinute, batch = false, tier = 'default' } = chat;
    const api = chat.api ?? 'completions';
    add(api, {
      labels: labels(api, {
        ...identity(key),
        model,
        batch,
        service_tier: tier,
        api_source: chat.agents === true ? 'agents_api' : 'unlabeled',
      }),
      minutes,
      perMinute,
      perRequest: [
        chat.text,
        chat.audio ?? 0,
        chat.image ?? 0,
        chat.cached ?? 0,
        0,
        0,
        chat.cacheWrite ?? 0,
        chat.out,
        chat.audioOut ?? 0,
        0,
        chat.cacheWriteLong ?? 0,
      ],
      zeros: key === null ? 'left out' : 'written',
      ...(chat.since === undefined ? {} : { since: chat.since }),
    });
  }
  for (const { api, key, model, minutes, perMinute, each, labels: more = {} } of otherUses) {
    const values = { ...identity(key), ...(model === undefined ? {} : { model }), ...more };
    add(api, { labels: labels(api, values), minutes, perMinute, perRequest: each, zeros: 'written' });
  }
  for (const { projectId, bytes, growth } of vectorStores) {
    add('vector_stores', {
      labels: [projectId],
      minutes: 60,
      perMinute: 1,
      perRequest: [bytes, growth],
      zeros: 'written',
    });
  }
  return groups;
}

/** The places of what a chat's requests are billed by (`leaves.ts`). */
const leaves = { text: 1, audio: 2, image: 3, cached: 4, cacheWrite: 7, cacheWriteLong: 11, out: 8, audioOut: 9 };

function costs(): readonly CostGroup[] {
  const lines: CostGroup[] = [];
  /** The number of groups of each api that came before. */
  const groups = new Map<string, number>();
  const nextGroup = (api: string): number => {
    const group = groups.get(api) ?? 0;
    groups.set(api, group + 1);
    return group;
  };
  const add = (
    { key, agents = false }: Pick<Chat, 'key' | 'agents'>,
    line: Pick<BilledCosts, 'lineItem' | 'billed' | 'unit' | 'unitSize'>,
  ): void => {
    const { project_id: projectId, api_key_id: apiKeyId, user_id: userId } = identity(key);
    lines.push({
      projectId: typeof projectId === 'string' ? projectId : null,
      apiKeyId: typeof apiKeyId === 'string' ? apiKeyId : null,
      userId: typeof userId === 'string' ? userId : null,
      apiSource: agents ? 'agents_api' : 'unlabeled',
      currency: 'usd',
      style: lines.length % 5 === 4 ? 'number' : 'text',
      ...line,
    });
  };
  for (const chat of chats) {
    const { model, batch, tier } = chat;
    const api = chat.api ?? 'completions';
    const group = nextGroup(api);
    const [input = 1, cached = 1, output = 1, [audioIn, audioOut] = [input, output]] = prices[model] ?? [];
    const named = batch === true ? 'batch' : (tier ?? '');
    const factor = tierFactors[named] ?? 1;
    const addKind = (kind: string, price: number, billed: readonly number[]): void => {
      // The newest model's lines are named as usage is.
      const words = model === 'gpt-6-astra' ? (newerKinds[kind] ?? kind) : kind;
      add(chat, {
        lineItem: `${model}, ${factor === 1 ? '' : `${named} `}${words}`,
        billed: { api, group, leaves: billed, price: (day) => price * factor * discountOn(model, day) },
        unit: 'tokens',
        unitSize: 1,
      });
    };
    addKind('input', input, [leaves.text, leaves.image]);
    if (chat.cached) addKind('cached input', cached, [leaves.cached]);
    if (chat.cacheWrite) addKind('cache write', input * cacheWriteFactor, [leaves.cacheWrite, leaves.cacheWriteLong]);
    if (chat.audio) addKind('audio input', audioIn, [leaves.audio]);
    addKind('output', output, [leaves.out]);
    if (chat.audioOut) addKind('audio output', audioOut, [leaves.audioOut]);
  }
  for (const use of otherUses) {
    const { api, line, bills, dollars, unit, unitSize = 1 } = use;
    const group = nextGroup(api);
    const billed = { api, group, leaves: [bills], price: () => dollars };
    add(use, { lineItem: line, billed, unit, unitSize });
  }
  lines.push(adjustment);
  return lines;
}

const newerKinds: Readonly<Record<string, string>> = {
  input: 'input_tokens',
  'cached input': 'input_cached_tokens',
  output: 'output_tokens',
};

/** The company of the demonstration. */
export function demoProfile(): Profile {
  return {
    directory,
    usage: usage(),
    costs: costs(),
    behaviour: { ...defaultBehaviour, repeatedRows: 0.02, missingFields: 0 },
  };
}
