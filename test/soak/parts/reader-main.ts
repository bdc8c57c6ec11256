// A program without the library: reads the file for each call, and sends what is in it.
import { join } from 'node:path';
import { isBearerToken } from '../../../src/core/bearer.ts';
import { servePart } from '../../bench/parts/part.ts';
import { CallTally } from './call-tally.ts';
import { type CalledToken, type CallerAsk, type CallerInstructions, KEY } from './caller-messages.ts';
import { Pace } from './pace.ts';
import { type ReadToken, readBoth, storedToken, thrown } from './stored-token.ts';

servePart<CallerInstructions, CallerAsk>(async ({ tokens, gateway, rate }) => {
  const tally = new CallTally();
  const pace = new Pace(rate, async (number) => {
    const token = tokens[number % tokens.length];
    if (token !== undefined) await callOnce(token, gateway, tally);
  });
  const answer = ({ what }: CallerAsk): unknown => {
    if (what === 'begin') pace.begin();
    if (what === 'end') pace.end();
    return tally.report(pace.inFlight);
  };
  return { ready: {}, answer };
});

async function callOnce(called: CalledToken, gateway: string, tally: CallTally): Promise<void> {
  const began = Date.now();
  const { app, directory } = called;
  const outcome = await outcomeOf(called, gateway, tally);
  const ended = Date.now();
  tally.called(ended - began);
  // What was stored only after the file had been read does not count.
  if (outcome !== '200')
    tally.failed({ app, began, ended, outcome, stored: await storedToken(join(directory, KEY), gateway, began) });
}

/** `file`: it cannot be read, or holds what no header can. */
async function outcomeOf({ app, directory }: CalledToken, gateway: string, tally: CallTally): Promise<string> {
  const read = readOrNothing(directory);
  if (read === undefined || !isBearerToken(read.token)) return 'file';
  if (!read.whole) tally.torn(app);
  try {
    const answer = await fetch(gateway, { headers: { authorization: `Bearer ${read.token}` } });
    await answer.arrayBuffer();
    return String(answer.status);
  } catch (error) {
    return thrown(error);
  }
}

function readOrNothing(directory: string): ReadToken | undefined {
  try {
    return readBoth(directory);
  } catch {
    return undefined;
  }
}
