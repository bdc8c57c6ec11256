import { describe } from 'vitest';
import { describeApache } from './apache-suite.ts';
import { describeEnvoy } from './envoy-suite.ts';
import { startJwtServer, startOpaqueServer } from './oidc-provider-servers.ts';
import { realParts } from './real-parts.ts';

const NO_REVOCATION = { status: 400, body: /unsupported_token_type/, introspectionTells: false };

describe('with JWTs of oidc-provider', () => {
  describeEnvoy('oidc-provider', realParts(startJwtServer), NO_REVOCATION);
});

describe('with opaque tokens of oidc-provider', () => {
  describeApache('oidc-provider', realParts(startOpaqueServer));
});
