/** The variables by which `npm run fuzz` chooses other inputs, and more of them. */
export const SEED_VARIABLE = 'TOKEN_ACQUIRER_FUZZ_SEED';
export const TIMES_VARIABLE = 'TOKEN_ACQUIRER_FUZZ_TIMES';
