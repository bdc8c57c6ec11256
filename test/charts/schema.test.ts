import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chartReference, chartSchema, chartValues } from '../../src/docs/chart-schema.ts';
import { withWords } from '../../src/docs/pattern-words.ts';
import { CommandFailed, run } from '../real/install/run.ts';
import { realParts } from '../real/real-parts.ts';
import { failure } from '../support/failure.ts';
import { CHART, HELMS, minimal, openChart, tokenWith } from './chart.ts';
import { helmBinaries } from './helm.ts';
import { valuesFiles } from './values-files.ts';

const read = (file: string): string => readFileSync(join(CHART, file), 'utf8');
const VALUES = read('values.yaml');
const FILES = valuesFiles();

/** What is wrong, the values, and where each helm says that it is: helm 3 with dots, helm 4 as a JSON pointer. */
const WRONG: readonly (readonly [string, object, string])[] = [
  ['a key that there is not', { imge: { repository: 'a' } }, 'imge'],
  ['a misspelt key further down', { image: { repositry: 'a' } }, 'image.repositry'],
  ['a misspelt key of the configuration', minimal({}, { token: [] }), 'config.token'],
  [
    'a misspelt key of an authorization server',
    minimal({}, { authorizationServers: { corporate: { isuer: 'https://login.example.com' } } }),
    'config.authorizationServers.corporate.isuer',
  ],
  ['a misspelt key of a token', minimal({}, { tokens: [tokenWith({ scpe: 'a' })] }), 'config.tokens.0.scpe'],
  ['a grant that there is not', minimal({}, { tokens: [tokenWith({ grant: 'implicit' })] }), 'config.tokens.0.grant'],
  ['a name that is no label', minimal({}, { tokens: [tokenWith({ name: 'Dynamics!' })] }), 'config.tokens.0.name'],
  [
    'a name that is too long',
    minimal({}, { tokens: [tokenWith({ secret: { namespace: 'a'.repeat(64), name: 'b' } })] }),
    'config.tokens.0.secret.namespace',
  ],
  [
    'an interval that is no duration',
    minimal({}, { tokens: [tokenWith({ renewal: { interval: '10 minutes' } })] }),
    'config.tokens.0.renewal.interval',
  ],
  [
    'a percentage without its sign',
    minimal({}, { tokens: [tokenWith({ renewal: { at: '67' } })] }),
    'config.tokens.0.renewal.at',
  ],
  [
    'an issuer with plain http',
    minimal({}, { authorizationServers: { corporate: { issuer: 'http://login.example.com' } } }),
    'config.authorizationServers.corporate.issuer',
  ],
  [
    'a token type that needs a proof',
    minimal(
      {},
      { authorizationServers: { corporate: { issuer: 'https://login.example.com', bearerTokenTypes: ['DPoP'] } } },
    ),
    'config.authorizationServers.corporate.bearerTokenTypes',
  ],
  [
    'an issuer with a password in it',
    minimal({}, { authorizationServers: { corporate: { issuer: 'https://me:secret@login.example.com' } } }),
    'config.authorizationServers.corporate.issuer',
  ],
  ['tokens that are neither a list nor a mapping', minimal({}, { tokens: 'dynamics' }), 'config.tokens'],
  [
    'a misspelt key of a token in a mapping',
    minimal({}, { tokens: { dynamics: tokenWith({ scpe: 'a' }) } }),
    'config.tokens.dynamics.scpe',
  ],
  [
    'a grant that there is not in a mapping',
    minimal({}, { tokens: { dynamics: tokenWith({ grant: 'implicit' }) } }),
    'config.tokens.dynamics.grant',
  ],
  ['a number for a text', { image: { tag: 1.2 } }, 'image.tag'],
  ['a text for a switch', { secret: { keep: 'yes' } }, 'secret.keep'],
  ['a port out of range', { service: { port: 70_000 } }, 'service.port'],
  ['a digest without its algorithm', { image: { digest: 'abc' } }, 'image.digest'],
  [
    'a render mode that there is not',
    { metrics: { serviceMonitor: { renderMode: 'always' } } },
    'metrics.serviceMonitor.renderMode',
  ],
  ['a label that is no text', { podLabels: { team: 1 } }, 'podLabels.team'],
  [
    'a credential in the values',
    { credentials: { dynamics: { client_secret: 'a' } } },
    'credentials.dynamics.client_secret',
  ],
  [
    'an address without its length',
    { networkPolicy: { apiServer: { cidrs: ['10.0.0.1'] } } },
    'networkPolicy.apiServer.cidrs.0',
  ],
  [
    'no port of the API server, which a policy takes for every port',
    { networkPolicy: { apiServer: { ports: [] } } },
    'networkPolicy.apiServer.ports',
  ],
  [
    'a life of the projected token that is too short',
    { workloadIdentity: { entra: { expirationSeconds: 60 } } },
    'workloadIdentity.entra.expirationSeconds',
  ],
  [
    'a switch of the nudge that is a text',
    minimal({}, { propagation: { nudge: 'please' } }),
    'config.propagation.nudge',
  ],
];

describe.each(HELMS)('the values, checked by %s,', (name) => {
  const chart = realParts(() => openChart(name));

  it.each(WRONG)('%s is rejected with its path', async (_, values, path) => {
    const error = await failure(chart().text(values));
    if (!(error instanceof CommandFailed)) throw error;
    const keys = path.split('.');
    const last = keys.at(-1) ?? '';
    const above = keys.slice(0, -1);
    // For an unknown key, helm names the place above it and the key.
    const ways = [keys.join('.'), `/${keys.join('/')}`];
    const unknown = [
      `${above.join('.') || '(root)'}: Additional property ${last}`,
      `'${above.map((key) => `/${key}`).join('')}': additional properties '${last}'`,
    ];
    expect([...ways, ...unknown].filter((text) => error.output.includes(text))).not.toEqual([]);
  });

  it.each([
    [
      'plain http',
      minimal({}, { authorizationServers: { corporate: { issuer: 'http://login.example.com' } } }),
      'must be an https URL without user and password, or http on loopback only',
    ],
    ['a name', minimal({}, { tokens: [tokenWith({ name: 'Dynamics!' })] }), 'must be a DNS label: lower-case letters'],
    [
      'a duration',
      minimal({}, { tokens: [tokenWith({ renewal: { interval: '10 minutes' } })] }),
      'must be a duration such as 30s, 10m or 1h30m',
    ],
    ['no time at all', minimal({}, { tokens: [tokenWith({ renewal: { interval: '0s' } })] }), 'must be more than zero'],
    ['a percentage', minimal({}, { tokens: [tokenWith({ renewal: { at: '95%' } })] }), 'must be a percentage from 1%'],
    ['a tag', { image: { repository: 'a:1' } }, 'must be a repository without a tag or digest'],
  ])('%s that is wrong has plain words before the pattern', async (_what, values, words) => {
    const { output } = (await failure(chart().text(values))) as CommandFailed;
    expect(output).toMatch(new RegExp(`pattern '\\(\\?:${words}`));
  });

  it('never repeat a secret', async () => {
    const error = await failure(chart().text({ credentials: { dynamics: { client_secret: 'a-secret-by-mistake' } } }));
    expect((error as CommandFailed).output).not.toContain('a-secret-by-mistake');
  });

  it('may hold more in the globals of a parent', async () => {
    await chart().text(minimal({ global: { others: { key: 1 } }, enabled: 'whatever' }));
  });

  it.each(['replicaCount', 'imagePullSecrets'])(
    'the key %s of other charts gets to the sentence that says more',
    async (key) => {
      const error = await failure(chart().text(minimal({ [key]: 2 })));
      expect((error as CommandFailed).output).toContain(`guards.yaml:4:4): \n${key} `);
      expect((error as CommandFailed).output).not.toMatch(/additional propert/i);
    },
  );
});

describe('the words before patterns', () => {
  const wordless = (node: unknown, path = ''): string[] => {
    if (typeof node !== 'object' || node === null) return [];
    return Object.entries(node).flatMap(([key, value]) => {
      if (key === 'not') return [];
      if (key !== 'pattern' || typeof value !== 'string') return wordless(value, `${path}/${key}`);
      return /^\(\?:must be [^)]{10,}\)\{0\}\(\?:/.test(value) ? [] : [path];
    });
  };

  it('exist everywhere', () => {
    expect(wordless(JSON.parse(read('values.schema.json')))).toEqual([]);
  });

  it.each([
    ['an anchored pattern', '^https?://', 'https://a', 'ftp://https://'],
    ['a pattern for any part', '[1-9]', '0.5s', '0s'],
  ])('leave %s as it is', (_what, pattern, right, wrong) => {
    const worded = new RegExp(withWords({ pattern }).pattern, 'u');
    expect([right, wrong].map((text) => worded.test(text))).toEqual([true, false]);
    expect(worded.test(`must be more than zero${wrong}`)).toBe(false);
  });

  it('are asked for where a pattern has none', () => {
    expect(() => withWords({ items: [{ pattern: '^new$' }] })).toThrow(
      'pattern-words.ts has no words for the pattern ^new$.',
    );
  });
});

describe('values to try and to begin with', () => {
  const helms = realParts(async () => ({ binaries: await helmBinaries(), stop: async () => {} }));

  it('are at least twenty files', () => {
    expect(FILES.length).toBeGreaterThanOrEqual(20);
  });

  it.each(FILES)('pass a strict lint of both helms: %s', async (file) => {
    for (const { name, file: command } of helms().binaries) {
      const printed = await run({
        label: `${name} lint`,
        command,
        args: ['lint', '--strict', CHART, '--values', join(CHART, file)],
      });
      expect(printed).not.toMatch(/\[(?:WARNING|ERROR)\]/);
    }
  });
});

describe('values.schema.json', () => {
  const schema = chartSchema(VALUES, read('renamed.yaml'));

  it('is what is in the chart', () => {
    expect(read('values.schema.json')).toBe(schema);
  });

  it('has every value by its comment', () => {
    const properties = (JSON.parse(schema) as { properties: Record<string, { description?: string }> }).properties;
    expect(properties['logLevel']?.description).toBe('Minimum log level: `debug`, `info`, `warn` or `error`.');
    expect(chartValues(VALUES).length).toBeGreaterThan(80);
  });

  it('is not made where the chart has a value that it does not know', () => {
    const more = `${VALUES}\n# -- New.\nnovelty: 1\n`;
    expect(() => chartSchema(more, '{}')).toThrow(
      'values.yaml has the key novelty, but src/docs/chart-schema.ts does not.',
    );
  });

  it('is not made of a value without a comment', () => {
    expect(() => chartValues('# -- A.\na: 1\nb: 2\n')).toThrow('values.yaml does not describe b');
  });
});

describe("the table of the chart's README", () => {
  it.each([
    ['a text of several lines, in one', '# -- One\n# two.\na: ""\n', '| `a` |  | One two. |'],
    ['a value further down, by its path', 'a:\n  # -- Deep.\n  b: 1\n', '| `a.b` | `1` | Deep. |'],
    ['a mapping as a whole', '# -- Whole.\na:\n  b: [x]\n', '| `a` | `{"b":["x"]}` | Whole. |'],
    ['a bar, so that it is no column', '# -- a|b.\na: "|"\n', String.raw`| ${'`a`'} | ${'`"\\|"`'} | a\|b. |`],
    ['without what is a heading', '# Heading.\na:\n  # -- Deep.\n  b: true\n', '| `a.b` | `true` | Deep. |'],
  ])('has %s', (_, values, row) => {
    expect(chartReference(values).split('\n')[2]).toBe(row);
  });
});
