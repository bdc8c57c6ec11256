import { printableLine } from '../../core/printable.ts';
import type { Redacted } from '../../core/redacted.ts';
import type { Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { CheckedEndpoint, NotReissued, SeenClientApp, SeenCondition } from './endpoint.ts';
import type { Finding } from './finding.ts';

export interface ClientAppCheck {
  readonly name: string;
  readonly endpoint: CheckedEndpoint;
  readonly caller: Redacted;
  readonly clock: Clock;
}

/** The token-acquirer reports pods that the selector misses after 5 s. */
const LONGEST_JUDGMENT: Ms = 15_000;
const EVERY: Ms = 500;

/** The selector matches the pods of the client app, and these pods see each new token. */
export async function checkClientApp(check: ClientAppCheck): Promise<Finding> {
  const [result, sentence] = judge(await judgedApp(check));
  return { result, subject: `client app of ${check.name}`, sentence };
}

/** Waits until the token-acquirer has looked at the pods. */
async function judgedApp({ name, endpoint, caller, clock }: ClientAppCheck): Promise<SeenClientApp | NotReissued> {
  const until = clock.monotonic() + LONGEST_JUDGMENT;
  for (;;) {
    const app = await endpoint.clientApp(name, caller);
    if ('kind' in app || isJudged(app) || clock.monotonic() >= until) return app;
    await clock.wait(EVERY);
  }
}

function isJudged(app: SeenClientApp): boolean {
  if (!app.hasSelector || unhealthyIn(app).length > 0) return true;
  const reason = selectionIn(app)?.reason;
  return reason !== undefined && reason !== 'PodsNotJudged';
}

function judge(app: SeenClientApp | NotReissued): [result: Finding['result'], sentence: string] {
  if ('kind' in app) return ['not-tried', whyUnknown(app)];
  const unhealthy = unhealthyIn(app).map(({ message }) => printableLine(message));
  if (unhealthy.length > 0) return ['failed', unhealthy.join(' ')];
  if (!app.hasSelector) return ['not-tried', 'not tried: the token names no pods of it (clientApp.selector).'];
  const { reason, message } = selectionIn(app) ?? {};
  if (message === undefined)
    return ['not-tried', 'not tried: the token-acquirer has not looked at the pods yet. Run the test again.'];
  if (reason === 'PodsSelected') return ['passed', printableLine(message)];
  return ['not-tried', `not tried: ${printableLine(message)} Run the test again when the client app runs.`];
}

function unhealthyIn({ conditions }: SeenClientApp): readonly SeenCondition[] {
  return conditions.filter(({ healthy }) => !healthy);
}

function selectionIn({ conditions }: SeenClientApp): SeenCondition | undefined {
  return conditions.find(({ type }) => type === 'SelectorMatches');
}

function whyUnknown(result: NotReissued): string {
  return result.kind === 'refused' && result.status === 404
    ? 'not tried: the token-acquirer is of a version that does not report it.'
    : 'not tried: the token-acquirer did not report it. See the line on the reissue.';
}
