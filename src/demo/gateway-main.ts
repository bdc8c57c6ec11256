// The API gateway's process.
import { Redacted } from '../core/redacted.ts';
import { announce, exitWithParent, instructions, onOrder, report } from './child.ts';
import { type GatewayVerdict, startGateway } from './gateway.ts';
import type { GatewayInstructions, GatewayOrder } from './messages.ts';

exitWithParent();

const { service, introspectionEndpoint, clientId, clientSecret } = await instructions<GatewayInstructions>();
const ordered = { rejectAll: false };
const { url } = await startGateway({
  service,
  introspection: { endpoint: introspectionEndpoint, clientId, clientSecret: new Redacted(clientSecret) },
  rejectAll: () => ordered.rejectAll,
  onVerdict: (verdict) => report<GatewayVerdict>(verdict),
});
onOrder<GatewayOrder>(({ rejectAll }) => {
  ordered.rejectAll = rejectAll;
});
announce({ url });
