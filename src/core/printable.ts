/** Control and format characters: they move the cursor, change colors, and reorder or hide text. Tabs and new lines do not. */
const UNPRINTABLE = /[^\P{Cc}\n\t]|[\p{Cf}\u2028\u2029]/gu;

/**
 * The text with every control and format character written as `\uXXXX`, so that nothing that a server sent can
 * act on a terminal. New lines and tabs stay. JSON text stays JSON of the same value, if it has no such character outside a
 * string.
 */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, (found) => {
    const units = Array.from({ length: found.length }, (_, index) => found.charCodeAt(index));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
  });
}

/** The same on one line: a text with a line break could otherwise fake a row of a table. */
export function printableLine(text: string): string {
  return printable(text.replaceAll(/\s+/g, (blanks) => (/[\n\t]/.test(blanks) ? ' ' : blanks)));
}
