/** A JSON pointer (RFC 6901) without the empty one, which points at the whole document. */
export const POINTER = /^(?:\/(?:[^~/]|~[01])*)+$/;
const INDEX = /^(?:0|[1-9]\d*)$/;

type Container = Readonly<Record<string, unknown>>;

/** Returns the reference tokens of a pointer. */
export function pointerParts(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** Returns the value at the pointer; `undefined` where there is none. Only own members count. */
export function valueAt(document: unknown, pointer: string): unknown {
  return pointerParts(pointer).reduce<unknown>((value, part) => {
    if (typeof value !== 'object' || value === null) return undefined;
    if (Array.isArray(value)) return INDEX.test(part) ? value[Number(part)] : undefined;
    return Object.hasOwn(value, part) ? (value as Container)[part] : undefined;
  }, document);
}

/**
 * Returns the document that has each value at its pointer. Parts that are exactly the numbers from 0 on make an array.
 * A name without `/` is a member of the document.
 *
 * @example
 * documentOf([['/user/name', 'ada'], ['/roles/0', 'clerk']]); // { user: { name: 'ada' }, roles: ['clerk'] }
 */
export function documentOf(values: readonly (readonly [place: string, value: unknown])[]): unknown {
  return branch(values.map(([place, value]) => ({ parts: partsOf(place), value })));
}

/** Returns two places of which one is inside the other or is the same, so that no document can have both. */
export function conflictIn(places: readonly string[]): readonly [string, string] | undefined {
  const sorted = places.map((place) => ({ place, path: JSON.stringify(partsOf(place)).slice(0, -1) }));
  for (const one of sorted) {
    const inside = sorted.find(
      (other) => other !== one && (other.path === one.path || other.path.startsWith(`${one.path},`)),
    );
    if (inside !== undefined) return [one.place, inside.place];
  }
  return undefined;
}

interface Leaf {
  readonly parts: readonly string[];
  readonly value: unknown;
}

function partsOf(place: string): readonly string[] {
  return place.startsWith('/') ? pointerParts(place) : [place];
}

function branch(leaves: readonly Leaf[]): unknown {
  const [first] = leaves;
  if (first !== undefined && first.parts.length === 0) return first.value;
  const groups = Map.groupBy(leaves, ({ parts }) => parts[0] ?? '');
  const members = [...groups].map(
    ([name, inside]) => [name, branch(inside.map(({ parts, value }) => ({ parts: parts.slice(1), value })))] as const,
  );
  const isList = members.length > 0 && Array.from(members.keys()).every((index) => groups.has(String(index)));
  if (!isList) return Object.fromEntries(members);
  return members.toSorted(([one], [other]) => Number(one) - Number(other)).map(([, value]) => value);
}
