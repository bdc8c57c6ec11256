import { describe, expect, it } from 'vitest';
import { registerSecret } from '../../support/secrets.ts';
import type { ExampleDeployment } from './deployment.ts';

const ACQUIRER = 'system:serviceaccount:token-acquirer:token-acquirer';
const CLIENT = 'system:serviceaccount:billing:billing-app';
const URL_OF_REISSUE = 'https://token-acquirer.token-acquirer.svc:8443';
const TOKEN = '/v1/namespaces/billing/secrets/billing-tokens/tokens/dynamics';

/** What every ServiceAccount may do: nothing of it reads a Secret. */
const OF_EVERYONE = /^self(?:subject|node)|^clustertrustbundles/;

/** `resource[names] verbs`, sorted; what everyone may do is left out. */
async function rightsOf(example: ExampleDeployment, account: string, namespace: string): Promise<string[]> {
  const text = await example.cluster.kubectl([
    'auth',
    'can-i',
    '--list',
    '--no-headers',
    `--as=${account}`,
    `--namespace=${namespace}`,
    '--as-group=system:serviceaccounts',
    '--as-group=system:authenticated',
  ]);
  return text
    .split('\n')
    .map((line) => /^(\S*)\s+\[(.*?)\]\s+\[(.*?)\]\s+\[(.*?)\]/.exec(line))
    .flatMap((match) => (match === null || match[1] === '' ? [] : [match]))
    .filter(([, resource = '']) => !OF_EVERYONE.test(resource))
    .map(([, resource, , names, verbs]) => `${resource} [${names}] ${verbs?.split(' ').toSorted().join(' ')}`)
    .toSorted();
}

/** Looks at everything that a process in the container can read, and says where a needle is. */
const SEARCH = `
import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
const needles = JSON.parse(readFileSync(0, 'utf8'));
const found = [], seen = { files: 0 };
const look = (place, bytes) => { seen.files += 1; for (const [name, value] of Object.entries(needles)) if (bytes.includes(value)) found.push(name + ' in ' + place); };
// Piece by piece: the container has little memory.
const read = (path) => {
  const file = openSync(path), piece = Buffer.alloc(1 << 20), KEPT = 4096;
  let kept = 0;
  for (;;) {
    const more = readSync(file, piece, kept, piece.length - kept, null);
    look(path, piece.subarray(0, kept + more));
    if (more === 0) break;
    const end = kept + more;
    kept = Math.min(KEPT, end);
    piece.copy(piece, 0, end - kept, end);
  }
  closeSync(file);
};
const walk = (folder, depth) => {
  let entries; try { entries = readdirSync(folder); } catch { return; }
  for (const entry of entries) {
    const path = join(folder, entry);
    let stats; try { stats = lstatSync(path); } catch { continue; }
    if (stats.isDirectory() && !stats.isSymbolicLink()) { if (depth > 0) walk(path, depth - 1); continue; }
    // Pipes and devices have no end.
    try { if (!statSync(path).isFile()) continue; } catch { continue; }
    if (path.startsWith('/sys/') || (path.startsWith('/proc/') && !/^\\/proc\\/\\d+\\/(environ|cmdline|mounts|status)$/.test(path))) continue;
    try { read(path); } catch {}
  }
};
look('the environment', Buffer.from(JSON.stringify(process.env)));
walk('/', 12);
console.log(JSON.stringify({ found, ...seen, uid: process.getuid() }));
`;

/** Shows what the client app may read about its token, which is no secret. */
const SHOW = `
import { readFileSync } from 'node:fs';
console.log(readFileSync('/var/run/tokens/dynamics.json', 'utf8'));
`;

/** Calls an address, and shows what it answered. */
const CALL = `
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
const { url, method, bearer, ca, body } = JSON.parse(readFileSync(0, 'utf8'));
const token = bearer ?? readFileSync('/var/run/secrets/token-acquirer/token', 'utf8');
const options = { method, headers: { authorization: 'Bearer ' + token, 'content-type': 'application/json' }, timeout: 5000 };
if (ca === 'none') options.rejectUnauthorized = false; else options.ca = readFileSync('/var/run/tokens/ca.crt');
const call = request(url, options, (answer) => { answer.resume(); console.log(answer.statusCode); });
call.on('timeout', () => call.destroy(new Error('timeout')));
call.on('error', (error) => console.log(error.code ?? error.message));
call.end(body);
`;

interface CallFromClient {
  readonly url: string;
  readonly method?: string;
  readonly bearer?: string;
  readonly ca?: 'none';
  readonly body?: string;
}

async function callFromClient(example: ExampleDeployment, call: CallFromClient): Promise<string> {
  return (await example.inClient(CALL, JSON.stringify({ method: 'GET', ...call }))).trim();
}

async function tokenOf(example: ExampleDeployment, account: string, audience: string): Promise<string> {
  const token = await example.cluster.kubectl([
    'create',
    'token',
    account,
    '--namespace=billing',
    `--audience=${audience}`,
  ]);
  registerSecret(token.trim());
  return token.trim();
}

/** Who may do and reach what. */
export function describeBoundaries(
  example: () => ExampleDeployment,
  credential: () => Readonly<Record<string, string>>,
) {
  describe('the permissions of', () => {
    it.each<[string, string, string, readonly string[]]>([
      [
        'the token-acquirer in the client’s namespace are its Secret, pods and events',
        ACQUIRER,
        'billing',
        [
          'events [] create patch',
          'pods [] get list watch',
          'secrets [billing-tokens] get patch',
          'tokenreviews.authentication.k8s.io [] create',
        ],
      ],
      [
        'the token-acquirer in its own namespace are its own two Secrets, its Lease, and events',
        ACQUIRER,
        'token-acquirer',
        [
          'events [] create patch',
          'leases.coordination.k8s.io [token-acquirer] get update watch',
          'secrets [token-acquirer-ca] get patch',
          'secrets [token-acquirer-state] get patch',
          'tokenreviews.authentication.k8s.io [] create',
        ],
      ],
      [
        'the token-acquirer elsewhere are to ask who calls',
        ACQUIRER,
        'default',
        ['tokenreviews.authentication.k8s.io [] create'],
      ],
      ['the client in its namespace are none', CLIENT, 'billing', []],
      ['the client in the token-acquirer’s namespace are none', CLIENT, 'token-acquirer', []],
    ])('%s', async (_sentence, account, namespace, rights) => {
      const found = await rightsOf(example(), account, namespace);
      expect(found.flatMap(namesApart).toSorted()).toEqual(rights);
    });
  });

  describe('a process in the client’s container', () => {
    it('finds no credential in any file, environment or process', async () => {
      const result = JSON.parse(await example().inClient(SEARCH, JSON.stringify(credential()))) as Record<
        string,
        unknown
      >;
      expect(result).toMatchObject({ found: [], uid: 65532 });
      expect(result['files']).toBeGreaterThan(10);
    });

    // What the volume holds may be replaced between the two looks.
    it('finds what it searches for where it is', { retry: 2 }, async () => {
      const { sha256 } = JSON.parse(await example().inClient(SHOW, '{}')) as { sha256: string };
      const { found } = JSON.parse(await example().inClient(SEARCH, JSON.stringify({ sha256 }))) as { found: string[] };
      expect(found.some((place) => place.includes('/var/run/tokens'))).toBe(true);
    });

    it.each<[string, CallFromClient, RegExp]>([
      [
        'is not known to the API server that guards the Secrets of the token-acquirer',
        {
          url: 'https://kubernetes.default.svc/api/v1/namespaces/token-acquirer/secrets/dynamics-credentials',
          ca: 'none',
        },
        /^401$/,
      ],
      [
        'is not known to the API server that guards the Secrets of its own namespace',
        { url: 'https://kubernetes.default.svc/api/v1/namespaces/billing/secrets/billing-tokens', ca: 'none' },
        /^401$/,
      ],
      ['gets no stored token from the endpoint by a GET', { url: `${URL_OF_REISSUE}${TOKEN}` }, /^403$/],
      [
        'gets nothing of another Secret from the endpoint',
        {
          url: `${URL_OF_REISSUE}/v1/namespaces/shipping/secrets/shipping-tokens/tokens/dynamics/reissue`,
          method: 'POST',
          body: '{}',
        },
        /^403$/,
      ],
      [
        'finds no other path at the endpoint',
        { url: `${URL_OF_REISSUE}/etc/token-acquirer/credentials/dynamics/client_secret` },
        /^404$/,
      ],
    ])('%s', async (_sentence, call, answer) => {
      expect(await callFromClient(example(), call)).toMatch(answer);
    });

    it('finds the port of the endpoint at the Service, and not that of the status', async () => {
      const ports = 'jsonpath={.spec.ports[*].port}';
      const { kubectl } = example().cluster;
      expect(
        await kubectl(['get', 'service', 'token-acquirer', '--namespace=token-acquirer', `--output=${ports}`]),
      ).toBe('8443');
    });

    it.each([
      ['gets 403 as another ServiceAccount', 'default', 'token-acquirer.token-acquirer', '403'],
      ['is still known by the audience of version 0.1', 'default', 'token-acquirer', '403'],
      ['gets 401 with another audience, because the endpoint does not know it', 'billing-app', 'another', '401'],
      ['gets 401 with a token for the API server', 'billing-app', 'https://kubernetes.default.svc', '401'],
    ])('%s', async (_sentence, account, audience, status) => {
      const bearer = await tokenOf(example(), account, audience);
      const body = JSON.stringify({ rejected_sha256: '0'.repeat(64) });
      const call = { url: `${URL_OF_REISSUE}${TOKEN}/reissue`, method: 'POST', bearer, body };
      expect(await callFromClient(example(), call)).toBe(status);
    });
  });

  describe('under the Pod Security level restricted', () => {
    it.each([
      ['token-acquirer', 'token-acquirer'],
      ['billing', 'billing-app'],
    ])('which %s enforces, %s runs', async (namespace, name) => {
      const label = 'jsonpath={.metadata.labels.pod-security\\.kubernetes\\.io/enforce}';
      expect(await example().cluster.kubectl(['get', 'namespace', namespace, `--output=${label}`])).toBe('restricted');
      expect((await example().pods(namespace, name)).map(({ phase }) => phase)).toContain('Running');
    });
  });
}

/** `secrets [a b] get` is a permission for each. */
function namesApart(right: string): string[] {
  const [, resource, names = '', verbs] = /^(\S+) \[(.*)\] (.*)$/.exec(right) ?? [];
  return names.split(' ').map((name) => `${resource} [${name}] ${verbs}`);
}
