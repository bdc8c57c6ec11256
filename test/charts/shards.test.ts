import { describe, expect, it } from 'vitest';
import { ownerOf, shardsOf } from '../../src/core/shards.ts';
import { parseConfiguration } from '../../src/token-acquirer/configuration/parse.ts';
import { realParts } from '../real/real-parts.ts';
import { find, HELMS, minimal, nameOf, ofKind, openChart, type Rendered, tokenWith } from './chart.ts';

type Labels = Readonly<Record<string, string>>;

interface Deployment {
  readonly spec: {
    readonly selector: { readonly matchLabels: Labels };
    readonly template: {
      readonly metadata: { readonly labels: Labels };
      readonly spec: {
        readonly containers: readonly {
          readonly args: readonly string[];
          readonly resources: { readonly limits: { readonly memory: string } };
        }[];
      };
    };
  };
}

const deployment = (objects: readonly Rendered[], name: string): Deployment['spec'] =>
  (find(objects, `Deployment/${name}`) as unknown as Deployment).spec;
const podLabels = (objects: readonly Rendered[], name: string): Labels =>
  deployment(objects, name).template.metadata.labels;
const selects = (selector: Labels, labels: Labels): boolean =>
  Object.entries(selector).every(([name, value]) => labels[name] === value);
const selectorOf = (object: Rendered): Labels => (object as unknown as { spec: { selector: Labels } }).spec.selector;
const NAMES = ['token-acquirer', 'token-acquirer-shard-1', 'token-acquirer-shard-2'];
const THREE = minimal({ shards: 3, podDisruptionBudget: { enabled: true }, networkPolicy: { enabled: true } });

describe.each(HELMS)('shards, rendered by %s', (name) => {
  const chart = realParts(() => openChart(name));

  it('are one by default, and change nothing but labels of the pods for one', async () => {
    const objects = await chart().objects(minimal());
    expect(ofKind(objects, 'Deployment').map(nameOf)).toEqual(['Deployment/token-acquirer']);
    expect(ofKind(objects, 'Service').map(nameOf)).toEqual(['Service/token-acquirer']);
    const { selector, template } = deployment(objects, 'token-acquirer');
    expect(selector.matchLabels).toEqual({
      'app.kubernetes.io/name': 'token-acquirer',
      'app.kubernetes.io/instance': 'token-acquirer',
    });
    expect(template.spec.containers[0]?.args.filter((argument) => argument.includes('shard'))).toEqual([]);
    // Pods of an earlier version have no label of the release.
    expect(selectorOf(find(objects, 'Service/token-acquirer'))).toEqual(selector.matchLabels);
  });

  it('are a Deployment each, and leave the first one as it is', async () => {
    const [one, three] = await Promise.all([chart().objects(minimal()), chart().objects(minimal({ shards: 3 }))]);
    expect(ofKind(three, 'Deployment').map(nameOf).toSorted()).toEqual(NAMES.map((each) => `Deployment/${each}`));
    expect(find(three, 'Deployment/token-acquirer')).toEqual(find(one, 'Deployment/token-acquirer'));
    for (const [shard, each] of NAMES.entries()) {
      const args = deployment(three, each).template.spec.containers[0]?.args;
      expect(args?.filter((argument) => argument.startsWith('--shard'))).toEqual(
        shard === 0 ? [] : [`--shard=${shard}`],
      );
      expect(podLabels(three, each)['token-acquirer.dev/shard']).toBe(String(shard));
    }
  });

  it('have a Lease each, which the program may use by name, and no other', async () => {
    const objects = await chart().objects(THREE);
    expect(
      ofKind(objects, 'Lease')
        .map(({ metadata }) => metadata.name)
        .toSorted(),
    ).toEqual(NAMES);
    const { rules } = find(objects, 'Role/token-acquirer') as unknown as {
      rules: readonly { resources: readonly string[]; resourceNames: readonly string[]; verbs: readonly string[] }[];
    };
    const [rule, other] = rules.filter(({ resources }) => resources.includes('leases'));
    expect([rule?.resourceNames, rule?.verbs, other]).toEqual([NAMES, ['get', 'update', 'watch'], undefined]);
  });

  it('have selectors of which none matches the pods of another shard', async () => {
    const objects = await chart().objects(THREE);
    for (const each of NAMES) {
      const { matchLabels } = deployment(objects, each).selector;
      const budget = find(objects, `PodDisruptionBudget/${each}`) as unknown as Pick<Deployment, 'spec'>;
      expect(budget.spec.selector.matchLabels).toEqual(matchLabels);
      expect(NAMES.filter((other) => selects(matchLabels, podLabels(objects, other)))).toEqual([each]);
    }
  });

  it('have a Service each for passing calls on, next to the one of all that clients call', async () => {
    const objects = await chart().objects(THREE);
    const reached = (service: string): string[] =>
      NAMES.filter((each) => selects(selectorOf(find(objects, `Service/${service}`)), podLabels(objects, each)));
    expect(reached('token-acquirer')).toEqual(NAMES);
    for (const [shard, each] of NAMES.entries()) expect(reached(`token-acquirer-shard-${shard}`)).toEqual([each]);
    const policy = find(objects, 'NetworkPolicy/token-acquirer') as unknown as {
      spec: { podSelector: { matchLabels: Labels } };
    };
    for (const each of NAMES) expect(selects(policy.spec.podSelector.matchLabels, podLabels(objects, each))).toBe(true);
  });

  it('may call each other where a NetworkPolicy is in force, and no other pod may', async () => {
    const objects = await chart().objects(THREE);
    const { spec } = find(objects, 'NetworkPolicy/token-acquirer') as unknown as {
      spec: { podSelector: object; ingress: readonly object[]; egress: readonly object[] };
    };
    const own = [{ podSelector: spec.podSelector }];
    expect(spec.ingress).toContainEqual({ from: own, ports: [{ port: 'https' }] });
    expect(spec.egress).toContainEqual({ to: own, ports: [{ port: 'https' }] });
  });

  it('are in the configuration, by which the program finds the same owner as the chart', async () => {
    for (const secret of ['billing-tokens', 'orders']) {
      const tokens = Array.from({ length: 500 }, (_, index) =>
        tokenWith({
          name: `token-${index}`,
          secret: { namespace: 'billing', name: secret },
          clientApp: { namespace: 'billing', selector: `app=app-${index}` },
        }),
      );
      const objects = await chart().objects(minimal({ shards: 3 }, { tokens }));
      const config = find(objects, 'ConfigMap/token-acquirer-config') as unknown as { data: { 'config.yaml': string } };
      const parsed = parseConfiguration(config.data['config.yaml'], '/config.yaml');
      expect(parsed.shards.count).toBe(3);
      const owner = ownerOf({ namespace: 'billing', secret }, shardsOf(3, []));
      expect(new Set(parsed.tokens.map(({ shard }) => shard))).toEqual(new Set([owner]));
      const memory = NAMES.map(
        (each) => deployment(objects, each).template.spec.containers[0]?.resources.limits.memory,
      );
      const small = memory.filter((amount) => amount === '192Mi');
      expect([small.length, memory.indexOf('192Mi') === owner]).toEqual([2, false]);
    }
  }, 120_000);

  it('reject what the program would reject, with a sentence', async () => {
    const token = (given: object): object =>
      tokenWith({ secret: { namespace: 'billing', name: 'billing-tokens' }, ...given });
    const tokens = [token({ name: 'a', shard: 0 }), token({ name: 'b', shard: 1 }), token({ name: 'c', shard: 2 })];
    expect(await chart().faults(minimal({ shards: 2 }, { tokens, shards: 4 }))).toEqual([
      'config.shards is set by the chart, so that each shard has a Deployment: set shards instead, next to config.',
      'config.tokens[1].shard differs from that of config.tokens[0] in the same Secret, billing/billing-tokens: all tokens of a Secret are in one shard, so use one number for both.',
      'config.tokens[2].shard is 2, but shards is 2 and the first shard is 0: use a smaller number, or raise shards.',
    ]);
  });
});
