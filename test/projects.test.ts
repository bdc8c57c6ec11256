import childProcess, { execFile, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { matchesGlob } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CLUSTER_SETUP, PROJECTS } from './projects.ts';

const files = globSync('test/**/*.test.ts').toSorted();

function projectsOf(file: string): string[] {
  const has = (globs: readonly string[]): boolean => globs.some((glob) => matchesGlob(file, glob));
  return PROJECTS.filter(({ include, exclude }) => has(include) && !has(exclude)).map(({ name }) => name);
}

/** Prepare a cluster for the tests that ask for it. */
const PREPARED = ['cluster', 'faults-slow'];

describe('the projects of the tests', () => {
  it.each(files)('have %s exactly once', (file) => {
    expect(projectsOf(file)).toHaveLength(1);
  });

  it('name no file that does not exist', () => {
    const named = PROJECTS.flatMap(({ include, exclude }) => [...include, ...exclude]);
    expect(named.filter((glob) => globSync(glob).length === 0)).toEqual([]);
  });

  it.each(['test/core', 'test/token-acquirer'])('have %s in the fast one, except what starts a process', (folder) => {
    const others = files.filter((file) => file.startsWith(`${folder}/`) && projectsOf(file).join() !== 'fast');
    expect(others).toEqual(folder === 'test/core' ? [] : ['test/token-acquirer/quoted-arguments.test.ts']);
  });

  it('have every file that needs the cluster in one that prepares it', () => {
    const inCluster = files.filter((file) => /\b(?:describeInCluster|testCluster)\(/.test(readFileSync(file, 'utf8')));
    expect(inCluster.length).toBeGreaterThan(20);
    expect(inCluster.filter((file) => !PREPARED.includes(projectsOf(file).join()))).toEqual([]);
  });

  it('prepare a cluster for no other tests', () => {
    const preparing = PROJECTS.filter(({ globalSetup }) => globalSetup.includes(CLUSTER_SETUP));
    expect(preparing.map(({ name }) => name)).toEqual(PREPARED);
  });
});

describe('a test of the fast project', () => {
  const STARTED = /A test of the project fast called child_process\.\w+\./;

  it.each<[string, () => unknown]>([
    ['spawn', () => spawn('true')],
    ['spawnSync', () => spawnSync('true')],
    ['execFile', () => execFile('true')],
    ['fork', () => fork('none.ts')],
    ['exec, of the whole module', () => childProcess.exec('true')],
  ])('starts no process by %s', (_, start) => {
    expect(start).toThrow(STARTED);
  });

  it.each<[string, () => unknown]>([
    ['a name', () => connect({ host: 'registry.npmjs.org', port: 443 })],
    ['an address', () => connect(443, '192.0.2.1')],
  ])('connects to no other machine by %s', (_, open) => {
    expect(open).toThrow(/A test of the project fast connected to /);
  });

  it('connects to this machine', async () => {
    const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await once(socket, 'connect');
    socket.destroy();
    server.close();
  });
});
