import { ClientAppView } from './client-app-view.ts';
import { CopyUpkeep } from './copy-upkeep.ts';
import type { CycleDependencies, Neighbours } from './cycle-dependencies.ts';
import { HeldToken } from './held-token.ts';
import { InputView } from './input-view.ts';
import { MountedVolumes } from './mounted-volumes.ts';
import { RefreshChain } from './refresh-chain.ts';
import { ReplacedTokens } from './replaced-tokens.ts';
import type { TokenSpecification } from './specification.ts';
import { StoredCopy } from './stored-copy.ts';
import { TokenRequests } from './token-requests.ts';
import { TokenStatus } from './token-status.ts';
import { UnknownCallers } from './unknown-callers.ts';

/** What the cycle of one token consists of. */
export interface CycleParts {
  readonly status: TokenStatus;
  readonly held: HeldToken;
  readonly copy: StoredCopy;
  readonly upkeep: CopyUpkeep;
  readonly requests: TokenRequests;
  readonly replaced: ReplacedTokens;
  readonly chain: RefreshChain;
  readonly clientApp: ClientAppView;
  readonly volumes: MountedVolumes;
  readonly inputs: InputView;
  readonly unknownCallers: UnknownCallers;
}

/** Wires the parts of one cycle. `owner` has the specification that is in force. */
export function createParts(
  owner: { readonly specification: TokenSpecification },
  dependencies: CycleDependencies,
  { isTaken, isUsed, leadership, requested }: Neighbours,
): CycleParts {
  // One by one, because a copy of all of them weighs on a process with thousands of tokens.
  const { clock, random, store, volume, endpoint, slots, abandon, readings } = dependencies;
  const { execution, clocks, outages, gate, proofs, chains, shards, logDecision, storeWatch, mayBeFormer } =
    dependencies;
  const { identity } = owner.specification;
  const status = new TokenStatus(identity, dependencies);
  const volumes = new MountedVolumes({ volume, status });
  const onWritten = (): void => void volumes.follow(held);
  // One object for all three, for the same reason.
  const stored = { store, storeWatch, isTaken, volume, onWritten, owner };
  const shared = { clock, random, status, leadership, logDecision, requested, mayBeFormer, ...stored };
  const copy = new StoredCopy(shared);
  const held = new HeldToken(shared, copy);
  const onMark = (): void => slots.foundMark(owner.specification.authorizationServer);
  const chain = new RefreshChain(identity, { clock, store: chains, onMark, leadership, owners: shards?.chains });
  const replaced = new ReplacedTokens(dependencies, { held, status, isUsed });
  const requests = new TokenRequests({
    clock,
    random,
    endpoint,
    slots,
    abandon,
    held,
    chain,
    leadership,
    status,
    clocks,
    outages,
    gate,
    proofs,
    readings,
    replaced,
  });
  return {
    status,
    held,
    copy,
    upkeep: new CopyUpkeep(shared, held, copy),
    requests,
    replaced,
    chain,
    clientApp: new ClientAppView({ clock, execution, status }),
    volumes,
    inputs: new InputView(dependencies.inputs, status),
    unknownCallers: new UnknownCallers({ clock, status }),
  };
}
