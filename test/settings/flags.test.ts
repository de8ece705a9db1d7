import { expect, test } from 'vitest';
import { allFlags, commands, flagsOf, variableOf } from '../../src/settings/flags.ts';
import { helpText } from '../../src/settings/help.ts';

test('the flags are those that do something', () => {
  expect(allFlags.map((flag) => flag.name)).toEqual([
    'openai.base-url',
    'openai.allow-http',
    'openai.organization',
    'openai.timeout',
    'openai.max-requests-per-minute',
    'poll.interval',
    'poll.idle-interval',
    'poll.settle-delay',
    'poll.apis',
    'poll.group-by',
    'poll.project-ids',
    'poll.user-ids',
    'poll.api-key-ids',
    'poll.models',
    'poll.batch',
    'counters.anchor',
    'counters.zero-hold',
    'state.file',
    'series.max-groups',
    'names.refresh',
    'names.user-email',
    'names.all-rate-limits',
    'budget.monthly',
    'budget.monthly-project',
    'live',
    'live.token-file',
    'live.labels',
    'live.max-groups',
    'organizations.file',
    'organizations.shard',
    'organizations.total-shards',
    'organization',
    'web.listen-address',
    'web.telemetry-path',
    'web.external-url',
    'web.config.file',
    'web.max-requests',
    'log.level',
    'log.format',
    'demo.speed',
    'demo.organizations',
    'from',
    'to',
    'bucket-width',
    'output',
    'labels',
    'resume',
  ]);
});

test('each has a variable of its own', () => {
  expect(new Set(allFlags.map(variableOf)).size).toBe(allFlags.length);
  expect(variableOf({ name: 'poll.group-by' })).toBe('OPENAI_EXPORTER_POLL_GROUP_BY');
});

test.each(allFlags)('the default of --$name is a value like any other', (flag) => {
  if (flag.defaultText === undefined) expect(flag.fallback).toBeUndefined();
  else expect(flag.fromText.parse(flag.defaultText)).toEqual(flag.fallback);
});

test('the help fits a screen and names every flag and command', () => {
  const lines = helpText().split('\n');
  expect(lines.length).toBeLessThanOrEqual(60);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  for (const { name, commands, rare } of allFlags) {
    // What one command alone uses, or few people, is in the help of its commands, to which this one points.
    if (rare === true || commands.length === 1) continue;
    expect(helpText()).toMatch(new RegExp(`--(\\[no-\\])?${name}[= ]`));
  }
  for (const command of commands) expect(helpText()).toMatch(new RegExp(`^  ${command} `, 'm'));
});

test.each(commands)('the help of %s names its flags and no others', (command) => {
  const named = [...helpText(command).matchAll(/^ {2}--(?:\[no-\])?([a-z.-]+)/gm)].map(([, name]) => name);
  expect(named).toEqual(flagsOf(command).map((flag) => flag.name));
});
