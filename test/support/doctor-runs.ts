import { CommandFailed, exitCodeOf } from '../../src/token-acquirer/cli/exit-codes.ts';
import { doctor } from '../../src/token-acquirer/doctor-main.ts';
import { type FakeKubernetesApi, type JsonObject, startKubernetesApi } from '../fakes/kubernetes-api.ts';
import { NAMESPACE } from './installed-objects.ts';
import { type LoopbackServer, startHttpServer } from './loopback-server.ts';

/** What came of a run of the doctor, which printed JSON. */
export interface DoctorResult {
  readonly code: number;
  readonly checks: readonly {
    readonly check: string;
    readonly result: string;
    readonly findings: readonly { readonly subject: string; readonly message: string; readonly fix: string }[];
    readonly unchecked: readonly string[];
  }[];
  readonly text: string;
}

export type DoctorOptions = Parameters<typeof doctor>[0];

/** Runs the doctor in this process. Throws what it throws where it could check nothing. */
export async function runDoctor(given: Partial<DoctorOptions>): Promise<DoctorResult> {
  let text = '';
  const output = { out: (part: string) => void (text += part), error: () => {} };
  let code = 0;
  try {
    await doctor({ namespace: NAMESPACE, output: 'json', ...given }, output);
  } catch (error) {
    if (!(error instanceof CommandFailed) || error.message !== '') throw error;
    code = exitCodeOf(error);
  }
  return { code, text, checks: (JSON.parse(text) as Pick<DoctorResult, 'checks'>).checks };
}

/** The names of the checks that found something. */
export function failedChecks({ checks }: DoctorResult): string[] {
  return checks.filter(({ result }) => result === 'failed').map(({ check }) => check);
}

/** An authorization server that only has its metadata. */
export async function startIssuer(): Promise<LoopbackServer> {
  const server = await startHttpServer((request, response) => {
    const { url } = server;
    const isMetadata = request.url === '/.well-known/openid-configuration';
    response.setHeader('content-type', 'application/json');
    response.end(isMetadata ? JSON.stringify({ issuer: url, token_endpoint: `${url}/token` }) : '{}');
  });
  return server;
}

/** An API server that answers questions about permissions in this way. */
export async function startReviewingApi(isAllowed: (spec: JsonObject) => boolean): Promise<FakeKubernetesApi> {
  const fake = await startKubernetesApi({ user: 'ann@example.com' });
  fake.intercept(({ path, body }) => {
    if (!path.endsWith('accessreviews')) return undefined;
    const { spec = {} } = JSON.parse(body) as { spec?: JsonObject };
    return { status: 201, body: { status: { allowed: isAllowed(spec) } } };
  });
  return fake;
}
