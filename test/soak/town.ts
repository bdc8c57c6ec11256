import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Scope } from '../bench/benchmark.ts';
import { buildProgram } from '../bench/parts/acquirer.ts';
import { type Part, startPartFile } from '../bench/parts/parts.ts';
import { volumeRoot } from '../bench/parts/place.ts';
import { freePort } from '../support/free-port.ts';
import { SoakedAcquirer } from './acquirer.ts';
import type { CallerAsk, CallerInstructions, CallerReport } from './parts/caller-messages.ts';
import type { ServerAsk, ServerInstructions, ServerReady } from './parts/server-messages.ts';
import { type App, makeApps, Place, registeredClient } from './place.ts';

export interface TownOptions {
  readonly tokens: number;
  /** Of a token, in seconds. */
  readonly lifetime: number;
  /** Calls a second, over all clients. */
  readonly rate: number;
  /** Whether this process may mount file systems that end with it. */
  readonly mayMount: boolean;
}

/** A process that calls through the gateway. */
export interface Caller {
  readonly name: string;
  readonly pid: number;
  readonly by: 'library' | 'reader';
  ask(what: CallerAsk['what']): Promise<CallerReport>;
}

/** Where an app belongs. */
export interface Belonging {
  readonly app: App;
  readonly acquirer: SoakedAcquirer;
  /** The client process that calls with its token. */
  readonly client: string;
}

/** Everything that runs. */
export interface Town {
  /** The first one is never killed, so that its memory can be watched. */
  readonly acquirers: readonly SoakedAcquirer[];
  readonly callers: readonly Caller[];
  readonly others: readonly { readonly name: string; readonly pid: number }[];
  readonly belongings: ReadonlyMap<string, Belonging>;
  askServer<Answer>(ask: ServerAsk): Promise<Answer>;
}

/** For used refresh tokens, in seconds; longer than a kill and the pauses after it. */
const GRACE = 60;
const CLIENTS = 4;
/** Of the calls, those of the program without the library. */
const READER_SHARE = 0.05;
const DISK = '4m';
/** With its garbage collected every few seconds, the memory of a client shows what it keeps. */
const COLLECTING = ['--expose-gc', '--max-semi-space-size=1'];

/** Starts everything, each part in its own process. All of it goes with the scope. */
export async function openTown(scope: Scope, options: TownOptions): Promise<Town> {
  const { tokens, lifetime } = options;
  const root = mkdtempSync(join(volumeRoot(), 'token-acquirer-soak-'));
  scope.add(() => rmSync(root, { recursive: true, force: true }));
  const half = Math.ceil(tokens / 2);
  const groups = [makeApps(0, half), makeApps(half, tokens - half)];
  const apps = groups.flat();
  const instructions: ServerInstructions = {
    clients: apps.map(registeredClient),
    users: apps.map(({ name, password }) => ({ username: name, password })),
    lifetime,
    grace: GRACE,
  };
  const [server, program] = await Promise.all([
    startPartFile<ServerReady>(scope, partFile('authorization-server'), instructions),
    buildProgram(scope),
  ]);
  const { gateway, tokenEndpoint } = server.ready;
  const acquirers: SoakedAcquirer[] = [];
  for (const [index, group] of groups.entries()) {
    const name = index === 0 ? 'token-acquirer' : 'token-acquirer (killed)';
    const ports = { reissue: await freePort(), status: await freePort() };
    const place = new Place({ root: join(root, String(index)), apps: group, tokenEndpoint, grace: GRACE, ports });
    if (options.mayMount) mountDisk(scope, place.disk);
    place.prepare();
    await giveRefreshTokens(server, place);
    const acquirer = new SoakedAcquirer(name, program, place);
    acquirers.push(acquirer);
    scope.add(() => acquirer.end('SIGKILL'));
  }
  await Promise.all(acquirers.map((acquirer) => acquirer.start()));
  const { callers, belongings } = await startCallers(scope, acquirers, {
    gateway,
    rate: options.rate,
  });
  return {
    acquirers,
    callers,
    others: [{ name: 'authorization server', pid: server.pid }],
    belongings,
    askServer: (ask) => server.ask(ask),
  };
}

function partFile(name: string): string {
  return join(import.meta.dirname, 'parts', `${name}-main.ts`);
}

function mountDisk(scope: Scope, folder: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK},mode=0750`, 'tmpfs', folder]);
  scope.add(() => execFileSync('umount', ['--lazy', folder]));
}

async function giveRefreshTokens(server: Part<ServerReady>, place: Place): Promise<void> {
  for (const app of place.apps) {
    if (app.grant !== 'refresh_token') continue;
    const ask: ServerAsk = { what: 'refresh-token', client: app.name, username: app.name };
    place.writeCredential(app, 'refresh_token', await server.ask<string>(ask));
  }
}

async function startCallers(
  scope: Scope,
  acquirers: readonly SoakedAcquirer[],
  { gateway, rate }: { readonly gateway: string; readonly rate: number },
): Promise<Pick<Town, 'callers' | 'belongings'>> {
  const belongings = new Map<string, Belonging>();
  const groups: Belonging[][] = Array.from({ length: CLIENTS }, () => []);
  for (const acquirer of acquirers) {
    for (const [index, app] of acquirer.place.apps.entries()) {
      const client = index % CLIENTS;
      const belonging = { app, acquirer, client: `client ${client + 1}` };
      belongings.set(app.name, belonging);
      groups[client]?.push(belonging);
    }
  }
  const start = async (name: string, by: Caller['by'], group: readonly Belonging[], share: number): Promise<Caller> => {
    const tokens = group.map(({ app, acquirer }) => acquirer.place.calledToken(app));
    const instructions: CallerInstructions = { tokens, gateway, rate: rate * share };
    const file = partFile(by === 'library' ? 'client' : 'reader');
    const part = await startPartFile(scope, file, instructions, { node: COLLECTING });
    return { name, by, pid: part.pid, ask: (what) => part.ask<CallerReport>({ what } satisfies CallerAsk) };
  };
  const share = (1 - READER_SHARE) / CLIENTS;
  const callers = await Promise.all([
    ...groups.map((group, index) => start(`client ${index + 1}`, 'library', group, share)),
    start('plain reader', 'reader', [...belongings.values()], READER_SHARE),
  ]);
  return { callers, belongings };
}
