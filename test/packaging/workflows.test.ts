/** The workflows of GitHub: a linter's judgement, pinned actions, no more permissions than a job needs. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';
import { findBuiltTool } from '../helpers/tools.ts';

const directory = fileURLToPath(new URL('../../.github/workflows/', import.meta.url));
const step = z.looseObject({
  uses: z.string().optional(),
  run: z.string().optional(),
  with: z.record(z.string(), z.unknown()).optional(),
});
const workflow = z.looseObject({
  permissions: z.strictObject({}),
  jobs: z.record(
    z.string(),
    z.looseObject({
      permissions: z.record(z.string(), z.enum(['read', 'write'])),
      'timeout-minutes': z.number().optional(),
      environment: z.string().optional(),
      uses: z.string().optional(),
      steps: z.array(step).optional(),
    }),
  ),
});
const workflows = readdirSync(directory).map((name) => {
  const text = readFileSync(`${directory}${name}`, 'utf8');
  return { name, text, parsed: workflow.parse(parse(text)) };
});
const jobs = workflows.flatMap(({ name, parsed }) =>
  Object.entries(parsed.jobs).map(([job, what]) => ({ name: `${name}: ${job}`, ...what })),
);
const steps = jobs.flatMap((job) => (job.steps ?? []).map((each) => ({ job: job.name, ...each })));

test('there is one for every change and one for a release', () => {
  expect(workflows.map(({ name }) => name).sort()).toEqual(['ci.yml', 'release.yml']);
});

test('every action is pinned to a commit, with its version beside it', () => {
  const lines = workflows.flatMap(({ text }) => text.split('\n').filter((line) => /\buses: (?!\.\/)/.test(line)));
  expect(lines.length).toBeGreaterThan(5);
  for (const line of lines) expect(line).toMatch(/uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
});

test('an action has one version everywhere', () => {
  const versions = new Map<string, Set<string>>();
  for (const { uses } of steps) {
    const [action = '', version = ''] = uses?.split('@') ?? [];
    versions.set(action, (versions.get(action) ?? new Set()).add(version));
  }
  for (const [action, used] of versions) expect([action, used.size]).toEqual([action, 1]);
});

test('what publishes waits for CI and for somebody who approves, and nothing else may write', () => {
  const writing = jobs.filter(({ permissions }) => Object.values(permissions).includes('write'));
  expect(writing.map(({ name }) => name)).toEqual([
    'release.yml: npm',
    'release.yml: image',
    'release.yml: chart',
    'release.yml: release',
  ]);
  for (const job of writing) expect([job.name, job.environment]).toEqual([job.name, 'release']);
  for (const { name, uses, ...job } of jobs.filter((each) => each.uses === undefined)) {
    expect([name, job['timeout-minutes']]).toEqual([name, expect.any(Number)]);
  }
  for (const each of steps.filter(({ uses }) => uses?.startsWith('actions/checkout@'))) {
    expect([each.job, each.with]).toEqual([each.job, { 'persist-credentials': false }]);
  }
});

test('no script holds an expression: what it names could hold a command', () => {
  for (const { job, run } of steps) expect([job, run ?? '']).toEqual([job, expect.not.stringContaining('${{')]);
});

test('every script of package.json that a workflow runs is there', () => {
  const { scripts } = z
    .object({ scripts: z.record(z.string(), z.string()) })
    .parse(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')));
  const run = steps.flatMap(({ run: text = '' }) => [...text.matchAll(/npm run (?:--silent )?([\w:-]+)/g)]);
  expect(run.length).toBeGreaterThan(1);
  for (const [, name] of run) expect(Object.keys(scripts)).toContain(name);
});

test('each form for an issue asks for something, and says what is required', () => {
  const forms = fileURLToPath(new URL('../../.github/ISSUE_TEMPLATE/', import.meta.url));
  const field = z.looseObject({ type: z.enum(['markdown', 'input', 'textarea']), id: z.string().optional() });
  const form = z.strictObject({
    name: z.string(),
    description: z.string(),
    labels: z.array(z.string()),
    body: z.array(field),
  });
  for (const name of readdirSync(forms).filter((file) => file !== 'config.yml')) {
    const { body } = form.parse(parse(readFileSync(`${forms}${name}`, 'utf8')));
    expect(
      body.some((each) => z.object({ validations: z.object({ required: z.literal(true) }) }).safeParse(each).success),
    ).toBe(true);
  }
});

test('updates are looked for where there is something to update', () => {
  const manifests: Readonly<Record<string, string>> = {
    npm: 'package-lock.json',
    gomod: 'go.mod',
    docker: 'Dockerfile',
    'docker-compose': 'compose.yaml',
    'github-actions': '.github/workflows',
  };
  const { updates } = z
    .object({ updates: z.array(z.looseObject({ 'package-ecosystem': z.string(), directory: z.string() })) })
    .parse(parse(readFileSync(new URL('../../.github/dependabot.yml', import.meta.url), 'utf8')));
  expect(updates.map((each) => each['package-ecosystem']).sort()).toEqual(Object.keys(manifests).sort());
  for (const { 'package-ecosystem': ecosystem, directory: from } of updates) {
    expect(existsSync(new URL(`../..${from}/${manifests[ecosystem]}`, import.meta.url)), ecosystem).toBe(true);
  }
});

const actionlint = findBuiltTool('actionlint');

describe.skipIf(actionlint === undefined)('actionlint', () => {
  test('finds nothing to say', () => {
    const files = workflows.map(({ name }) => `${directory}${name}`);
    const { status, stdout, stderr } = spawnSync(actionlint ?? '', ['-no-color', ...files], { encoding: 'utf8' });
    expect([status, stdout, stderr]).toEqual([0, '', '']);
  });
});
