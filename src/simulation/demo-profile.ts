/**
 * The organization of the demonstration, made of its company's data: the groups that have usage at each api, and the
 * lines of its bill.
 */
import { endpointOf } from '../openai/catalogue.ts';
import { adjustment, type Chat, chats, directory, otherUses, prices, vectorStores } from './demo-company.ts';
import { type CostGroup, defaultBehaviour, type Label, labelsFor, type Profile, type UsageGroup } from './profile.ts';

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

function costs(): readonly CostGroup[] {
  const lines: CostGroup[] = [];
  const add = (
    { key, agents = false }: Pick<Chat, 'key' | 'agents'>,
    lineItem: string,
    perDay: number,
    unit: string | null,
    price: number,
  ): void => {
    const { project_id: projectId, api_key_id: apiKeyId, user_id: userId } = identity(key);
    lines.push({
      projectId: typeof projectId === 'string' ? projectId : null,
      lineItem,
      apiKeyId: typeof apiKeyId === 'string' ? apiKeyId : null,
      userId: typeof userId === 'string' ? userId : null,
      apiSource: agents ? 'agents_api' : 'unlabeled',
      currency: 'usd',
      perDay,
      unit,
      price: Math.max(price, 1e-12),
      style: perDay === 0 ? 'zero' : lines.length % 5 === 4 ? 'number' : 'text',
    });
  };
  for (const chat of chats) {
    const requests = 24 * chat.minutes * chat.perMinute;
    const [input = 1, cached = 1, output = 1] = prices[chat.model] ?? [];
    const factor = (chat.batch === true || chat.tier === 'flex' ? 0.5 : 1) / 1e6;
    const cacheWrite = (chat.cacheWrite ?? 0) + (chat.cacheWriteLong ?? 0);
    const tokensIn = chat.text + (chat.image ?? 0) + cacheWrite + 4 * (chat.audio ?? 0);
    add(chat, `${chat.model}, input`, requests * tokensIn * input * factor, 'tokens', input * factor);
    if (chat.cached) {
      add(chat, `${chat.model}, cached input`, requests * chat.cached * cached * factor, 'tokens', cached * factor);
    }
    const tokensOut = chat.out + 4 * (chat.audioOut ?? 0);
    add(chat, `${chat.model}, output`, requests * tokensOut * output * factor, 'tokens', output * factor);
  }
  for (const use of otherUses) {
    const { line, minutes, perMinute, dollars } = use;
    const requests = 24 * minutes * perMinute;
    const counted = line.includes('calls') || line.includes('|') ? 'requests' : null;
    add(use, line, requests * dollars, counted, dollars);
  }
  lines.push(adjustment);
  return lines;
}

/** The company of the demonstration. */
export function demoProfile(): Profile {
  return { directory, usage: usage(), costs: costs(), behaviour: { ...defaultBehaviour, repeatedRows: 0.02 } };
}
