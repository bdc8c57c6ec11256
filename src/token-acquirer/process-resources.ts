import type { TokenEvent } from '../core/events.ts';
import type { TokenIdentity } from '../core/token.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Adapters } from './adapters.ts';
import type { Leadership } from './leadership/leadership.ts';
import type { ProcessShards } from './process-shards.ts';
import { ResourceTokens } from './resources/resource-tokens.ts';
import type { Acquirer } from './token/acquirer.ts';
import type { Dependencies } from './token/cycle-dependencies.ts';
import { afterAdoption } from './token/last-revocation.ts';
import type { TokenCycle } from './token/token-cycle.ts';
import type { Admission } from './token/token-requests.ts';

interface Parts {
  readonly adapters: Adapters;
  readonly leadership: Leadership;
  readonly shards: ProcessShards;
  readonly acquirer: () => Acquirer;
  readonly changed: () => void;
}

/** Of a person who may change the AccessToken. The cooldown between reissues limits it. */
const FREE: Admission = () => Promise.resolve(undefined);

/** The AccessTokens of this process, and what ties them to their tokens. */
export interface ProcessResources {
  /** `undefined` where there can be none. */
  readonly tokens: ResourceTokens | undefined;
  /** Of the cycles. Through the telemetry AccessTokens learn of their tokens. */
  readonly dependencies: Pick<Dependencies, 'telemetry' | 'isLeft' | 'mayBeFormer'>;
}

export function processResources({ adapters, leadership, shards, acquirer, changed }: Parts): ProcessResources {
  const { accessTokens: resources, telemetry } = adapters;
  if (resources === undefined) return { tokens: undefined, dependencies: { telemetry } };
  const cycles = (): TokenCycle[] => [...acquirer().acquisitions].map(({ cycle }) => cycle);
  const tokens = new ResourceTokens({
    ...adapters,
    resources,
    leadership,
    isFirst: shards.own === 0,
    owns: (specification) => shards.owns(specification),
    find: (identity) => acquirer().find(identity)?.cycle,
    storeChanged: (identity) => acquirer().find(identity)?.cycle.storeChanged(),
    reissue: (identity) => acquirer().find(identity)?.reissues.reissue('', FREE, { isClient: false }),
    revoke: (specification, data, signal) =>
      acquirer().revokeLast(specification, afterAdoption(data, specification, cycles), signal),
    changed,
  });
  const happened = (identity: TokenIdentity, { kind }: TokenEvent): void =>
    tokens.happened(identity, { isLost: kind === 'store-failed' });
  return {
    tokens,
    dependencies: {
      telemetry: observed(telemetry, happened, (identity) => tokens.happened(identity)),
      isLeft: (identity) => tokens.leaves(identity),
      mayBeFormer: (identity) => tokens.mayBeFormer(identity),
    },
  };
}

/** Passes everything on, and reports what happened to which token. */
function observed(
  telemetry: Telemetry,
  happened: Telemetry['token'],
  changed: NonNullable<Telemetry['changed']>,
): Telemetry {
  return {
    changed,
    token(identity, event) {
      telemetry.token(identity, event);
      happened(identity, event);
    },
    process: (event) => telemetry.process(event),
    forget: (identity, only) => telemetry.forget(identity, only),
  };
}
