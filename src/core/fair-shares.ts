/**
 * Returns how many of `places` each one gets: one in each round until it has as many as it wants. So nobody gets less than
 * anyone who wants more, and what some leave goes to the others. The first ones get what no longer suffices for all.
 */
export function fairShares(wants: readonly number[], places: number): readonly number[] {
  const shares = wants.map(() => 0);
  let left = places;
  let unsatisfied = indexesBelow(shares, wants);
  while (left > 0 && unsatisfied.length > 0) {
    const served = unsatisfied.slice(0, left);
    for (const index of served) shares[index] = (shares[index] ?? 0) + 1;
    left -= served.length;
    unsatisfied = indexesBelow(shares, wants);
  }
  return shares;
}

function indexesBelow(shares: readonly number[], wants: readonly number[]): readonly number[] {
  return [...wants.keys()].filter((index) => (shares[index] ?? 0) < (wants[index] ?? 0));
}
