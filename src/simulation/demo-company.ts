/**
 * The company of the demonstration: who is in it, what they use and what that costs, as data. Names and numbers are
 * invented; what one would look for on a dashboard is in there – a batch job by night, a chatty support bot, a quiet
 * archive.
 */

import type { DrawnCosts, Label } from './profile.ts';
import type { Directory, SimulatedKey, SimulatedProject, SimulatedRateLimit } from './simulated-directory.ts';

const projects: readonly SimulatedProject[] = [
  { id: 'proj_search', name: 'Search', status: 'active' },
  { id: 'proj_support', name: 'Support assistant', status: 'active', residency: 'eu' },
  { id: 'proj_documents', name: 'Document pipeline', status: 'active' },
  { id: 'proj_mobile', name: 'Mobile app', status: 'active' },
  { id: 'proj_research', name: 'Research', status: 'active' },
  { id: 'proj_default', name: 'Default project', status: 'active' },
  { id: 'proj_hackathon', name: 'Hackathon', status: 'archived' },
];

const users = [
  { id: 'user-ada', name: 'Ada Brandt', email: 'ada.brandt@example.com', role: 'owner' },
  { id: 'user-bela', name: 'Béla Kovács', email: 'bela.kovacs@example.com', role: 'reader' },
  { id: 'user-chidi', name: 'Chidi Okafor', email: 'chidi.okafor@example.com', role: 'reader' },
  { id: 'user-dana', name: 'Dana Levi', email: 'dana.levi@example.com', role: 'reader' },
  { id: 'user-emi', name: 'Emi Tanaka', email: 'emi.tanaka@example.com', role: 'reader' },
  { id: 'user-finn', name: null, email: 'finn@example.com', role: 'reader' },
] as const;

const serviceAccounts = [
  { id: 'sa-search-api', name: 'search-api', projectId: 'proj_search' },
  { id: 'sa-support-bot', name: 'support-bot', projectId: 'proj_support' },
  { id: 'sa-ingest', name: 'document-ingest', projectId: 'proj_documents' },
  { id: 'sa-mobile', name: 'mobile-backend', projectId: 'proj_mobile' },
] as const;

const keys: readonly SimulatedKey[] = [
  { id: 'key_search_prod', name: 'search production', projectId: 'proj_search', ownerId: 'sa-search-api' },
  { id: 'key_search_index', name: 'search indexer', projectId: 'proj_search', ownerId: 'sa-search-api' },
  {
    id: 'key_search_dev',
    name: 'search development',
    projectId: 'proj_search',
    ownerId: 'user-bela',
    expiresAfterDays: 90,
  },
  { id: 'key_support_prod', name: 'support production', projectId: 'proj_support', ownerId: 'sa-support-bot' },
  { id: 'key_support_eval', name: 'support evaluation', projectId: 'proj_support', ownerId: 'user-chidi' },
  { id: 'key_support_voice', name: 'support voice line', projectId: 'proj_support', ownerId: 'sa-support-bot' },
  { id: 'key_docs_batch', name: 'nightly documents', projectId: 'proj_documents', ownerId: 'sa-ingest' },
  { id: 'key_docs_live', name: 'document uploads', projectId: 'proj_documents', ownerId: 'sa-ingest' },
  { id: 'key_mobile_ios', name: 'iOS', projectId: 'proj_mobile', ownerId: 'sa-mobile' },
  { id: 'key_mobile_android', name: 'Android', projectId: 'proj_mobile', ownerId: 'sa-mobile' },
  { id: 'key_mobile_old', name: 'mobile (old)', projectId: 'proj_mobile', ownerId: 'sa-mobile', deleted: true },
  { id: 'key_research_ada', name: "Ada's experiments", projectId: 'proj_research', ownerId: 'user-ada' },
  {
    id: 'key_research_emi',
    name: 'fine-tuning',
    projectId: 'proj_research',
    ownerId: 'user-emi',
    expiresAfterDays: null,
  },
  { id: 'key_default_dana', name: 'scripts', projectId: 'proj_default', ownerId: 'user-dana' },
  {
    id: 'key_default_finn',
    name: 'notebook',
    projectId: 'proj_default',
    ownerId: 'user-finn',
    expiresAfterDays: 365,
  },
];

/** The name as the API writes it. */
const unlimited = 2_147_483_647;

/** Every project has the same. */
const rateLimits: readonly SimulatedRateLimit[] = [
  {
    model: 'gpt-5',
    max_requests_per_1_minute: 10_000,
    max_tokens_per_1_minute: 4_000_000,
    batch_1_day_max_input_tokens: 40_000_000,
  },
  { model: 'gpt-5-mini', max_requests_per_1_minute: 30_000, max_tokens_per_1_minute: 180_000_000 },
  { model: 'gpt-4o', max_requests_per_1_minute: 10_000, max_tokens_per_1_minute: 2_000_000 },
  { model: 'gpt-4o-mini', max_requests_per_1_minute: 30_000, max_tokens_per_1_minute: 10_000_000 },
  {
    model: 'gpt-4o-audio-preview',
    max_requests_per_1_minute: 500,
    max_tokens_per_1_minute: 250_000,
    max_audio_megabytes_per_1_minute: 200,
  },
  { model: 'o3', max_requests_per_1_minute: 5_000, max_tokens_per_1_minute: 900_000, max_requests_per_1_day: 20_000 },
  { model: 'text-embedding-3-large', max_requests_per_1_minute: 10_000, max_tokens_per_1_minute: 5_000_000 },
  { model: 'text-embedding-3-small', max_requests_per_1_minute: 10_000, max_tokens_per_1_minute: 5_000_000 },
  {
    model: 'gpt-image-1',
    max_requests_per_1_minute: unlimited,
    max_tokens_per_1_minute: 1_000_000,
    max_images_per_1_minute: 20,
  },
  { model: 'gpt-6-astra', max_requests_per_1_minute: 5_000, max_tokens_per_1_minute: 1_000_000 },
  { model: 'omni-moderation-latest', max_requests_per_1_minute: 1_000, max_tokens_per_1_minute: unlimited },
  {
    model: 'dall-e-3',
    max_requests_per_1_minute: 0,
    max_tokens_per_1_minute: unlimited,
    max_images_per_1_minute: 15,
  },
];

export const directory: Directory = {
  id: 'org-larkspur-simulated',
  name: 'Larkspur (simulated)',
  projects,
  keys,
  users,
  serviceAccounts,
  rateLimits: new Map(projects.map(({ id }) => [id, rateLimits])),
  spendLimits: new Map([
    ['', { threshold: 1_500_000, status: 'enforcing' }],
    ['proj_research', { threshold: 60_000, status: 'inactive' }],
  ]),
  spendAlerts: new Map([
    [
      '',
      [
        { id: 'alert_half', threshold: 750_000 },
        { id: 'alert_most', threshold: 1_200_000 },
      ],
    ],
    ['proj_support', [{ id: 'alert_support', threshold: 400_000 }]],
  ]),
  adminKeys: [
    { id: 'key_admin_exporter', name: 'usage exporter', expiresAfterDays: 180 },
    { id: 'key_admin_terraform', name: 'terraform', expiresAfterDays: null },
  ],
};

/** Dollars for a million tokens: input, cached input, output; and of audio, where the model hears and speaks. */
export const prices: Readonly<Record<string, readonly [number, number, number, (readonly [number, number])?]>> = {
  'gpt-5-2025-08-07': [1.25, 0.125, 10],
  'gpt-5-mini-2025-08-07': [0.25, 0.025, 2],
  'gpt-4o-2024-08-06': [2.5, 1.25, 10],
  'gpt-4o-mini-2024-07-18': [0.15, 0.075, 0.6],
  'gpt-4o-audio-preview-2024-12-17': [2.5, 1.25, 10, [20, 40]],
  'o3-2025-04-16': [2, 0.5, 8],
  'ft:gpt-4o-mini-2024-07-18:larkspur:tone:Bq7xK2': [0.3, 0.15, 1.2],
  'gpt-6-astra': [3, 0.3, 15],
};

/** Writing to the cache costs this many times the price of input. */
export const cacheWriteFactor = 1.25;

/** The price of a batch and of the service tiers against the price of the model; the others cost that. */
export const tierFactors: Readonly<Record<string, number>> = { batch: 0.5, flex: 0.5, priority: 1.75 };

/** The share of the price that the company pays, as it has agreed with OpenAI. */
const agreed: Readonly<Record<string, number>> = { 'o3-2025-04-16': 0.9, 'gpt-5-2025-08-07': 0.95 };

/** The model that is cheaper from the 16th of each month on, until the month ends. */
const cheaperLate = { model: 'gpt-4o-mini-2024-07-18', from: 16, factor: 0.96 };

/** Returns the part of its price that is paid for a model on a UTC day, counted from the epoch. */
export function discountOn(model: string, day: number): number {
  const date = new Date(day * 86_400_000).getUTCDate();
  const late = model === cheaperLate.model && date >= cheaperLate.from ? cheaperLate.factor : 1;
  return late * (agreed[model] ?? 1);
}

/** The first day of the company's newest model, in seconds: before it, nobody has used it. */
export const newestModelSince = Date.UTC(2026, 9, 27) / 1_000;

/** A use of completions; `minutes` and `perMinute` as in a `UsageGroup`, the rest tokens of an average request. */
export interface Chat {
  /** A key; null: the playground, used by Ada. */
  readonly key: string | null;
  readonly model: string;
  readonly minutes: number;
  readonly perMinute: number;
  readonly text: number;
  readonly cached?: number;
  /** The tokens written to the cache for 30 minutes, and for 12 hours. */
  readonly cacheWrite?: number;
  readonly cacheWriteLong?: number;
  readonly out: number;
  readonly audio?: number;
  readonly audioOut?: number;
  readonly image?: number;
  readonly batch?: boolean | null;
  readonly tier?: string | null;
  /** True for usage through the Agents API; otherwise nobody says. */
  readonly agents?: boolean;
  /** Default: completions. */
  readonly api?: 'decisions';
  /** Seconds since the epoch: there is no such use before. */
  readonly since?: number;
}

export const chats: readonly Chat[] = [
  {
    key: 'key_search_prod',
    model: 'gpt-5-mini-2025-08-07',
    minutes: 58,
    perMinute: 34,
    text: 620,
    cached: 1_150,
    out: 140,
  },
  {
    key: 'key_search_prod',
    model: 'gpt-5-2025-08-07',
    minutes: 40,
    perMinute: 4,
    text: 1_900,
    cached: 900,
    out: 480,
    tier: 'priority',
  },
  { key: 'key_search_dev', model: 'gpt-5-mini-2025-08-07', minutes: 6, perMinute: 3, text: 800, out: 160 },
  {
    key: 'key_support_prod',
    model: 'gpt-5-2025-08-07',
    minutes: 55,
    perMinute: 11,
    text: 1_400,
    cached: 3_900,
    cacheWrite: 210,
    cacheWriteLong: 40,
    out: 310,
    agents: true,
  },
  {
    key: 'key_support_prod',
    model: 'ft:gpt-4o-mini-2024-07-18:larkspur:tone:Bq7xK2',
    minutes: 50,
    perMinute: 9,
    text: 540,
    out: 120,
  },
  { key: 'key_support_eval', model: 'o3-2025-04-16', minutes: 2, perMinute: 20, text: 2_400, out: 1_900, tier: 'flex' },
  {
    key: 'key_support_voice',
    model: 'gpt-4o-audio-preview-2024-12-17',
    minutes: 14,
    perMinute: 2,
    text: 300,
    audio: 1_500,
    audioOut: 820,
    out: 90,
  },
  {
    key: 'key_docs_batch',
    model: 'gpt-4o-mini-2024-07-18',
    minutes: 16,
    perMinute: 60,
    text: 3_100,
    out: 420,
    batch: true,
  },
  {
    key: 'key_docs_live',
    model: 'gpt-4o-2024-08-06',
    minutes: 26,
    perMinute: 5,
    text: 2_200,
    cached: 600,
    out: 380,
    image: 740,
  },
  {
    key: 'key_mobile_ios',
    model: 'gpt-4o-mini-2024-07-18',
    minutes: 48,
    perMinute: 14,
    text: 410,
    cached: 300,
    out: 95,
  },
  {
    key: 'key_mobile_android',
    model: 'gpt-4o-mini-2024-07-18',
    minutes: 52,
    perMinute: 19,
    text: 400,
    cached: 290,
    out: 92,
  },
  { key: 'key_mobile_old', model: 'gpt-4o-mini-2024-07-18', minutes: 0.4, perMinute: 2, text: 380, out: 90 },
  { key: 'key_research_ada', model: 'o3-2025-04-16', minutes: 3, perMinute: 6, text: 5_200, out: 4_100, tier: 'flex' },
  { key: 'key_research_emi', model: 'gpt-5-2025-08-07', minutes: 2, perMinute: 8, text: 2_700, out: 1_200 },
  { key: 'key_default_dana', model: 'gpt-4o-2024-08-06', minutes: 1.5, perMinute: 2, text: 900, out: 350 },
  {
    key: 'key_default_finn',
    model: 'gpt-5-2025-08-07',
    minutes: 0.7,
    perMinute: 2,
    text: 1_100,
    out: 600,
    tier: 'incentivized-tier',
  },
  { key: null, model: 'gpt-5-2025-08-07', minutes: 0.6, perMinute: 1, text: 700, out: 500, batch: null, tier: null },
  {
    key: 'key_search_dev',
    model: 'gpt-6-astra',
    minutes: 4,
    perMinute: 3,
    text: 1_300,
    cached: 500,
    out: 420,
    since: newestModelSince,
  },
  {
    api: 'decisions',
    key: 'key_support_prod',
    model: 'gpt-5-mini-2025-08-07',
    minutes: 45,
    perMinute: 7,
    text: 520,
    cached: 310,
    cacheWrite: 60,
    out: 4,
  },
];

/** A use of another api. */
export interface OtherUse {
  readonly api: string;
  readonly key: string;
  readonly model?: string;
  readonly minutes: number;
  readonly perMinute: number;
  readonly each: readonly number[];
  readonly labels?: Readonly<Record<string, Label>>;
  readonly line: string;
  /** The place of the leaf that is billed, and dollars for a million. */
  readonly bills: number;
  readonly dollars: number;
  /** The unit of the line's quantity, and how many of what is billed make one. */
  readonly unit: string | null;
  readonly unitSize?: number;
}

export const otherUses: readonly OtherUse[] = [
  {
    api: 'embeddings',
    key: 'key_search_index',
    model: 'text-embedding-3-large',
    minutes: 30,
    perMinute: 22,
    each: [900],
    line: 'text-embedding-3-large, input',
    bills: 1,
    dollars: 0.13,
    unit: '1000_tokens',
    unitSize: 1_000,
  },
  {
    api: 'embeddings',
    key: 'key_search_prod',
    model: 'text-embedding-3-small',
    minutes: 58,
    perMinute: 33,
    each: [18],
    line: 'text-embedding-3-small, input',
    bills: 1,
    dollars: 0.02,
    unit: 'tokens',
  },
  {
    api: 'embeddings',
    key: 'key_docs_live',
    model: 'text-embedding-3-small',
    minutes: 24,
    perMinute: 6,
    each: [2_600],
    line: 'text-embedding-3-small, input',
    bills: 1,
    dollars: 0.02,
    unit: 'tokens',
  },
  {
    api: 'moderations',
    key: 'key_support_prod',
    model: 'omni-moderation-latest',
    minutes: 54,
    perMinute: 11,
    each: [160],
    line: 'omni-moderation-latest, input',
    bills: 1,
    dollars: 0,
    unit: null,
  },
  {
    api: 'images',
    key: 'key_mobile_ios',
    model: 'gpt-image-1',
    minutes: 5,
    perMinute: 2,
    each: [1.6],
    labels: { size: '1024x1024', source: 'image.generation' },
    line: 'gpt-image-1, images',
    bills: 1,
    dollars: 26_000,
    unit: 'images',
  },
  {
    api: 'images',
    key: 'key_research_emi',
    model: 'dall-e-3',
    minutes: 0.3,
    perMinute: 2,
    each: [1.2],
    labels: { size: '1792x1024', source: 'image.generation' },
    line: 'dall-e-3, images',
    bills: 1,
    dollars: 66_000,
    unit: null,
  },
  {
    api: 'audio_speeches',
    key: 'key_support_voice',
    model: 'tts-1',
    minutes: 9,
    perMinute: 2,
    each: [280],
    line: 'tts-1, characters',
    bills: 1,
    dollars: 15,
    unit: 'characters',
  },
  {
    api: 'audio_transcriptions',
    key: 'key_support_voice',
    model: 'whisper-1',
    minutes: 12,
    perMinute: 2,
    each: [75],
    line: 'whisper-1, seconds',
    bills: 1,
    dollars: 100,
    unit: 'duration_minutes',
    unitSize: 60,
  },
  {
    api: 'code_interpreter_sessions',
    key: 'key_research_ada',
    minutes: 0.8,
    perMinute: 2,
    each: [],
    line: 'code interpreter sessions',
    bills: 0,
    dollars: 30_000,
    unit: null,
  },
  {
    api: 'file_search_calls',
    key: 'key_support_prod',
    minutes: 30,
    perMinute: 3,
    each: [],
    labels: { vector_store_id: 'vs_handbook' },
    line: 'assistants api | file search',
    bills: 0,
    dollars: 2_500,
    unit: 'requests',
  },
  {
    api: 'file_search_calls',
    key: 'key_docs_live',
    minutes: 6,
    perMinute: 2,
    each: [],
    labels: { vector_store_id: 'vs_contracts' },
    line: 'assistants api | file search',
    bills: 0,
    dollars: 2_500,
    unit: 'requests',
  },
  {
    api: 'web_search_calls',
    key: 'key_search_prod',
    model: 'gpt-5-2025-08-07',
    minutes: 11,
    perMinute: 2,
    each: [1.7],
    labels: { context_level: 'medium', api_source: 'unlabeled' },
    line: 'web search tool calls',
    bills: 1,
    dollars: 10_000,
    unit: 'requests',
  },
];

/** The bytes that a project stores: at the start, and growth in an hour. */
export const vectorStores = [
  { projectId: 'proj_support', bytes: 4.2e9, growth: 3e5 },
  { projectId: 'proj_documents', bytes: 6.1e10, growth: 9e6 },
  { projectId: 'proj_research', bytes: 8e8, growth: 0 },
] as const;

/** Credits, of no project. */
export const adjustment: DrawnCosts = {
  projectId: null,
  lineItem: 'adjustment',
  apiKeyId: null,
  userId: null,
  apiSource: 'unlabeled',
  currency: 'usd',
  perDay: -1.5,
  unit: null,
  price: 1,
  style: 'adjustment',
};
