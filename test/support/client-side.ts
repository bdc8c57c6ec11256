import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MountedTokensOptions, mountedTokens, type ReissueOptions, type Tokens } from '../../src/client/index.ts';
import type { Token } from '../../src/core/token.ts';
import { toVolumeData } from '../../src/core/token-volume.ts';
import { FakeReissuer } from '../fakes/fake-reissuer.ts';
import { AtomicWriter } from './atomic-writer.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { type ReissueServer, startReissueServer } from './reissue-server.ts';
import { secret } from './secrets.ts';
import { temporaryDirectory } from './temporary.ts';
import { successorOf } from './token-source.ts';
import { buildToken } from './tokens.ts';

/** The surroundings of a client: its volume on disk, a gateway and a reissue endpoint on loopback. */
export interface Surroundings {
  readonly directory: string;
  readonly volume: AtomicWriter;
  readonly gateway: Gateway;
  readonly endpoint: ReissueServer;
  /** The acquirer behind the endpoint. The gateway accepts its tokens. */
  readonly acquirer: FakeReissuer;
  readonly reissue: ReissueOptions;
  readonly faults: string[];
  /** Returns the current token of the acquirer. */
  current(): Token;
  /** Writes a token to the volume as the kubelet does. */
  mount(token: Token): void;
  tokens(options?: Partial<MountedTokensOptions>): Tokens;
  stop(): Promise<void>;
}

/** Makes tokens that are valid now, by the real clock. */
export function freshToken(parts: Partial<Token> = {}): Token {
  const issuedAt = Date.now() - 1000;
  return buildToken({ issuedAt, renewAt: issuedAt + 2_400_000, expiresAt: issuedAt + 3_600_000, ...parts });
}

/** Starts with a valid token in the volume, which the gateway accepts until a test revokes it. */
export async function startSurroundings(): Promise<Surroundings> {
  const { path, remove } = temporaryDirectory();
  const directory = join(path, 'tokens');
  const volume = new AtomicWriter(directory);
  const gateway = await startGateway();
  const held: Record<string, Token> = { dynamics: freshToken() };
  const current = (): Token => held['dynamics'] ?? freshToken();
  const acquirer = new FakeReissuer({
    tokens: held,
    issue(_, previous) {
      const issued = successorOf(previous, { issuedAt: Date.now(), expiresAt: Date.now() + 3_600_000 });
      gateway.accepted.add(issued.sha256);
      return issued;
    },
  });
  const callerToken = secret('caller-token');
  const callerTokenFile = join(path, 'caller-token');
  writeFileSync(callerTokenFile, callerToken);
  const endpoint = await startReissueServer({ reissuer: acquirer, callerToken });
  const reissue = { url: endpoint.url, namespace: 'billing', secret: 'billing-tokens', callerTokenFile };
  const mount = (token: Token): void => volume.write(toVolumeData('dynamics', token));
  const opened: Tokens[] = [];
  const faults: string[] = [];
  gateway.accepted.add(current().sha256);
  mount(current());
  return {
    directory,
    volume,
    gateway,
    endpoint,
    acquirer,
    reissue,
    faults,
    current,
    mount,
    tokens(options) {
      const tokens = mountedTokens({ directory, reissue, onFault: ({ message }) => faults.push(message), ...options });
      opened.push(tokens);
      return tokens;
    },
    async stop() {
      for (const tokens of opened) tokens.close();
      await Promise.all([gateway.stop(), endpoint.stop()]);
      remove();
    },
  };
}
