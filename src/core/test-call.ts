/**
 * The header of a call that only tries the chain, as `helm test` does. The token-acquirer serves such a call like any
 * other. The call is no sign that the client app runs, it pauses no other caller, and it leads to no event and no alert.
 */
export const TEST_HEADER = 'token-acquirer-test';
export const TEST_VALUE = 'true';
