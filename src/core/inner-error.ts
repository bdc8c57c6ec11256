import { errorKind } from './error-kind.ts';

/** A line of a stack: a function, its file, line and column. The text of an error does not look like this by chance. */
const FRAME = /^ {4}at (?:[^()]+ \()?(?:file:\/\/|node:|\/)[^\s()]+:\d+:\d+\)?$/;
const PLACE = /[^\s()]+:\d+:\d+/;
const DEEPEST = 5;

/** Where an error came from, for the `cause` of another one: its class and its frames, without its message. */
export class InnerError extends Error {
  override readonly name = 'InnerError';
}

/** Makes a `cause` that can be printed: messages of inner errors may quote a secret, so none is kept. */
export function innerError(error: unknown, depth = 1): InnerError | undefined {
  if (error === undefined) return undefined;
  const next = error instanceof Error && depth < DEEPEST ? innerError(error.cause, depth + 1) : undefined;
  const inner = new InnerError(errorKind(error), next && { cause: next });
  inner.stack = [`${inner.name}: ${inner.message}`, ...framesOf(error)].join('\n');
  return inner;
}

/** Returns the frames of an error's stack, without its message. */
export function framesOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [];
  const { message, stack = '' } = error;
  // A message of several lines may look like frames. It stands before them.
  const start = stack.indexOf(message);
  return start === -1 ? [] : linesAfter(stack, start + message.length).filter((line) => FRAME.test(line));
}

/** Returns the class of an error and the place where it was thrown, for a sentence. */
export function errorPlace(error: unknown): string {
  const [place] = framesOf(error)[0]?.match(PLACE) ?? [];
  return place === undefined ? errorKind(error) : `${errorKind(error)} at ${place}`;
}

function linesAfter(text: string, start: number): string[] {
  return text.slice(start).split('\n').slice(1);
}
