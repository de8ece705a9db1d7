/** The image, built from the Dockerfile and run as the documents say, and what it answers to what people get wrong. */
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { replaceAll } from '../../deploy/stack/configuration.ts';
import { freePort } from '../../deploy/stack/programs.ts';
import { documentAt, fenceWith } from '../helpers/documents.ts';
import { parseExposition } from '../helpers/exposition-parser.ts';
import { startHttpServer } from '../helpers/http-server.ts';
import { startScriptedApi, testKey } from '../helpers/scripted-api.ts';
import { wallClock } from '../helpers/test-clock.ts';
import { buildArguments, revision, version } from './build.ts';
import { docker, engineAnswers, image, run } from './docker.ts';
import { type Container, containerOf, hardened, newVolume, startContainer } from './engine.ts';

const documented = fenceWith(documentAt('docs/deploy.md'), 'docker run');
const folder = '/var/lib/openai-usage-exporter';
/** A key's file, for this user alone. */
function keyFile(owner: number): string {
  const directory = mkdtempSync(join(tmpdir(), 'key-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  chmodSync(directory, 0o755);
  const file = join(directory, 'key');
  writeFileSync(file, testKey, { mode: 0o400 });
  chownSync(file, owner, owner);
  return file;
}

/** The options with which it serves on the machine's own network, where it can reach an API of the test. */
async function onHost(environment: Readonly<Record<string, string>>) {
  const port = await freePort();
  const all = { ...environment, OPENAI_EXPORTER_WEB_LISTEN_ADDRESS: `127.0.0.1:${port}` };
  const options = Object.entries(all).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
  return { options: ['--network=host', ...options], url: `http://127.0.0.1:${port}` };
}

/** An exporter that serves the numbers of an API without any, until the test ends. */
async function serving(...options: readonly string[]): Promise<Container & { readonly url: string }> {
  const api = await startScriptedApi({ clock: wallClock });
  onTestFinished(() => api.close());
  const host = await onHost({
    OPENAI_BASE_URL: api.url,
    OPENAI_ADMIN_KEY_FILE: '/run/secrets/key',
    OPENAI_EXPORTER_OPENAI_MAX_REQUESTS_PER_MINUTE: '600',
  });
  const mount = `${keyFile(65_532)}:/run/secrets/key:ro`;
  const container = await startContainer([...hardened, ...host.options, '--volume', mount, ...options]);
  return { ...container, url: host.url };
}

describe.skipIf(!engineAnswers)('the image', () => {
  test('is small, says what it is, and runs as a number', async () => {
    const { Size, Config, Architecture } = JSON.parse(
      await docker('image', 'inspect', '--format', '{{json .}}', image),
    );
    expect(Size).toBeLessThan(170e6);
    expect(Config.User).toBe('65532:65532');
    expect(Config.Labels).toMatchObject({
      'org.opencontainers.image.version': version,
      'org.opencontainers.image.revision': revision,
      'org.opencontainers.image.base.name': expect.stringMatching(/^gcr\.io\/distroless\//),
    });
    expect({ x64: 'amd64', arm64: 'arm64' }[process.arch as string]).toBe(Architecture);
    process.stdout.write(`it has ${(Size / 1e6).toFixed(0)} MB\n`);
  });

  test('holds the program and what it needs at run time, no more', async () => {
    const id = await docker('create', image);
    onTestFinished(async () => {
      await docker('rm', id);
    });
    const { out } = await run('sh', ['-c', `docker export ${id} | tar -t`]);
    const files = new Set(out.split('\n'));
    expect(files).toContain('app/dist/main.js');
    expect(files).toContain('app/node_modules/express/package.json');
    for (const tool of ['typescript', 'vitest', '@biomejs', '@types', 'openai']) {
      expect(files).not.toContain(`app/node_modules/${tool}/`);
    }
    expect(files).not.toContain('app/src/');
    expect([...files].filter((file) => /^app\/.*\.(?:[cm]?ts|map)$/.test(file))).toEqual([]);
    expect([...files].filter((file) => file.startsWith(folder.slice(1)))).toEqual([`${folder.slice(1)}/`]);
  });

  test('tells its version and the revision that it was built from', async () => {
    expect(await docker('run', '--rm', ...hardened, image, '--version')).toBe(
      `openai-usage-exporter ${version} (${revision})`,
    );
  });

  // Nothing of the program depends on it, so that nothing has to be run to build it.
  test('can be built for another architecture', async () => {
    const other = `${image}:other`;
    const base = ['--platform=linux/arm64', '--build-arg=RUN_IMAGE=stand-in/arm64'];
    await docker('build', ...buildArguments, ...base, '--tag', other, '.');
    expect(await docker('image', 'inspect', '--format', '{{.Architecture}} {{.Config.User}}', other)).toBe(
      'arm64 65532:65532',
    );
  });
});

describe.skipIf(!engineAnswers)('as docs/deploy.md has it', () => {
  test('it is built, serves on its port, and is healthy', async () => {
    onTestFinished(async () => {
      await run('docker', ['rm', '--force', image]);
      await run('docker', ['volume', 'rm', 'openai-state']);
    });
    const commands = replaceAll(documented, [
      // An engine without a way out of its own builds by the machine's.
      ['docker build ', 'docker build --network=host '],
      ['/etc/openai-usage-exporter/key', keyFile(65_532)],
      // Nobody is asked.
      ['docker run -d ', 'docker run -d -e OPENAI_BASE_URL=http://127.0.0.1:9/v1 '],
    ]);
    const { code, err } = await run('sh', ['-ec', commands]);
    expect([code, err]).toEqual([0, expect.anything()]);
    const container = containerOf(image);
    await container.healthy();
    expect(await (await fetch('http://127.0.0.1:9185/metrics')).text()).toContain('openai_exporter_build_info');
    expect(await docker('exec', image, '/nodejs/bin/node', '/app/dist/main.js', 'health')).toBe('');
    const { code: ended, seconds } = await container.stop();
    expect(ended).toBe(0);
    expect(seconds).toBeLessThan(5);
  });
});

describe.skipIf(!engineAnswers)('run without rights, on files that it cannot write', () => {
  test('it serves, is healthy, keeps its state in the volume, and stops within 5 s', async () => {
    const volume = await newVolume();
    const first = await serving('--volume', `${volume}:${folder}`);
    await first.healthy();
    expect(await first.log()).not.toContain('cannot be written');
    const state = () => run('docker', ['cp', `${first.id}:${folder}/state`, '-']);
    await vi.waitFor(async () => expect((await state()).code).toBe(0), { timeout: 60_000, interval: 500 });
    const { code, seconds } = await first.stop();
    expect(code).toBe(0);
    expect(seconds).toBeLessThan(5);

    const second = await serving('--volume', `${volume}:${folder}`);
    await second.healthy();
    const log = await second.log();
    expect(log).not.toContain('does not exist yet');
    expect(log).not.toContain('cannot be written');
  });
});

describe.skipIf(!engineAnswers)('what people get wrong', () => {
  test('no key: it says what to set, and ends with 2', async () => {
    const container = await startContainer(hardened);
    expect(await container.ended()).toBe(2);
    expect(await container.log()).toContain('OPENAI_ADMIN_KEY_FILE');
  });

  test('a key that only root can read: it says who cannot read what, and ends with 2', async () => {
    const mount = `${keyFile(0)}:/run/secrets/key:ro`;
    const container = await startContainer([
      ...hardened,
      '--volume',
      mount,
      '--env=OPENAI_ADMIN_KEY_FILE=/run/secrets/key',
    ]);
    expect(await container.ended()).toBe(2);
    const log = await container.log();
    expect(log).toMatch(/^OPENAI_ADMIN_KEY_FILE: \/run\/secrets\/key .*user 65532/m);
    expect(log).not.toContain(testKey);
  });

  test.each([
    ['a volume that is read-only', async () => ['--volume', `${await newVolume()}:${folder}:ro`]],
    ['no volume', async () => []],
  ])('%s: it serves, and says what a restart will look like', async (_what, options) => {
    const container = await serving(...(await options()));
    await container.healthy();
    await vi.waitFor(
      async () => {
        const page = parseExposition(await (await fetch(`${container.url}/metrics`)).text());
        expect(page.value('openai_exporter_state_file_errors_total')).toBeGreaterThan(0);
      },
      { timeout: 60_000, interval: 500 },
    );
    expect(await container.log()).toMatch(/state file \/var\/lib\/\S+ cannot be written: .*restart may look like/);
    expect((await container.stop()).code).toBe(0);
  });

  test('too little memory: it says how much it needs, and ends with 2', async () => {
    const container = await startContainer([...hardened, '--memory=64m'], 'demo');
    expect([await container.ended(), await container.log()]).toEqual([2, expect.stringMatching(/64 MiB.*--memory/)]);
  });

  test('a port that is taken: it says which, and ends with 1', async () => {
    const other = await startHttpServer(() => {});
    onTestFinished(() => other.close());
    const listen = `--env=OPENAI_EXPORTER_WEB_LISTEN_ADDRESS=127.0.0.1:${other.port}`;
    const container = await startContainer([...hardened, '--network=host', listen], 'demo');
    expect(await container.ended()).toBe(1);
    expect(await container.log()).toContain(`127.0.0.1:${other.port}: the port is in use`);
  });
});
