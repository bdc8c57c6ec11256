import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256, type Token } from '../../../src/core/token.ts';
import { toVolumeData } from '../../../src/core/token-volume.ts';
import { FakeReissuer } from '../../fakes/fake-reissuer.ts';
import { AtomicWriter } from '../../support/atomic-writer.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../../support/certificates.ts';
import { freshToken } from '../../support/client-side.ts';
import { startReissueServer } from '../../support/reissue-server.ts';
import { secret } from '../../support/secrets.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { successorOf } from '../../support/token-source.ts';
import { installEnvoy } from '../install/envoy.ts';
import { stopAll } from '../real-parts.ts';
import { type OrderDesk, type ServiceOptions, startOrderDesk } from './order-desk.ts';
import { REISSUE_HOST, type Sidecar, startSidecar } from './sidecar.ts';

const HOUR = 3_600_000;
/** Of the reissue endpoint, for all places of a file. */
let ownAuthority: CertificateAuthority | undefined;

export interface PlaceOptions extends ServiceOptions {
  /** False: the sidecar only reads its files. */
  readonly reissue?: boolean;
  /** Signs the certificate of the reissue endpoint, by default the CA that the volume has. */
  readonly reissueAuthority?: CertificateAuthority;
  /** The sidecar takes the service for one with TLS. */
  readonly tlsExpected?: boolean;
  /** Of the CA of the service, which the sidecar trusts. */
  readonly caFile?: string;
  /** Further keys of the route. */
  readonly route?: object;
  /** Further keys of the sidecar. */
  readonly more?: object;
}

/** A sidecar between a caller and a service, on loopback, with its volume and a reissue endpoint. */
export interface SidecarPlace {
  readonly sidecar: Sidecar;
  readonly service: OrderDesk;
  /** The token-acquirer behind the reissue endpoint. The service accepts its tokens. */
  readonly acquirer: FakeReissuer;
  /** The header `traceparent` of each reissue call. */
  readonly traceparents: readonly (string | undefined)[];
  /** Of the service through the sidecar: `http://127.0.0.1:PORT/service`. */
  readonly url: string;
  /** In milliseconds, from the reissue to the files of the volume. `undefined`: they never follow. */
  lag: number | undefined;
  current(): Token;
  /** Issues a token without a call, as a renewal does. */
  renew(): Token;
  mount(token: Token): void;
  /** The hash of the token in the volume. */
  mounted(): string;
  /** The service rejects the current token from now on. */
  revoke(): void;
  stopEndpoint(): Promise<void>;
  stop(): Promise<void>;
}

export async function openSidecarPlace(options: PlaceOptions = {}): Promise<SidecarPlace> {
  const program = await installEnvoy();
  const folder = temporaryDirectory();
  const tokenDirectory = join(folder.path, 'tokens');
  const callerTokenDirectory = join(folder.path, 'caller');
  const volume = new AtomicWriter(tokenDirectory);
  const callerToken = secret('caller-token');
  mkdirSync(callerTokenDirectory);
  writeFileSync(join(callerTokenDirectory, 'token'), callerToken);
  const service = await startOrderDesk(options);
  const held: Record<string, Token> = { dynamics: freshToken() };
  const current = (): Token => held['dynamics'] ?? freshToken();
  ownAuthority ??= createCertificateAuthority();
  const { ca } = ownAuthority;
  const mount = (token: Token): void => volume.write({ ...toVolumeData('dynamics', token), 'ca.crt': ca });
  let waiting: NodeJS.Timeout | undefined;
  const mountLater = (token: Token, lag: number): void => {
    clearTimeout(waiting);
    waiting = setTimeout(mount, lag, token);
  };
  const issue = (previous: Token): Token => {
    const issued = successorOf(previous, { issuedAt: Date.now(), expiresAt: Date.now() + HOUR });
    service.accepted.add(issued.sha256);
    return issued;
  };
  const acquirer = new FakeReissuer({
    tokens: held,
    issue(_, previous) {
      const issued = issue(previous);
      if (place.lag === 0) mount(issued);
      else if (place.lag !== undefined) mountLater(issued, place.lag);
      return issued;
    },
  });
  service.accepted.add(current().sha256);
  mount(current());
  const certificate = (options.reissueAuthority ?? ownAuthority).issue(`DNS:${REISSUE_HOST}`);
  const endpoint = await startReissueServer({ reissuer: acquirer, callerToken, certificate });
  const upstream = options.tlsExpected === true ? service.url.replace('http:', 'https:') : service.url;
  const trust = options.caFile === undefined ? {} : { certificateAuthority: { configMap: 'service-ca' } };
  const sidecar = await startSidecar({
    program,
    tokenDirectory,
    callerTokenDirectory,
    ...(options.reissue !== false && { reissuePort: endpoint.port }),
    ...(options.more !== undefined && { more: options.more }),
    ...(options.caFile !== undefined && { caFile: options.caFile }),
    routes: [{ name: 'service', upstream, ...trust, ...options.route }],
  });
  const place: SidecarPlace = {
    sidecar,
    service,
    acquirer,
    traceparents: endpoint.traceparents,
    url: `${sidecar.url}/service`,
    lag: 0,
    current,
    renew() {
      held['dynamics'] = issue(current());
      return current();
    },
    mount,
    mounted: () => sha256(readFileSync(join(tokenDirectory, 'dynamics'), 'utf8')),
    revoke: () => void service.accepted.delete(current().sha256),
    stopEndpoint: () => endpoint.stop(),
    async stop() {
      clearTimeout(waiting);
      await stopAll([service, endpoint, sidecar]);
      folder.remove();
    },
  };
  return place;
}
