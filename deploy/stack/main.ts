/**
 * `npm run stack`: the demonstration with Prometheus and Alertmanager as they are installed, configured by the files
 * beside this folder. Messages of alerts are printed. Runs until it is told to stop, and leaves nothing behind.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { defaultLinks } from '../prometheus/links.ts';
import {
  alertmanagerConfiguration,
  hurriedConfiguration,
  hurriedRules,
  prometheusConfiguration,
  receiverFiles,
} from './configuration.ts';
import { loadHistory } from './history.ts';
import { startAlertmanager, startPrometheus } from './monitoring.ts';
import { findProgram, freePort, type Running, startProgram } from './programs.ts';
import { startReceiver } from './receiver.ts';

/** The folder of the package, in which npm runs this. */
const root = process.cwd();
const deploy = resolve(root, 'deploy');

/** The budgets of the demonstration: enough for the month of one project, too little for the other. */
const budgets = ['--budget.monthly=9000', '--budget.monthly-project=proj_search=400,proj_mobile=900'];

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(told: Promise<string>): Promise<void> {
  findProgram(['prometheus'], 'prometheus');
  findProgram(['prometheus-alertmanager', 'alertmanager'], 'prometheus-alertmanager');
  const directory = mkdtempSync(join(tmpdir(), 'openai-usage-exporter-'));
  const running: Running[] = [];
  const receiver = await startReceiver(({ receiver, title, text }) => {
    print(`\nmessage for ${receiver}: ${title}\n${text.trim().replaceAll(/^/gm, '  ')}`);
  });
  try {
    const exporter = await freePort(9185);
    const prometheus = await freePort(9090);
    const alertmanager = await freePort(9093);
    const write = (name: string, text: string): string => {
      const path = join(directory, name);
      writeFileSync(path, text);
      return path;
    };
    for (const name of receiverFiles) write(name, `${receiver.url}/${name.replace('_url', '')}`);

    running.push(
      await startProgram({
        name: 'the exporter',
        path: process.execPath,
        args: [
          join(root, 'dist/main.js'),
          'demo',
          `--web.listen-address=127.0.0.1:${exporter}`,
          '--log.format=text',
          ...budgets,
        ],
        log: join(directory, 'exporter.log'),
        readyUrl: `http://127.0.0.1:${exporter}/-/ready`,
      }),
    );
    print('A month of history is being made: about half a minute.');
    await loadHistory({
      directory,
      data: join(directory, 'prometheus'),
      metricsUrl: `http://127.0.0.1:${exporter}/metrics`,
      job: 'openai-usage-exporter',
      instance: `127.0.0.1:${exporter}`,
    });
    const toAlertmanager = alertmanagerConfiguration(
      readFileSync(join(deploy, 'alertmanager/alertmanager.yml'), 'utf8'),
      { secrets: directory, templates: join(deploy, 'alertmanager/templates') },
    );
    running.push(
      await startAlertmanager({
        directory,
        configuration: write('alertmanager.yml', toAlertmanager),
        port: alertmanager,
      }),
    );
    const rules = join(directory, 'rules');
    mkdirSync(rules);
    for (const name of readdirSync(join(deploy, 'prometheus/rules'))) {
      const text = readFileSync(join(deploy, 'prometheus/rules', name), 'utf8');
      const runbooks = defaultLinks.runbooks.replace('localhost:9090', `127.0.0.1:${prometheus}`);
      write(`rules/${name}`, hurriedRules(text).replaceAll(defaultLinks.runbooks, runbooks));
    }
    const toPrometheus = prometheusConfiguration(readFileSync(join(deploy, 'prometheus/prometheus.yml'), 'utf8'), {
      exporter: `127.0.0.1:${exporter}`,
      prometheus: `127.0.0.1:${prometheus}`,
      alertmanager: `127.0.0.1:${alertmanager}`,
      rules,
    });
    running.push(
      await startPrometheus(
        {
          directory,
          configuration: write('prometheus.yml', hurriedConfiguration(toPrometheus)),
          port: prometheus,
        },
        join(root, 'docs'),
      ),
    );

    print(`exporter      http://127.0.0.1:${exporter}/  (a demonstration: every number is simulated)`);
    print(`Prometheus    http://127.0.0.1:${prometheus}/`);
    print(`Alertmanager  http://127.0.0.1:${alertmanager}/`);
    print('Boards for a Grafana of yours are in grafana/dashboards. Messages of alerts follow; stop with Ctrl-C.');

    const end = await Promise.race([
      told.then((reason) => ({ reason, failed: false })),
      ...running.map(async ({ name, ended }) => ({ reason: `${name} ${await ended}`, failed: true })),
    ]);
    print(`\n${end.reason}: stopping`);
    if (end.failed) process.exitCode = 1;
  } finally {
    await Promise.all(running.map(({ stop }) => stop()));
    await receiver.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

const told = new Promise<string>((resolve) => {
  // Not once: npm passes on what the terminal has sent already, and a second signal must not cut the cleaning up short.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve(`${signal} received`));
});
main(told).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
