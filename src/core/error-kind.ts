/** Returns the class name of an error. Its message may quote anything, a secret too, so only the name may be shown. */
export function errorKind(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown';
}
