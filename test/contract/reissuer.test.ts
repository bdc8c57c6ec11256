import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { createHttpsReissuer } from '../../src/adapters/http/https-reissuer.ts';
import { ReissueError } from '../../src/core/errors.ts';
import { hashesBefore, type Token } from '../../src/core/token.ts';
import { FakeReissuer } from '../fakes/fake-reissuer.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';
import { startReissueServer } from '../support/reissue-server.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { buildToken } from '../support/tokens.ts';
import { describeReissuer, type ReissuerUnderTest } from './reissuer.ts';

let authority: CertificateAuthority;
beforeAll(() => {
  authority = createCertificateAuthority();
});
afterAll(() => authority.remove());

function successor(previous: Token): Token {
  return buildToken({
    issuedAt: previous.issuedAt + 1000,
    generation: previous.generation + 1,
    previousSha256: hashesBefore(previous),
  });
}

async function fake(): Promise<ReissuerUnderTest> {
  const tokens: Record<string, Token> = { dynamics: buildToken() };
  const expiresIn = 1_234_000;
  const issue = (_: string, previous: Token): Token => successor(previous);
  const reissuer = new FakeReissuer({ tokens, issue, expiresIn });
  return {
    reissuer,
    name: 'dynamics',
    expiresIn,
    current: () => tokens['dynamics'] ?? buildToken(),
    respondWithGeneration() {
      reissuer.respondWith = 'generation';
    },
    refuse(status, retryAfter) {
      reissuer.failure = new ReissueError(`The fake answered ${status}.`, { status, retryAfter });
    },
    async vanish() {
      reissuer.failure = new ReissueError('The fake cannot be reached.');
    },
    async stop() {},
  };
}

async function overHttps(): Promise<ReissuerUnderTest> {
  const behind = await fake();
  const callerToken = secret('caller-token');
  const directory = temporaryDirectory();
  const callerTokenFile = join(directory.path, 'token');
  writeFileSync(callerTokenFile, `${callerToken}\n`);
  const server = await startReissueServer({
    reissuer: behind.reissuer,
    callerToken,
    certificate: authority.issue(),
  });
  return {
    ...behind,
    reissuer: createHttpsReissuer({
      url: server.url,
      namespace: 'billing',
      secret: 'billing-tokens',
      callerTokenFile,
      caFile: authority.caFile,
    }),
    vanish: () => server.stop(),
    async stop() {
      await server.stop();
      directory.remove();
    },
  };
}

describeReissuer('the fake', fake);
describeReissuer('the endpoint over https', overHttps);
