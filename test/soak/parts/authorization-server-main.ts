// An authorization server that can be disturbed: oidc-provider, with a grace for used refresh tokens.

import { servePart } from '../../bench/parts/part.ts';
import { startDisturbedServer } from './disturbed-server.ts';
import type { ServerAsk, ServerInstructions } from './server-messages.ts';

servePart<ServerInstructions, ServerAsk>(async (instructions) => {
  const server = await startDisturbedServer(instructions);
  return { ready: server.ready, answer: (ask) => server.answer(ask) };
});
