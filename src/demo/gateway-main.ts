// The API gateway's process.
import { Redacted } from '../core/redacted.ts';
import { announce, exitWithParent, instructions, report } from './child.ts';
import { type GatewayVerdict, startGateway } from './gateway.ts';
import type { GatewayInstructions } from './messages.ts';

exitWithParent();

const { service, introspectionEndpoint, clientId, clientSecret } = await instructions<GatewayInstructions>();
const { url } = await startGateway({
  service,
  introspection: { endpoint: introspectionEndpoint, clientId, clientSecret: new Redacted(clientSecret) },
  onVerdict: (verdict) => report<GatewayVerdict>(verdict),
});
announce({ url });
