import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import { toVolumeData } from '../../../src/core/token-volume.ts';
import { AtomicWriter } from '../../support/atomic-writer.ts';
import { freshToken } from '../../support/client-side.ts';
import { secret } from '../../support/secrets.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { installEnvoy } from '../install/envoy.ts';
import { stopAll } from '../real-parts.ts';
import { SMUGGLED } from './attacks.ts';
import { startSidecar } from './sidecar.ts';
import { type Arrived, type RawProtocol, startWireRecord } from './wire-record.ts';

/** How long an answer may be silent before it counts as ended. */
const SILENCE = 150;

/** A sidecar before a service that keeps what comes, byte by byte. */
export type AttackedPlace = Awaited<ReturnType<typeof openAttackedPlace>>;

export async function openAttackedPlace(protocol: RawProtocol) {
  const program = await installEnvoy();
  const folder = temporaryDirectory();
  const directories = {
    tokenDirectory: join(folder.path, 'tokens'),
    callerTokenDirectory: join(folder.path, 'caller'),
  };
  const token = freshToken();
  new AtomicWriter(directories.tokenDirectory).write(toVolumeData('dynamics', token));
  mkdirSync(directories.callerTokenDirectory);
  writeFileSync(join(directories.callerTokenDirectory, 'token'), secret('caller-token'));
  const service = await startWireRecord(token.accessToken.reveal(), protocol);
  const routes = [{ name: 'service', upstream: service.url }];
  const sidecar = await startSidecar({ program, ...directories, routes });
  return {
    port: sidecar.port,
    probePort: sidecar.probePort,
    /** That the sidecar serves. */
    host: `127.0.0.1:${sidecar.port}`,
    service,
    async stop() {
      await stopAll([service, sidecar]);
      folder.remove();
    },
  };
}

/** What comes back for these bytes, until the connection ends or is silent. */
export async function exchange(port: number, bytes: string | Buffer, silence = SILENCE): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  let answer = '';
  let last = performance.now();
  socket.on('data', (part: Buffer) => {
    answer += part.toString('latin1');
    last = performance.now();
  });
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  while (!socket.destroyed && performance.now() - last < silence) await pause(10);
  socket.destroy();
  return answer;
}

/** What arrived: each request has our Authorization, no other, and nothing that is like one. */
export function takeOurs({ service }: AttackedPlace): Arrived {
  const arrived = service.take();
  const { bytes, requests } = arrived;
  expect(requests.map(({ authorizations }) => authorizations)).toEqual(requests.map(() => ['authorization: ours']));
  const head = bytes.slice(0, bytes.search(/\r?\n\r?\n/));
  // Also for a parser that ends lines where ours does not.
  const lines = head.split(/[\r\n]+/).filter((line) => /^[_\W]*(?:proxy[-_])?authorization[_\W]*:/i.test(line));
  if (bytes !== '') expect(lines).toEqual(['authorization: Bearer ours']);
  expect(requests.map(({ path }) => path)).not.toContain(SMUGGLED);
  const host = new URL(service.url).host;
  expect(requests.map((request) => request.host)).toEqual(requests.map(() => host));
  return arrived;
}
