/** The unit of deploy/systemd, as far as it can be judged without a running systemd. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { replaceAll } from '../../deploy/stack/configuration.ts';
import { findTool } from '../helpers/tools.ts';

const analyze = findTool('systemd-analyze', 'systemd');

test.skipIf(analyze === undefined)('systemd finds no fault in the unit', () => {
  const folder = mkdtempSync(join(tmpdir(), 'unit-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const name = 'openai-usage-exporter.service';
  const unit = readFileSync(new URL(`../../deploy/systemd/${name}`, import.meta.url), 'utf8');
  const file = join(folder, name);
  // Node may be elsewhere on this machine.
  writeFileSync(file, replaceAll(unit, [['/usr/bin/node', process.execPath]]));
  const { status, stdout, stderr } = spawnSync(analyze ?? '', ['verify', '--man=no', file], { encoding: 'utf8' });
  expect([status, stdout, stderr]).toEqual([0, '', '']);
});
