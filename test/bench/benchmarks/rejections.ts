import { setTimeout as pause } from 'node:timers/promises';
import { allowInsecureRequests, ClientSecretBasic, Configuration, clientCredentialsGrant } from 'openid-client';
import { authorizedFetch } from '../../../src/client/index.ts';
import type { Benchmark, Row } from '../benchmark.ts';
import { openTown, type Town } from '../parts/town.ts';
import { number } from '../report/numbers.ts';

const CALLS = 1000;
/** A token request for the same token is never closer than this to the one before. */
const REST = 1000;

export const rejections: Benchmark = {
  name: 'rejections',
  title: `Token requests for ${number(CALLS)} calls that are rejected together`,
  method: [
    `One token is revoked, and ${number(CALLS)} clients, each with its own token source, call through the gateway together; then as many calls of one client.`,
    `Compared with: ${number(CALLS)} clients, each with its own openid-client configuration, that request their own token after the 401. Counted by the authorization server.`,
  ],
  async run({ scope, tell }) {
    tell('authorization server, gateway and token-acquirer');
    const town = await openTown(scope, 2);
    await pause(REST);
    tell(`${number(CALLS)} clients`);
    const peers = await count(town, () => callByPeers(town));
    const clients = await count(town, () => callByClients(town));
    const calls = await count(town, () => callByOne(town));
    return [
      rowOf(`requests, ${number(CALLS)} clients`, clients, peers),
      rowOf(`requests, ${number(CALLS)} calls of one client`, calls, peers),
      recoveredRow(`recovered, ${number(CALLS)} clients`, clients, peers),
      recoveredRow(`recovered, ${number(CALLS)} calls of one client`, calls, peers),
    ];
  },
};

interface Outcome {
  readonly requests: number;
  readonly recovered: number;
}

async function count(town: Town, call: () => Promise<readonly number[]>): Promise<Outcome> {
  const before = await town.tokenRequests();
  const statuses = await call();
  const requests = (await town.tokenRequests()) - before;
  return { requests, recovered: statuses.filter((status) => status === 200).length };
}

function rowOf(name: string, ours: Outcome, peers: Outcome): Row {
  const goal = { text: 'exactly 1', ratio: 1 / CALLS, met: ours.requests === 1 };
  const ratio = ours.requests / peers.requests;
  return { name, ours: number(ours.requests), reference: number(peers.requests), ratio, against: 'peer', goal };
}

function recoveredRow(name: string, ours: Outcome, peers: Outcome): Row {
  const goal = { text: `all ${number(CALLS)}`, ratio: 1, met: ours.recovered === CALLS };
  const ratio = ours.recovered / peers.recovered;
  return { name, ours: number(ours.recovered), reference: number(peers.recovered), ratio, goal };
}

async function callByClients(town: Town): Promise<readonly number[]> {
  const clients = await Promise.all(Array.from({ length: CALLS }, () => town.client(0)));
  await town.revoke(clients[0]?.source.current().accessToken.reveal() ?? '');
  const statuses = await atOnce((call) => statusOf(clients[call]?.call(town.service)));
  for (const client of clients) client.close();
  return statuses;
}

async function callByOne(town: Town): Promise<readonly number[]> {
  const { source } = await town.client(1);
  const call = authorizedFetch(source, { origins: [new URL(town.service).origin] });
  await town.revoke(source.current().accessToken.reveal());
  return atOnce(() => statusOf(call(town.service)));
}

/** What an application does that holds the credentials itself: one more try, with its own token. */
async function callByPeers(town: Town): Promise<readonly number[]> {
  const { tokenEndpoint, credentials } = town;
  const server = { issuer: new URL(tokenEndpoint).origin, token_endpoint: tokenEndpoint };
  const rejected = `${(await town.client(0)).source.current().accessToken.reveal()}x`;
  return atOnce(async () => {
    const configuration = new Configuration(server, credentials.id, {}, ClientSecretBasic(credentials.secret));
    // oxlint-disable-next-line typescript/no-deprecated -- plain http on loopback
    allowInsecureRequests(configuration);
    const first = await statusOf(callWith(town, rejected));
    if (first !== 401) return first;
    try {
      const { access_token: token } = await clientCredentialsGrant(configuration);
      return await statusOf(callWith(town, token));
    } catch {
      return 401;
    }
  });
}

function callWith(town: Town, token: string): Promise<Response> {
  return fetch(town.service, { headers: { authorization: `Bearer ${token}` } });
}

async function statusOf(answer: Promise<Response> | undefined): Promise<number> {
  try {
    const response = await answer;
    await response?.arrayBuffer();
    return response?.status ?? 0;
  } catch {
    return 0;
  }
}

function atOnce(call: (number: number) => Promise<number>): Promise<readonly number[]> {
  return Promise.all(Array.from({ length: CALLS }, (_, index) => call(index)));
}
