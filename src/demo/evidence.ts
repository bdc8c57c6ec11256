import type { DemoEvent, DemoToken, Happening, HashPrefix, KindOf } from './demo-event.ts';

// Questions of the judges of the scenes about the events. A span excludes its beginning and includes its end.

export interface Span {
  readonly from: number;
  readonly to: number;
}

export function ofKind<Kind extends Happening['kind']>(events: readonly DemoEvent[], kind: Kind): KindOf<Kind>[] {
  return events.filter((event): event is KindOf<Kind> => event.kind === kind);
}

/** Those of one app, in order. */
export function of<Kind extends AppKind>(events: readonly DemoEvent[], kind: Kind, app: string): AppEvent<Kind>[] {
  return ofKind(events, kind).filter((event): event is AppEvent<Kind> => 'app' in event && event.app === app);
}

type AppKind = Extract<Happening, { app: string }>['kind'];
type AppEvent<Kind extends AppKind> = KindOf<Kind>;

export function during<Event extends { readonly at: number }>(events: readonly Event[], { from, to }: Span): Event[] {
  return events.filter(({ at }) => at > from && at <= to);
}

export interface Calls {
  readonly ok: number;
  readonly failed: number;
}

export function callsOf(events: readonly DemoEvent[], app: string, span: Span): Calls {
  const calls = during(of(events, 'call', app), span);
  const ok = calls.filter((call) => call.ok).length;
  return { ok, failed: calls.length - ok };
}

/** `12 calls ok, none failed` */
export function callsText({ ok, failed }: Calls): string {
  return `${ok} ${ok === 1 ? 'call' : 'calls'} ok, ${failed === 0 ? 'none' : failed} failed`;
}

/** The newest token of the app, as the token-acquirer stored it. */
export function currentToken(events: readonly DemoEvent[], app: string): DemoToken | undefined {
  return of(events, 'stored', app).at(-1)?.token;
}

export function verdictsOn(events: readonly DemoEvent[], hash: HashPrefix): KindOf<'verdict'>[] {
  return ofKind(events, 'verdict').filter((verdict) => verdict.hash === hash);
}

/** `0.21 s` */
export function secondsText(duration: number): string {
  const seconds = duration / 1000;
  return `${seconds.toFixed(Math.abs(seconds) < 1 ? 2 : 1)} s`;
}
