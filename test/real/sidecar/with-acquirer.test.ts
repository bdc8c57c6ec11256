import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { AcquirerProcess } from '../../e2e/acquirer-process.ts';
import { type Stage, stages } from '../../e2e/stage.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../../support/certificates.ts';
import { until } from '../../support/until.ts';
import { installEnvoy } from '../install/envoy.ts';
import { realParts, stopAll } from '../real-parts.ts';
import { REISSUE_HOST, type Sidecar, startSidecar } from './sidecar.ts';

const SOON = 20_000;
const ROUNDS = 4;
/** The token-acquirer takes revocations that follow faster for a gateway that never accepts its tokens. */
const APART = 2100;

interface Place {
  readonly stage: Stage;
  readonly acquirer: AcquirerProcess;
  readonly sidecar: Sidecar;
  /** The token in the volume. */
  stored(): string;
  list(headers?: Record<string, string>): Promise<number>;
  report(title: string): Promise<number>;
}

describe('the Envoy sidecar, with a token-acquirer', () => {
  realParts(async () => {
    await installEnvoy();
    return { stop: async () => {} };
  });
  const { open, closeAll } = stages();
  const sidecars: Sidecar[] = [];
  let authority: CertificateAuthority;
  beforeAll(() => {
    authority = createCertificateAuthority();
  });
  afterEach(async () => {
    await stopAll(sidecars.splice(0));
    await closeAll();
  });
  afterAll(() => authority.remove());

  async function openPlace(lifetime = 600, { traces = false } = {}): Promise<Place> {
    const stage = await open({ lifetime });
    const { root, callerToken } = stage.workplace;
    const endpoint = { certificateFile: join(root, 'tls.crt'), privateKeyFile: join(root, 'tls.key') };
    const { cert, key } = authority.issue(`DNS:${REISSUE_HOST},IP:127.0.0.1`);
    writeFileSync(endpoint.certificateFile, cert);
    writeFileSync(endpoint.privateKeyFile, key);
    stage.workplace.configure(stage.configuration({ beside: { endpoint } }));
    const acquirer = stage.acquirer(traces ? ['--log-traces'] : []);
    const reissuePort = Number(new URL(await acquirer.url('reissue')).port);
    await acquirer.logged('token-stored');
    const callerTokenDirectory = join(root, 'caller');
    mkdirSync(callerTokenDirectory);
    copyFileSync(callerToken, join(callerTokenDirectory, 'token'));
    copyFileSync(authority.caFile, join(callerTokenDirectory, 'ca.crt'));
    const sidecar = await startSidecar({
      program: await installEnvoy(),
      tokenDirectory: stage.workplace.volume(),
      callerTokenDirectory,
      reissuePort,
      ownCa: true,
      routes: [{ name: 'desk', upstream: stage.gateway.url }],
      more: { traces },
    });
    sidecars.push(sidecar);
    const statusOf = async (init?: RequestInit): Promise<number> => {
      const response = await fetch(`${sidecar.url}/desk/incidents`, init);
      await response.arrayBuffer();
      return response.status;
    };
    return {
      stage,
      acquirer,
      sidecar,
      stored: () => readFileSync(join(stage.workplace.volume(), 'dynamics'), 'utf8'),
      list: (headers = {}) => statusOf({ headers }),
      report: (title) => statusOf({ method: 'POST', body: JSON.stringify({ title }) }),
    };
  }

  const reissues = ({ acquirer }: Place): number =>
    acquirer.lines.filter(({ event, trigger }) => event === 'token-issued' && trigger === 'reissue').length;

  it('executes each call once that was made with a revoked token', { timeout: 60_000 }, async () => {
    const place = await openPlace();
    const { url } = place.stage.service;
    const known = async (): Promise<number> => {
      const response = await fetch(`${url}/incidents`);
      return ((await response.json()) as { incidents: unknown[] }).incidents.length;
    };
    const before = await known();
    for (let round = 1; round <= ROUNDS; round += 1) {
      await place.stage.revoke(place.stored());
      expect(await place.report(`round ${round}`)).toBe(201);
      expect(await known()).toBe(before + round);
      await pause(APART);
    }
    expect(reissues(place)).toBe(ROUNDS);
  });

  it('leads from the trace of a rejected request to the lines of the reissue, the request and the write', async () => {
    const place = await openPlace(600, { traces: true });
    const [trace_id, span_id] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];
    await place.stage.revoke(place.stored());
    expect(await place.list({ traceparent: `00-${trace_id}-${span_id}-01` })).toBe(200);
    await place.acquirer.logged('reissue');
    const followed = place.acquirer.lines.filter((line) => line['trace_id'] === trace_id);
    expect(new Set(followed.map(({ event }) => event))).toEqual(new Set(['reissue', 'token-issued', 'token-stored']));
    for (const line of followed) expect(line).toMatchObject({ span_id, trace_flags: '01' });
  });

  it('fails no call while tokens of 3 s are renewed and expire', { timeout: 60_000 }, async () => {
    const place = await openPlace(3);
    const statuses = new Set<number>();
    let calls = 0;
    const end = performance.now() + 10_000;
    while (performance.now() < end) {
      statuses.add(await place.list());
      calls += 1;
    }
    expect([...statuses]).toEqual([200]);
    expect(calls).toBeGreaterThan(20);
    expect(place.stage.server.counts.tokenRequests).toBeGreaterThan(3);
  });

  it('causes few token requests while the gateway rejects every token', { timeout: 60_000 }, async () => {
    const place = await openPlace();
    expect(await place.list()).toBe(200);
    const before = place.stage.server.counts.tokenRequests;
    place.stage.rejectAll(true);
    const statuses = await Promise.all(Array.from({ length: 20 }, () => place.list()));
    expect(new Set(statuses)).toEqual(new Set([401]));
    expect(place.stage.server.counts.tokenRequests - before).toBeLessThanOrEqual(4);
    place.stage.rejectAll(false);
    await until('a success', async () => (await place.list()) === 200, SOON);
  });
});
