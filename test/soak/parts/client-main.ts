// An application with the client library, which calls at a steady rate with several tokens.
import { join } from 'node:path';
import { authorizedFetch, type Fetch, mountedTokens } from '../../../src/client/index.ts';
import { servePart } from '../../bench/parts/part.ts';
import { CallTally } from './call-tally.ts';
import {
  type CalledToken,
  type CallerAsk,
  type CallerInstructions,
  type FailedCall,
  KEY,
  NAMESPACE,
} from './caller-messages.ts';
import { Pace } from './pace.ts';
import { storedToken, thrown } from './stored-token.ts';

interface Calling {
  readonly token: CalledToken;
  readonly call: Fetch;
  problem?: FailedCall['problem'];
}

servePart<CallerInstructions, CallerAsk>(async ({ tokens, gateway, rate }) => {
  const tally = new CallTally();
  const all = await Promise.all(tokens.map((token) => openCalling(token, gateway)));
  const pace = new Pace(rate, async (number) => {
    const one = all[number % all.length];
    if (one !== undefined) await callOnce(one, gateway, tally);
  });
  const answer = ({ what }: CallerAsk): unknown => {
    if (what === 'begin') pace.begin();
    if (what === 'end') pace.end();
    return tally.report(pace.inFlight);
  };
  return { ready: {}, answer };
});

async function openCalling(token: CalledToken, gateway: string): Promise<Calling> {
  const { app: secret, directory, url, callerTokenFile } = token;
  const tokens = mountedTokens({
    directory,
    reissue: { url, namespace: NAMESPACE, secret, callerTokenFile },
    onFault: ({ message }) => {
      calling.problem = { text: message, at: Date.now() };
    },
  });
  const source = tokens.source(KEY);
  const call = authorizedFetch(source, { origins: [new URL(gateway).origin] });
  const calling: Calling = { token, call };
  await source.ready();
  return calling;
}

async function callOnce(calling: Calling, gateway: string, tally: CallTally): Promise<void> {
  const began = Date.now();
  const { token } = calling;
  const outcome = await outcomeOf(calling.call, gateway);
  const ended = Date.now();
  tally.called(ended - began);
  if (outcome === '200') return;
  const stored = await storedToken(join(token.directory, KEY), gateway, ended);
  const { problem } = calling;
  tally.failed({ app: token.app, began, ended, outcome, stored, ...(problem === undefined ? {} : { problem }) });
}

async function outcomeOf(call: Fetch, gateway: string): Promise<string> {
  try {
    const answer = await call(gateway);
    await answer.arrayBuffer();
    return String(answer.status);
  } catch (error) {
    return thrown(error);
  }
}
