// The demo's gateway: asks the authorization server about the token of every request.
import { Redacted } from '../../../src/core/redacted.ts';
import { startGateway } from '../../../src/demo/gateway.ts';
import { servePart } from './part.ts';

export interface GatewayPartInstructions {
  readonly service: string;
  readonly introspection: { readonly endpoint: string; readonly clientId: string; readonly clientSecret: string };
}

servePart<GatewayPartInstructions, object>(async ({ service, introspection }) => {
  const clientSecret = new Redacted(introspection.clientSecret);
  const verdicts: Record<number, number> = {};
  const { url } = await startGateway({
    service,
    introspection: { ...introspection, clientSecret },
    onVerdict: ({ status }) => {
      verdicts[status] = (verdicts[status] ?? 0) + 1;
    },
  });
  return { ready: { url }, answer: () => verdicts };
});
