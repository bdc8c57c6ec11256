import { z } from 'zod';
import { DURATION_FORM, parseDuration } from '../../core/duration.ts';
import { APPS } from '../cast.ts';
import type { AuthorizationServerState, GatewayState } from '../demo-event.ts';
import type { Stage } from '../scenes/scene.ts';

/** The acts that the page may perform. */
export interface PageStage extends Pick<Stage, 'revoke' | 'setInterval' | 'stopApp' | 'startApp'> {
  setAuthorizationServer(state: AuthorizationServerState): void;
  setGateway(state: GatewayState): void;
}

export type Act = (stage: PageStage) => void | Promise<void>;

/** Returns the act of a body, or a sentence about its error. */
type Parse = (body: unknown) => Act | string;

const LONGEST_INTERVAL = 20;
const INTERVAL_FORM = `Give ${DURATION_FORM}, or nothing to let the token decide.`;

const app = z.string().transform((name, context) => {
  const found = APPS.find((one) => one.name === name);
  if (found !== undefined) return found;
  context.addIssue({
    code: 'custom',
    message: `There is no app of that name: ${APPS.map((one) => one.name).join(', ')}.`,
  });
  return z.NEVER;
});
const interval = z
  .string()
  .trim()
  .max(LONGEST_INTERVAL, INTERVAL_FORM)
  .refine((text) => text === '' || parseDuration(text) !== undefined, INTERVAL_FORM);

/** Path → the act of a POST to it, made from its JSON. */
export const ACTS: ReadonlyMap<string, Parse> = new Map([
  ['/acts/revoke', act(z.strictObject({ app }), (body) => (stage) => stage.revoke(body.app))],
  [
    '/acts/interval',
    act(
      z.strictObject({ app, interval }),
      (body) => (stage) => stage.setInterval(body.app, body.interval || undefined),
    ),
  ],
  ['/acts/stop', act(z.strictObject({ app }), (body) => (stage) => stage.stopApp(body.app))],
  ['/acts/start', act(z.strictObject({ app }), (body) => (stage) => stage.startApp(body.app))],
  [
    '/acts/authorization-server',
    act(
      z.strictObject({ state: z.enum(['normal', 'failing', 'rejecting', 'slow']) }),
      (body) => (stage) => stage.setAuthorizationServer(body.state),
    ),
  ],
  [
    '/acts/gateway',
    act(z.strictObject({ state: z.enum(['normal', 'rejecting']) }), (body) => (stage) => stage.setGateway(body.state)),
  ],
]);

function act<Body>(schema: z.ZodType<Body>, make: (body: Body) => Act): Parse {
  return (body) => {
    const parsed = schema.safeParse(body);
    if (parsed.success) return make(parsed.data);
    return parsed.error.issues.map(({ path, message }) => [...path, message].join(': ')).join(' ');
  };
}
