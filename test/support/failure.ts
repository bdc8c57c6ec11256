/** Returns the error of a rejected promise. Throws if the promise was not rejected. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`This should have failed, but gave ${typeof value}.`);
}
