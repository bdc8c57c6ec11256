import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { command } from '../e2e/acquirer-process.ts';
import { realParts, stopAll } from '../real/real-parts.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { CHART, type Chart, configurationOf, HELMS, openChart, podOf, type Rendered } from './chart.ts';

interface Example {
  readonly file: string;
  /** Keys of the Secret of its credential, as the file and its page say. */
  readonly keys: readonly string[];
  readonly page: string;
}

const EXAMPLES: readonly Example[] = [
  { file: 'aks-values.yaml', keys: ['client_id', 'client_secret'], page: 'aks-entra.md' },
  { file: 'aks-workload-identity-values.yaml', keys: ['client_id'], page: 'aks-entra.md' },
  { file: 'aks-certificate-values.yaml', keys: ['client_id', 'private_key', 'certificate'], page: 'aks-entra.md' },
  {
    file: 'aks-password-values.yaml',
    keys: ['client_id', 'client_secret', 'username', 'password'],
    page: 'aks-entra.md',
  },
  { file: 'eks-values.yaml', keys: ['client_id', 'client_secret'], page: 'eks-cognito.md' },
  { file: 'on-premises-values.yaml', keys: ['client_id', 'client_secret'], page: 'keycloak-envoy.md' },
];

async function bothHelms(): Promise<{ charts: readonly Chart[]; stop(): Promise<void> }> {
  const charts = await Promise.all(HELMS.map((name) => openChart(name)));
  return { charts, stop: () => stopAll(charts) };
}

const folder = temporaryDirectory();
afterAll(() => folder.remove());

/** What `validate` says of the configuration with a credential of these keys. */
async function validated(
  configuration: string,
  credential: string,
  keys: readonly string[],
): Promise<[number | null, string]> {
  const place = join(folder.path, `${credential}-${keys.join('-')}`);
  mkdirSync(join(place, 'credentials', credential), { recursive: true });
  // Of the pod; here a public CA stands in for it.
  const caFile = join(place, 'ca.crt');
  writeFileSync(caFile, rootCertificates[0] ?? '');
  writeFileSync(join(place, 'config.yaml'), configuration.replaceAll(/caFile: \/etc\S+/g, `caFile: ${caFile}`));
  for (const key of keys) writeFileSync(join(place, 'credentials', credential, key), secret(key));
  const files = ['--config', join(place, 'config.yaml'), '--credentials', join(place, 'credentials')];
  const { code, stdout, stderr } = await command(['validate', ...files]);
  return [code, stdout + stderr];
}

it('every example is tried', () => {
  expect(
    globSync('examples/*-values.yaml', { cwd: CHART })
      .map((file) => basename(file))
      .toSorted(),
  ).toEqual(EXAMPLES.map(({ file }) => file).toSorted());
});

describe.each(EXAMPLES)('$file', ({ file, keys, page }) => {
  const helms = realParts(bothHelms);
  const text = readFileSync(join(CHART, 'examples', file), 'utf8');
  let objects: readonly Rendered[];
  beforeAll(async () => {
    objects = (await helms().charts[0]?.objects(parse(text) as object)) ?? [];
  });

  it('says which page it belongs to and what the Secret of its credential holds, and the page names it', () => {
    const [said = ''] = /^(?:#.*\n)+/.exec(text) ?? [];
    expect(said).toContain(`docs/install/${page}`);
    for (const key of keys) expect(said).toMatch(new RegExp(`\\b${key}\\b`));
    expect(readFileSync(join(CHART, '../../docs/install', page), 'utf8')).toContain(
      `charts/token-acquirer/examples/${file}`,
    );
  });

  it('needs at most 15 lines, where nothing stands between', () => {
    const lines = text.split('\n').filter((line) => line !== '' && !/^\s*#/.test(line));
    expect(lines.length).toBeLessThanOrEqual(file.startsWith('on-premises') ? 17 : 15);
  });

  it('is rendered alike by both helms', async () => {
    const [three, four] = await Promise.all(helms().charts.map((chart) => chart.text(parse(text) as object)));
    expect(three).toBe(four);
  });

  it('gives a configuration that validates with those keys, and says when one is missing', async () => {
    const { text: configuration, tokens } = configurationOf(objects);
    const credential = tokens[0]?.credential ?? '';
    const [code, said] = await validated(configuration, credential, keys);
    expect(said).toContain('The configuration is valid: 1 token; the credentials are complete.');
    expect(code).toBe(0);
    // `private_key_jwt` works without a certificate, too; Entra ID is what needs it.
    const [needed] = keys.filter((key) => key !== 'certificate' && key !== 'client_id').slice(-1);
    if (needed === undefined) return;
    const fewer = await validated(
      configuration,
      credential,
      keys.filter((key) => key !== needed),
    );
    expect(fewer[0]).toBe(2);
    expect(fewer[1]).toContain(`has no file ${needed}. Add it with`);
  });

  it('has the assertion where the configuration looks for it, if it needs one', () => {
    const { servers } = configurationOf(objects);
    const files = Object.values(servers).flatMap((server) => ('assertionFile' in server ? server.assertionFile : []));
    const { spec, container } = podOf(objects);
    const projected = (spec.volumes ?? []).flatMap(({ name, projected: volume }) =>
      (volume?.sources ?? [])
        .map(({ serviceAccountToken }) => serviceAccountToken as { audience?: string; path: string } | undefined)
        .filter((token) => token?.audience === 'api://AzureADTokenExchange')
        .map((token) => ({ name, path: token?.path ?? '' })),
    );
    const mounted = projected.map(({ name, path }) =>
      join(container.volumeMounts?.find((mount) => mount.name === name)?.mountPath ?? '', path),
    );
    expect(mounted).toEqual(files);
    expect(files.length).toBe(file.includes('workload-identity') ? 1 : 0);
  });
});
