/** The organization's lists – projects, keys, users, limits – as the API serves them. */
import type { ListApi } from '../openai/catalogue.ts';
import type { Organization } from './organization.ts';
import { type Refusal, refuse } from './reply.ts';
import type { Directory, SimulatedSpendAlert } from './simulated-directory.ts';

export interface ListPath {
  readonly name: ListApi;
  /** Null: of the organization itself. */
  readonly projectId: string | null;
}

const ofOrganization: ReadonlyMap<string, ListApi> = new Map([
  ['projects', 'projects'],
  ['users', 'users'],
  ['spend_limit', 'spend_limits'],
  ['spend_alerts', 'spend_alerts'],
  ['admin_api_keys', 'admin_api_keys'],
]);

const ofProject: ReadonlyMap<string, ListApi> = new Map([
  ['api_keys', 'api_keys'],
  ['service_accounts', 'service_accounts'],
  ['rate_limits', 'rate_limits'],
  ['spend_limit', 'spend_limits'],
  ['spend_alerts', 'spend_alerts'],
]);

/** Finds the list that a path (without `/v1`) means. */
export function listOfPath(path: string): ListPath | undefined {
  const [, root, first = '', id, second] = path.split('/');
  if (root !== 'organization') return undefined;
  if (id === undefined) {
    const name = ofOrganization.get(first);
    return name && { name, projectId: null };
  }
  const name = first === 'projects' && second !== undefined ? ofProject.get(second) : undefined;
  return name && { name, projectId: decodeURIComponent(id) };
}

type Item = Readonly<Record<string, unknown>> & { readonly id: string };

function alerts(items: readonly SimulatedSpendAlert[] | undefined, object: string): Item[] {
  return (items ?? []).map(({ id, threshold }) => ({
    object,
    id,
    threshold_amount: threshold,
    currency: 'USD',
    interval: 'month',
    notification_channel: { type: 'email', recipients: ['billing@example.com'], subject_prefix: null },
  }));
}

function owner(directory: Directory, id: string, created: number): object {
  const account = directory.serviceAccounts.find((each) => each.id === id);
  if (account) {
    const { name } = account;
    return { type: 'service_account', service_account: { id, name, created_at: created, role: 'member' } };
  }
  const user = directory.users.find((each) => each.id === id);
  const { name = null, email = null, role = 'reader' } = user ?? {};
  return { type: 'user', user: { id, name, email, created_at: created, role } };
}

/** Returns when a key expires, where its list says so. */
function expiry(afterDays: number | null | undefined, created: number): { readonly expires_at?: number | null } {
  if (afterDays === undefined) return {};
  return { expires_at: afterDays === null ? null : created + afterDays * 86_400 };
}

/** All items of a list, or the single object that `spend_limit` is, or why there are none. */
export function listItems(
  organization: Organization,
  { name, projectId }: ListPath,
  query: URLSearchParams,
  now: number,
): { readonly items: readonly Item[] } | { readonly object: object } | Refusal {
  const { directory, createdAt } = organization;
  const created = createdAt - 86_400;
  if (projectId !== null) {
    const project = directory.projects.find((each) => each.id === projectId);
    if (!project) return { status: 404, message: `No such project: ${projectId}.`, code: 'not_found' };
    if (project.status === 'archived')
      return refuse(`Project ${projectId} is archived.`, 'project_id', 'project_archived');
  }
  const scope = projectId ?? '';
  switch (name) {
    case 'projects': {
      const archived = query.get('include_archived') === 'true';
      const items = directory.projects
        .filter((project) => archived || project.status === 'active')
        .map(({ id, name: projectName, status, residency }) => ({
          object: 'organization.project',
          id,
          name: projectName,
          created_at: created,
          archived_at: status === 'archived' ? createdAt : null,
          status,
          ...(residency === undefined ? {} : { residency }),
        }));
      return { items };
    }
    case 'api_keys': {
      const items = directory.keys
        .filter((key) => key.projectId === projectId && key.deleted !== true)
        .map((key) => ({
          object: 'organization.project.api_key',
          id: key.id,
          name: key.name,
          redacted_value: 'sk-proj-***',
          created_at: created,
          last_used_at: now - (now % 60),
          ...expiry(key.expiresAfterDays, created),
          owner: owner(directory, key.ownerId, created),
          owner_project_access: 'active',
        }));
      return { items };
    }
    case 'service_accounts': {
      const items = directory.serviceAccounts
        .filter((account) => account.projectId === projectId)
        .map((account) => ({
          object: 'organization.project.service_account',
          id: account.id,
          name: account.name,
          role: 'member',
          created_at: created,
        }));
      return { items };
    }
    case 'users':
      return { items: directory.users.map((user) => ({ object: 'organization.user', ...user, added_at: created })) };
    case 'rate_limits': {
      const limits = directory.rateLimits.get(scope) ?? [];
      return { items: limits.map((limit) => ({ object: 'project.rate_limit', id: `rl-${limit.model}`, ...limit })) };
    }
    case 'spend_limits': {
      const limit = directory.spendLimits.get(scope);
      if (!limit) return { status: 404, message: 'No spend limit is set.', code: 'not_found' };
      return {
        object: {
          object: projectId === null ? 'organization.spend_limit' : 'project.spend_limit',
          threshold_amount: limit.threshold,
          currency: 'USD',
          interval: 'month',
          enforcement: { status: limit.status },
        },
      };
    }
    case 'spend_alerts': {
      const object = projectId === null ? 'organization.spend_alert' : 'project.spend_alert';
      return { items: alerts(directory.spendAlerts.get(scope), object) };
    }
    case 'admin_api_keys': {
      const items = directory.adminKeys.map((key) => ({
        object: 'organization.admin_api_key',
        id: key.id,
        name: key.name,
        redacted_value: 'sk-admin-***',
        created_at: created,
        ...expiry(key.expiresAfterDays, created),
        last_used_at: now - (now % 60),
        owner: { type: 'user', object: 'organization.user', id: directory.users[0]?.id ?? 'user-0', role: 'owner' },
      }));
      return { items };
    }
  }
}

/** One page of a list: what comes after the item `after`, `limit` items at the most. */
export function listPage(name: ListApi, items: readonly Item[], query: URLSearchParams): string | Refusal {
  const given = query.get('limit');
  const maximum = name === 'rate_limits' ? 1_000 : 100;
  const limit = given === null || given === '' ? (name === 'rate_limits' ? 100 : 20) : Number(given);
  if (!Number.isInteger(limit) || limit < 1 || limit > maximum) {
    return refuse(
      `Invalid 'limit': expected an integer between 1 and ${maximum}, but got '${given}'.`,
      'limit',
      'integer_out_of_range',
    );
  }
  const after = query.get('after');
  let first = 0;
  if (after !== null && after !== '') {
    const position = items.findIndex((item) => item.id === after);
    if (position < 0) return refuse(`Invalid 'after': no item has the id '${after}'.`, 'after', 'invalid_value');
    first = position + 1;
  }
  const data = items.slice(first, first + limit);
  return JSON.stringify({
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: first + limit < items.length,
  });
}
