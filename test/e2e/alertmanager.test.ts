/** Alertmanager's own tool on its configuration: it is valid, and each alert of ours goes where its severity says. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { rules } from '../helpers/rules.ts';
import { findTool } from '../helpers/tools.ts';

const amtool = findTool('amtool', 'prometheus-alertmanager');
const file = fileURLToPath(new URL('../../deploy/alertmanager/alertmanager.yml', import.meta.url));

function ask(...args: readonly string[]): { readonly status: number | null; readonly out: string } {
  const { status, stdout } = spawnSync(amtool ?? '', [...args], { encoding: 'utf8' });
  return { status, out: stdout };
}

describe.skipIf(amtool === undefined)('amtool', () => {
  test('finds no fault in the configuration and its templates', () => {
    const { status, out } = ask('check-config', file);
    expect([status, out]).toEqual([0, expect.stringContaining('SUCCESS')]);
    expect(out).toMatch(/1 templates/);
    expect(out).toMatch(/3 receivers/);
  });

  test('finds none in the configuration that sends nothing', () => {
    const { status, out } = ask('check-config', file.replace('alertmanager.yml', 'quiet.yml'));
    expect([status, out]).toEqual([0, expect.stringMatching(/quiet\.yml.*SUCCESS.*1 receivers/s)]);
  });

  const receivers: Readonly<Record<string, string>> = { critical: 'page', warning: 'notify', info: 'record' };
  const routed = rules.flatMap(({ alert, labels }) =>
    alert === undefined ? [] : [[alert, labels?.['severity'] ?? ''] as const],
  );

  test.each([...routed, ['AlertOfSomebodyElse', 'high'] as const])(
    '%s (%s) is routed by severity',
    (alert, severity) => {
      const { status, out } = ask(
        ...[
          'config',
          'routes',
          'test',
          `--config.file=${file}`,
          `--verify.receivers=${receivers[severity] ?? 'notify'}`,
        ],
        ...[`alertname=${alert}`, `severity=${severity}`, 'job=exporter', 'project_id=proj_a'],
      );
      expect([status, out.trim()]).toEqual([0, receivers[severity] ?? 'notify']);
    },
  );
});
