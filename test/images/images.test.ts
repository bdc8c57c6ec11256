import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { NODE_FLAGS } from '../../src/build.ts';
import { nodeBaseImage } from '../cluster/base-image.ts';
import { outputOf } from '../cluster/command.ts';
import { docker, needDocker } from '../cluster/docker.ts';
import { realParts } from '../real/real-parts.ts';
import { keepText } from '../support/outputs.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';
import { type Builder, buildersHere, buildWith } from './builders.ts';

const MINUTE = 60_000;
const MOST = 60_000_000;
/** As a restricted pod runs it. */
const RESTRICTED = ['--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges', '--network=none'];

const PROGRAMS = [
  { target: 'client-app', dockerfile: 'Dockerfile.client-app', file: 'client-app.mjs', later: [] },
  {
    target: 'token-acquirer',
    dockerfile: 'Dockerfile.token-acquirer',
    file: 'token-acquirer.cjs',
    // What it loads only in a cluster.
    later: ['kubernetes-client.cjs'],
  },
  { target: 'example-services', dockerfile: 'Dockerfile.token-acquirer', file: 'example-services.mjs', later: [] },
] as const;

const { path: folder, remove } = temporaryDirectory();
afterAll(remove);

/** Of the images of only these tests, so that none is taken from under another test. */
const tagOf = (target: string, builder: Builder['name'] = 'the classic builder'): string =>
  `local/images-test-${target}:${builder === 'BuildKit' ? 'buildkit' : 'classic'}`;

describe('the images', { timeout: 2 * MINUTE }, () => {
  const part = realParts(async () => {
    await needDocker();
    const base = await nodeBaseImage();
    const builders = await buildersHere();
    for (const builder of builders) {
      for (const { target, dockerfile } of PROGRAMS) {
        await buildWith(builder, { dockerfile, target, base, tag: tagOf(target, builder.name) });
      }
    }
    return {
      builders,
      async stop() {
        const tags = builders.flatMap(({ name }) => PROGRAMS.map(({ target }) => tagOf(target, name)));
        await docker(['image', 'rm', '--force', ...tags]);
      },
    };
  });
  const containers: string[] = [];

  afterEach(async () => {
    const names = containers.splice(0);
    if (names.length > 0) await docker(['rm', '--force', '--volumes', ...names]);
  });

  function newName(): string {
    const name = `images-test-${randomUUID()}`;
    containers.push(name);
    return name;
  }

  /** Paths with their modes and sizes, as `tar` lists them; of directories and files. */
  async function listing(tag: string): Promise<string[]> {
    const name = newName();
    await docker(['create', '--name', name, tag]);
    const script = 'docker export "$1" | tar --list --verbose --numeric-owner';
    const text = await outputOf({ program: 'bash', args: ['-o', 'pipefail', '-c', script, 'list', name] });
    return text.trim().split('\n');
  }

  /** Of the files only; Docker puts its own into each container. */
  async function filesIn(tag: string): Promise<string[]> {
    const files = (await listing(tag)).filter((line) => line.startsWith('-')).map((line) => line.split(/\s+/)[5] ?? '');
    return files
      .filter((path) => !/^(?:\.dockerenv|etc\/(?:hosts|hostname|resolv\.conf)|dev\/console)$/.test(path))
      .toSorted();
  }

  async function configurationOf(tag: string): Promise<Record<string, unknown>> {
    return JSON.parse(await docker(['image', 'inspect', '--format', '{{json .Config}}', tag])) as Record<
      string,
      unknown
    >;
  }

  const eachBuilder = async (check: (builder: Builder) => Promise<void>): Promise<void> => {
    for (const builder of part().builders) await check(builder);
  };

  describe.each(PROGRAMS)('of $target', ({ target, file, later }) => {
    it('are the same from each builder', async () => {
      // The cache is named for the processor and the version.
      const plain = (paths: string[]): string[] =>
        paths.map((path) => path.replace(/compile-cache\/.*/, 'compile-cache/'));
      const classic = plain(await filesIn(tagOf(target)));
      await eachBuilder(async ({ name }) => expect(plain(await filesIn(tagOf(target, name)))).toEqual(classic));
    });

    it('hold one program, and no shell, package manager or other command', async () => {
      const files = await filesIn(tagOf(target));
      const commands = files.filter((path) => /(?:^|\/)s?bin\//.test(path));
      expect(commands).toEqual(['usr/local/bin/node', `usr/local/bin/${target}`].toSorted());
      const own = files.filter((path) => path.startsWith('app/') && !path.includes('compile-cache'));
      expect(own).toEqual([...later, file].map((name) => `app/${name}`).toSorted());
      expect(files.filter((path) => /node_modules|\.ts$|package.*\.json|\bnpm\b/.test(path))).toEqual([]);
    });

    it('belong to root, so that what runs can change nothing', async () => {
      const lines = (await listing(tagOf(target))).filter((line) => /\s(?:app|usr|lib|etc\/passwd)/.test(line));
      expect(lines.length).toBeGreaterThan(10);
      for (const line of lines) expect(line).toMatch(/^[-d]r[w-][x-]r-[x-]r-[x-]\s+0\/0\s/);
    });

    it('start the program with its flags, as a user of a number', async () => {
      await eachBuilder(async ({ name }) => {
        expect(await configurationOf(tagOf(target, name))).toMatchObject({
          User: '65532:65532',
          Entrypoint: ['/usr/local/bin/node', ...NODE_FLAGS, `/app/${file}`],
          Labels: { 'org.opencontainers.image.title': target, 'org.opencontainers.image.version': '0.1.0' },
        });
      });
    });

    it('weigh less than 60 MB to pull', async () => {
      const script = 'docker save "$1" | gzip | wc -c';
      const args = ['-o', 'pipefail', '-c', script, 'weigh', tagOf(target)];
      const bytes = Number(await outputOf({ program: 'bash', args }));
      expect(bytes).toBeGreaterThan(20_000_000);
      expect(bytes).toBeLessThan(MOST);
    });

    it('list what is in them', async () => {
      const script = `process.stdout.write(fs.readFileSync('/usr/share/sbom/${target}.cdx.json'))`;
      const args = ['run', '--rm', ...RESTRICTED, '--entrypoint=/usr/local/bin/node', tagOf(target), '-e', script];
      const bill = JSON.parse(await docker(args)) as { bomFormat: string; components: { name: string }[] };
      expect(bill.bomFormat).toBe('CycloneDX');
      const names = bill.components.map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining(['node', 'openssl']));
      expect(names.some((name) => /^libc6$|libc\.so/.test(name))).toBe(true);
    });
  });

  /** Starts a container as a restricted pod would; resolves with its name once its log has this. */
  async function start(tag: string, options: readonly string[], args: readonly string[], log: RegExp): Promise<string> {
    const name = newName();
    await docker(['run', '--detach', '--name', name, ...RESTRICTED, ...options, tag, ...args]);
    await until(`${log} in the log of ${tag}`, async () => log.test(await docker(['logs', name])), MINUTE);
    return name;
  }

  /** Milliseconds from the signal to the end, which must be an orderly one. */
  async function stopped(name: string): Promise<number> {
    const began = performance.now();
    await docker(['stop', '--time=20', name]);
    const took = performance.now() - began;
    keepText(`log of ${name}`, await docker(['logs', name]));
    expect((await docker(['inspect', '--format', '{{.State.ExitCode}} {{.State.OOMKilled}}', name])).trim()).toBe(
      '0 false',
    );
    return took;
  }

  const CLIENT = ['SERVICE_URL=http://127.0.0.1:9/', 'TOKEN_NAME=dynamics', 'TOKEN_DIRECTORY=/none'].map(
    (variable) => `--env=${variable}`,
  );

  it('of the client app run read-only and without permissions, and end within ten seconds of SIGTERM as the first process', async () => {
    const name = await start(tagOf('client-app'), CLIENT, [], /"listening"/);
    const script = 'console.log(process.getuid(), process.getgid(), fs.readFileSync("/proc/1/comm", "utf8").trim())';
    const seen = await docker(['exec', name, '/usr/local/bin/node', '-e', script]);
    expect(seen).toMatch(/^65532 65532 \S/);
    expect(await stopped(name)).toBeLessThan(10_000);
  });

  /** What a token-acquirer without a cluster needs. The authorization server that it names rejects connections. */
  function workplace(): string {
    const place = join(folder, randomUUID());
    mkdirSync(join(place, 'credentials/dynamics'), { recursive: true });
    writeFileSync(join(place, 'credentials/dynamics/client_id'), 'billing');
    writeFileSync(join(place, 'credentials/dynamics/client_secret'), secret('client-secret'));
    const token = {
      name: 'dynamics',
      authorizationServer: 'corporate',
      credential: 'dynamics',
      grant: 'client_credentials',
      secret: { namespace: 'billing', name: 'billing-tokens' },
    };
    const servers = { corporate: { tokenEndpoint: 'http://127.0.0.1:9/token' } };
    writeFileSync(join(place, 'config.yaml'), JSON.stringify({ authorizationServers: servers, tokens: [token] }));
    // Read by another user.
    for (const path of [folder, place]) chmodSync(path, 0o755);
    return place;
  }

  it('of the token-acquirer run so, too', async () => {
    const options = [
      `--volume=${workplace()}:/work:ro`,
      '--tmpfs=/data:uid=65532,gid=65532,mode=0700',
      '--memory=192m',
    ];
    const args = ['run', '--config=/work/config.yaml', '--credentials=/work/credentials'];
    const folders = ['--token-directory=/data/tokens', '--state=/data/state', '--listen=127.0.0.1:0'];
    const name = await start(tagOf('token-acquirer'), options, [...args, ...folders], /"listening"/);
    expect(await stopped(name)).toBeLessThan(10_000);
  });

  it('of the token-acquirer have their compiled code with them', async () => {
    const name = newName();
    const options = ['--name', name, ...RESTRICTED, '--env=NODE_DEBUG_NATIVE=COMPILE_CACHE'];
    // Without a file that it could read, but not before it has loaded what it reads such a file with.
    const args = ['run', '--config=/absent', '--credentials=/etc', '--kubeconfig=/absent'];
    await docker(['run', '--detach', ...options, tagOf('token-acquirer'), ...args]);
    await docker(['wait', name]);
    const script = 'docker logs "$1" 2>&1';
    const log = await outputOf({ program: 'bash', args: ['-c', script, 'log', name] });
    expect(log).toMatch(/token-acquirer\.cjs was accepted/);
    expect(log).toMatch(/kubernetes-client\.cjs was accepted/);
    expect(log).not.toMatch(/rejected/);
  });

  it('answer `kubectl exec` by the name of the program, without a shell', async () => {
    const name = await start(tagOf('client-app'), CLIENT, [], /"listening"/);
    expect(await docker(['exec', name, 'client-app', '--help'])).toMatch(/^Usage: client-app\n/);
    for (const command of ['sh', '/bin/sh', 'npm', 'ls']) {
      await expect(docker(['exec', name, command])).rejects.toThrow(/ended with code 12[67]/);
    }
  });

  it('of the client app hold no code that handles credentials, in whatever file', async () => {
    const script = `
      const marks = ['client_secret', 'openid-client', 'oauth4webapi', 'client-node', 'grant_type', 'refresh_token'];
      const found = [];
      const places = fs.readdirSync('/').filter((name) => !/^(?:proc|sys|dev|\\.dockerenv)$/.test(name));
      for (const place of places) for (const name of fs.readdirSync('/' + place, { recursive: true })) {
        const path = place + '/' + name;
        if (path === 'usr/local/bin/node' || !fs.statSync('/' + path).isFile()) continue;
        const text = fs.readFileSync('/' + path, 'latin1');
        for (const mark of marks) if (text.includes(mark)) found.push(mark + ' in ' + path);
      }
      console.log(JSON.stringify(found));`;
    const look = (target: string): Promise<string> =>
      docker(['run', '--rm', ...RESTRICTED, '--entrypoint=/usr/local/bin/node', tagOf(target), '-e', script]);
    expect(JSON.parse(await look('client-app'))).toEqual([]);
    expect(JSON.parse(await look('token-acquirer'))).toContain('client_secret in app/token-acquirer.cjs');
  });
});
