import type { AccessToken } from '../../src/core/access-token.ts';
import { StoreError } from '../../src/core/errors.ts';
import type { StatusReport } from '../../src/token-acquirer/endpoints/status-report.ts';
import type { AcquirerPod, ClusterView, Scope, SecretEvent } from '../../src/token-acquirer/plugin/cluster-view.ts';
import type { PodUses } from '../../src/token-acquirer/plugin/consumers.ts';
import type { PluginOutput } from '../../src/token-acquirer/plugin/output.ts';

/** A cluster whose parts a test sets. An Error in place of a value is thrown. */
export class FakeClusterView implements ClusterView {
  acquirerPods: readonly AcquirerPod[] | Error = [];
  limit: string | undefined;
  readonly reports = new Map<string, StatusReport | Error>();
  secretEvents: readonly SecretEvent[] | Error = [];
  podUses: readonly PodUses[] | Error = [];
  resources: readonly AccessToken[] | Error = [];
  readonly scopes: Scope[] = [];

  async acquirers(scope: Scope) {
    this.scopes.push(scope);
    return { pods: valueOf(this.acquirerPods), limit: this.limit };
  }

  async status({ name }: AcquirerPod): Promise<StatusReport> {
    return valueOf(this.reports.get(name) ?? missing(name));
  }

  async events(): Promise<readonly SecretEvent[]> {
    return valueOf(this.secretEvents);
  }

  async accessToken(namespace: string, name: string): Promise<AccessToken | undefined> {
    return valueOf(this.resources).find((one) => one.namespace === namespace && one.name === name);
  }

  async accessTokens(): Promise<readonly AccessToken[]> {
    return valueOf(this.resources);
  }

  async pods(): Promise<readonly PodUses[]> {
    return valueOf(this.podUses);
  }
}

function missing(name: string): Error {
  return new StoreError(`The pod ${name} does not answer.`);
}

function valueOf<Value extends object>(value: Value | Error): Value {
  if (value instanceof Error) throw value;
  return value;
}

/** Keeps what a command prints. */
export function recordedOutput(): PluginOutput & { readonly printed: { out: string; view: string; error: string } } {
  const printed = { out: '', view: '', error: '' };
  return {
    printed,
    out: (text) => void (printed.out += text),
    view: (text) => void (printed.view += text),
    error: (text) => void (printed.error += text),
    renew: () => void (printed.view += '---\n'),
  };
}
