import { registerSecret } from '../../support/secrets.ts';
import type { Row } from '../benchmark.ts';
import { milliseconds } from '../report/numbers.ts';
import { quantile } from '../statistics.ts';
import type { ClusterPlace } from './cluster-place.ts';

const WARM_UP = 2;
export const REVOCATIONS = 30;
const A_SECOND = 1000;

/**
 * Runs in the client app's container, with the credential that only this brings there. In turns: revokes the current
 * token, once the token-acquirer may ask for another (a second apart) and while the last came by renewal (a reissued one
 * that is rejected within 10 s is taken for a gateway's error); and, when the client app has recovered, takes the least
 * way by hand: a rejected call, a token request with its own connection, a call.
 */
const ROUNDS = `
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
const { id, secret, rounds } = JSON.parse(readFileSync(0, 'utf8'));
const issuer = 'https://authorization-server.example-services.svc';
const service = process.env.SERVICE_URL;
const authorization = 'Basic ' + Buffer.from(id + ':' + secret).toString('base64');
const form = 'application/x-www-form-urlencoded';
const volume = '/var/run/tokens/';
const present = () => JSON.parse(readFileSync(volume + 'dynamics.json', 'utf8'));
const call = async (token, status) => {
  const answer = await fetch(service, { headers: { authorization: 'Bearer ' + token } });
  await answer.arrayBuffer();
  if (answer.status !== status) throw new Error('The call was answered ' + answer.status + ' instead of ' + status + '.');
};
const requestToken = () => new Promise((resolve, reject) => {
  const headers = { authorization, 'content-type': form };
  request(issuer + '/token', { method: 'POST', agent: false, headers }, (answer) => {
    let body = '';
    answer.on('data', (part) => { body += part; });
    answer.on('end', () => resolve(JSON.parse(body).access_token));
  }).on('error', reject).end('grant_type=client_credentials');
});
const next = async (after) => {
  while (present().generation <= after) await pause(10);
  return present();
};
const floors = [];
let last = present().generation;
for (let round = 0; round < rounds; round += 1) {
  const { generation, issued_at } = await next(last);
  const token = readFileSync(volume + 'dynamics', 'utf8');
  await pause(Math.max(0, Date.parse(issued_at) + 1050 - Date.now()));
  const revoked = await fetch(issuer + '/token/revocation', { method: 'POST', headers: { authorization }, body: new URLSearchParams({ token }) });
  await revoked.arrayBuffer();
  const reissued = await next(generation);
  last = reissued.generation;
  await pause(100);
  const began = performance.now();
  await call(token, 401);
  await call(await requestToken(), 200);
  floors.push(performance.now() - began);
}
console.log(JSON.stringify(floors));
`;

/** From the client app's log, with the floor by hand from the same container. */
export async function clusterRecovery({ cluster, example }: ClusterPlace): Promise<Row[]> {
  const [id, secret] = await Promise.all(['client_id', 'client_secret'].map((key) => credential(cluster, key)));
  registerSecret(secret ?? '');
  const from = new Date();
  const input = JSON.stringify({ id, secret, rounds: WARM_UP + REVOCATIONS });
  const floors = (JSON.parse(await example.inClient(ROUNDS, input)) as number[]).slice(WARM_UP);
  const cured = (await example.calls(from)).filter(({ requests }) => requests > 1).slice(WARM_UP);
  const failed = cured.filter(({ ok }) => !ok).length;
  if (failed > 0 || cured.length < REVOCATIONS * 0.9) {
    throw new Error(`Of ${REVOCATIONS} revocations the client app saw ${cured.length}, and ${failed} were not cured.`);
  }
  return rowsOf(
    cured.map(({ took_ms }) => took_ms),
    floors,
  );
}

async function credential(cluster: ClusterPlace['cluster'], key: string): Promise<string> {
  const where = ['secret', 'dynamics-credentials', '--namespace=token-acquirer', `--output=jsonpath={.data.${key}}`];
  return Buffer.from(await cluster.kubectl(['get', ...where]), 'base64').toString('utf8');
}

function rowsOf(ours: readonly number[], floors: readonly number[]): Row[] {
  const row = (name: string, share: number): Row => {
    const [mine, floor] = [quantile(ours, share), quantile(floors, share)];
    return {
      name,
      ours: milliseconds(mine),
      reference: `${milliseconds(floor)} (floor)`,
      ratio: mine / floor,
      against: 'floor',
    };
  };
  const most = quantile(ours, 0.99);
  return [
    row('revoked → success, p50', 0.5),
    row('revoked → success, p99', 0.99),
    {
      name: 'revoked → success, p99, compared with a second',
      ours: milliseconds(most),
      reference: `${milliseconds(A_SECOND)} (goal)`,
      ratio: most / A_SECOND,
      goal: { text: '≤ 1 s', ratio: 1, met: most <= A_SECOND },
    },
  ];
}
