/** What a promise was rejected with; throws where it was not. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`This should have failed, but gave ${typeof value}.`);
}
